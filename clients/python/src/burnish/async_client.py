"""The async client: one short method per endpoint; what is sent is in calls.py, when to try again in retries.py."""

from __future__ import annotations

import asyncio
import builtins
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self, TypeVar, Unpack

import httpx2

from burnish import admin, asked, calls, errors, files, local, outcomes, packing, settings, specify, streams, wire
from burnish.hooks import AsyncWebhooks
from burnish.job import AsyncJob
from burnish.pages import AsyncPage
from burnish.retries import Retries, retry_after, worth_retrying

T = TypeVar("T")


class AsyncBurnish:
    """A connection to a burnish service. For one event loop; close it, or use it in an `async with`.

    `base_url`: default BURNISH_BASE_URL, else http://127.0.0.1:8000. `api_key`: default BURNISH_API_KEY, else none.
    `timeout`: seconds for one answer. `max_retries`: tries after the first one, 0 for none, or a policy of your own.
    `transport`: what carries the requests, in place of the network. `admin`: keys, quotas. `webhooks`: yours.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = settings.TIMEOUT,
        max_retries: int | Retries = settings.MAX_RETRIES,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.base_url = settings.base_url(base_url)
        self._retries = Retries(attempts=max_retries) if isinstance(max_retries, int) else max_retries
        self._service: local.LocalService | None = None
        self.admin, self.webhooks = admin.AsyncAdmin(self._do), AsyncWebhooks(self._do)
        self._http = httpx2.AsyncClient(
            base_url=self.base_url,
            headers=settings.headers(api_key),
            timeout=settings.timeout(timeout),
            transport=transport,
        )

    @classmethod
    def local(cls, *, workers: int | None = None, device: str = "auto", timeout: float = settings.TIMEOUT) -> Self:
        """A client with a service of its own inside this process: no server, no Ray, no Redis; needs burnish-server.

        `workers`: threads that run blocks, by default one for each core. Jobs end with the client.
        """
        service = local.start(workers=workers, device=device)
        client = cls(local.BASE_URL, timeout=timeout, transport=httpx2.AsyncHTTPTransport(uds=service.socket))
        client._service = service
        return client

    async def surrogate(
        self,
        *,
        problem: specify.Problem,
        points: specify.Points,
        budget: specify.Budget,
        surrogate: specify.Surrogate | None = None,
        t: specify.Times = 0.0,
        dim: int | None = None,
        idempotency_key: str | None = None,
        **given: Unpack[asked.Surrogate],
    ) -> AsyncJob:
        """Correct a learned PDE solution at chosen points.

        `problem`, `surrogate`: a name of the catalogue, or a statement in full; no surrogate means plain simulation.
        `points`: a list or array of x, all at time `t` (or one t each). `budget`: e.g. `{"seconds": 20}` or
        `Budget(seconds=60, abs_tol=1e-3)`; the first limit reached ends the job. `bounds`: (low, high) of every
        replicate, for `interval="bounded"`; `simultaneous=False`: an interval for each output on its own. `outputs`:
        `["value", "gradient"]` gives sigma^T grad u beside the value of every point. `picard`: levels and basis of
        that method; `laplacian`: how second derivatives are taken; `shrinkage=True`: a second estimate, drawn towards
        the surrogate. `asked.Surrogate` lists the fields that may be given by keyword.
        """
        spec = specify.surrogate(problem, points, t, dim, surrogate=surrogate, budget=budget, **given)
        return await self.submit(spec, idempotency_key=idempotency_key)

    async def posterior(
        self,
        *,
        prior: specify.Prior | None = None,
        budget: specify.Budget,
        idempotency_key: str | None = None,
        **given: Unpack[asked.Posterior],
    ) -> AsyncJob:
        """Sample a diffusion prior given an observation, a reward, a class, or several; or follow a state.

        `prior`: a name of the catalogue, a mixture, or an uploaded network. `observation`: `operator`, `y` and
        `sigma`. `reward`: an expression over x, or a network. `condition`: `classifier` and `label`. In place of a
        prior: `dynamics`, `initial`, `observe` and `observations`, more of which `job.observe` brings. Numbers may be
        lists or arrays of any library; arrays above 1 MB are uploaded first. `asked.Posterior` lists all keywords.

            job = client.posterior(
                prior={"mixture": {"means": [[-2, 0], [2, 0]]}},
                observation={"operator": {"type": "matrix", "matrix": [[0.6, 0.8]]}, "y": [1.0], "sigma": 0.3},
                budget={"seconds": 2},
                seed=7,
            )
            mean = job.wait().part("mean")
            print(mean.value, mean.lower, mean.upper)
        """
        spec = await self._uploading(specify.posterior(prior, budget=budget, **given))
        return await self.submit(spec, idempotency_key=idempotency_key)

    async def reasoning(
        self,
        *,
        budget: specify.Budget,
        idempotency_key: str | None = None,
        **given: Unpack[asked.Reasoning],
    ) -> AsyncJob:
        """Sample chains of reasoning from a model's law tilted by a verifier; answers come with their chances.

        `problem`: an explicit tree, a task or a model, in full; or in short `model` (a name of the catalogue) with a
        `prompt`, a text or messages; with `url` the model of an OpenAI-compatible server. `budget`: also `tokens`,
        those of rejected candidates too, and `verifier_calls`. `early_stop=True`: until the leading answer is decided.
        `asked.Reasoning` lists all keywords. Raises `ValueError` unless one of problem and model is given.

            numbers = {"type": "subset_sum", "numbers": [17, 92, 45, 128, 66, 3], "target": 128}
            found = client.reasoning(problem=numbers, budget={"tokens": 4_000}, seed=7).wait().reasoned
            print(found.leader, found.decided, found.answers[found.leader].value, found.best.steps)
        """
        spec = specify.reasoning(budget=budget, **given)
        return await self.submit(spec, idempotency_key=idempotency_key)

    async def _uploading(self, steps: packing.Uploading) -> dict[str, Any]:
        """Upload what a spec is too large to hold."""
        try:
            array = next(steps)
            while True:
                array = steps.send((await self.upload_array(array)).id)
        except StopIteration as done:
            return done.value

    async def submit(self, spec: calls.Spec, *, idempotency_key: str | None = None) -> AsyncJob:
        """Create a job from its spec; a `resolved` spec replays its job."""
        return AsyncJob(self, await self._do(calls.create(spec, idempotency_key)))

    async def get(self, job_id: str) -> AsyncJob:
        """A job by its id."""
        return AsyncJob(self, await self._do(calls.job(job_id)))

    async def list(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        status: wire.JobStatus | None = None,
        kind: str | None = None,
    ) -> AsyncPage[AsyncJob]:
        """Jobs, newest first. `limit`: jobs per page; iterating goes through all pages."""
        sheet = await self._do(calls.jobs(limit, after, status, kind))
        return AsyncPage(
            [AsyncJob(self, job) for job in sheet.data],
            sheet.has_more,
            sheet.next,
            lambda cursor: self.list(limit=limit, after=str(cursor), status=status, kind=kind),
        )

    async def events(self, job_id: str, *, after: int = 0, limit: int | None = None) -> AsyncPage[wire.Event]:
        """What a job has said so far."""
        sheet = await self._do(calls.events(job_id, after, limit))
        return AsyncPage(
            sheet.data, sheet.has_more, sheet.next, lambda cursor: self.events(job_id, after=int(cursor), limit=limit)
        )

    async def refinements(self, job_id: str, *, after: int = 0, limit: int | None = None) -> AsyncPage[wire.Refinement]:
        """The refinements of a job so far."""
        sheet = await self._do(calls.refinements(job_id, after, limit))
        return AsyncPage(
            sheet.data,
            sheet.has_more,
            sheet.next,
            lambda cursor: self.refinements(job_id, after=int(cursor), limit=limit),
        )

    def stream(self, job_id: str, *, after: int = 0, latest: bool = False) -> AsyncGenerator[wire.Event]:
        """What a job says, live, until it is done; survives cuts. `latest`: skip what a slow reader is late for."""

        async def more(seen: int) -> bool:
            # The answer is complete by now: a service that leaves at this very moment must not spoil it.
            with suppress(errors.Unreachable, errors.ServiceError):
                return bool((await self.events(job_id, after=seen, limit=1)).data)
            return False

        return streams.afollow(self._http, streams.Reader(job_id, after, latest=latest), more)

    async def extend(self, job_id: str, *, idempotency_key: str | None = None, **more: Unpack[asked.More]) -> AsyncJob:
        """Think longer: amounts are added, tolerances and deadline replaced (`asked.More`). Also after completion."""
        return AsyncJob(self, await self._do(calls.extend(job_id, specify.budget(more), idempotency_key)))

    async def cancel(self, job_id: str) -> AsyncJob:
        """Stop a job; its last refinement is kept. Cancelling twice is no error."""
        return AsyncJob(self, await self._do(calls.cancel(job_id)))

    async def ledger(
        self, job_id: str, *, after: int | None = None, limit: int | None = None
    ) -> AsyncPage[wire.LedgerRow]:
        """The blocks that the answer was folded from, with their digests."""
        sheet = await self._do(calls.ledger(job_id, after, limit))
        return AsyncPage(
            sheet.data, sheet.has_more, sheet.next, lambda cursor: self.ledger(job_id, after=int(cursor), limit=limit)
        )

    async def observe(
        self, job_id: str, observations: Sequence[Any], *, start: int | None = None, last: bool = False
    ) -> wire.Observed:
        """Give a job its next observations: numbers, sequences of numbers or arrays; None where nothing was seen.

        `start`: the index of the first, by default after those that the job has; the same again under the same index
        changes nothing. `last`: none comes after these.
        """
        if start is None:
            known = (await self._do(calls.job(job_id))).observations
            start = known.count if known else 0
        return await self._do(calls.observe(job_id, start, observations, last=last))

    async def observations(
        self, job_id: str, *, after: int | None = None, limit: int | None = None
    ) -> AsyncPage[calls.Vector | None]:
        """The observations of a job, those of its spec first."""
        sheet = await self._do(calls.observations(job_id, after, limit))
        return AsyncPage(
            sheet.data,
            sheet.has_more,
            sheet.next,
            lambda cursor: self.observations(job_id, after=int(cursor), limit=limit),
        )

    async def artifact(self, job_id: str, name: str) -> bytes:
        """A file that a job left, such as `arrays.name` of a large answer."""
        return await self._do(calls.artifact(job_id, name))

    async def resume(self, job_id: str) -> AsyncJob:
        """Let a crashed job go on from where it was."""
        return AsyncJob(self, await self._do(calls.resume(job_id)))

    async def delete(self, job_id: str) -> None:
        """Forget a job that has ended, with all it left behind."""
        await self._do(calls.delete(job_id))

    async def plan(self, spec: calls.Spec) -> wire.Plan:
        """What the job of this spec would cost and reach, without running it beyond a pilot."""
        found = await self._do(calls.plan(spec))
        return outcomes.plan(await AsyncJob(self, found).wait()) if isinstance(found, wire.Job) else found

    async def verify(
        self, job_id: str, *, blocks: int | None = None, indices: Sequence[int] | None = None
    ) -> wire.Verification:
        """Run some blocks of a job again (a random sample, or `indices`): do they come out the same, bit by bit?"""
        found = await self._do(calls.verify(job_id, blocks, indices))
        return outcomes.verification(await AsyncJob(self, found).wait()) if isinstance(found, wire.Job) else found

    async def usage(self, *, days: int | None = None) -> wire.Usage:
        """What was spent, by day and kind. `days`: how many of the last, 30 if not given."""
        return await self._do(calls.usage(days))

    async def cluster(self) -> wire.ClusterView:
        """The pool of workers, and who has what of it now."""
        return await self._do(calls.cluster())

    async def canaries(self) -> wire.Canaries:
        """How the small jobs with known answers fared that the service runs on itself."""
        return await self._do(calls.canaries())

    async def fit_scaling_law(
        self,
        records: Sequence[Mapping[str, float]],
        *,
        at: Sequence[Mapping[str, float]] = (),
        split: Mapping[str, float] | None = None,
        level: float = 0.95,
    ) -> wire.ScalingLaw:
        """Fit Risk = A/data^a + B/compute^b + floor to records of your own.

        `records`: mappings with `risk` and `data` or `compute` or both. `at`: where to foretell the risk. `split`:
        `budget`, `price_data` and `price_compute`, to be told the best split.
        """
        request = wire.ScalingRequest.model_validate({"records": records, "at": at, "split": split, "level": level})
        return await self._do(calls.forecast(request))

    async def upload_model(self, model: files.Model, *, wait: float | None = 120.0) -> wire.StoredFile:
        """Upload a model: what `burnish.export` made, or its file or bytes. The result can be given as `surrogate`.

        Waits up to `wait` seconds (None: not at all) until the service has tried it. Raises `ModelRejected` when it
        will not have it, `WaitTimeout` when it has not been tried by then.
        """
        stored = await self._do(calls.upload("model", files.content(model)))
        polling = files.Polling(stored.id, wait)
        while stored.state == "checking" and wait is not None:
            await asyncio.sleep(polling.pause())
            stored = await self.model(stored.id)
        return files.judged(stored)

    async def upload_array(self, array: files.Array) -> wire.StoredFile:
        """Upload an array, or an `.npy` or safetensors file of arrays. The result can be given as `points`."""
        return await self._do(calls.upload("array", files.content(array)))

    async def models(self, *, limit: int | None = None, after: str | None = None) -> AsyncPage[wire.StoredFile]:
        """Uploaded models, newest first."""
        sheet = await self._do(calls.files("model", limit, after))
        return AsyncPage(
            sheet.data, sheet.has_more, sheet.next, lambda cursor: self.models(limit=limit, after=str(cursor))
        )

    async def model(self, id: str) -> wire.StoredFile:
        """An uploaded model by its id, `sha256:...`."""
        return await self._do(calls.file("model", id))

    async def delete_model(self, id: str) -> None:
        """Forget an uploaded model that no job names."""
        await self._do(calls.delete_file("model", id))

    async def arrays(self, *, limit: int | None = None, after: str | None = None) -> AsyncPage[wire.StoredFile]:
        """Uploaded arrays, newest first."""
        sheet = await self._do(calls.files("array", limit, after))
        return AsyncPage(
            sheet.data, sheet.has_more, sheet.next, lambda cursor: self.arrays(limit=limit, after=str(cursor))
        )

    async def array(self, id: str) -> wire.StoredFile:
        """An uploaded array file by its id, `sha256:...`."""
        return await self._do(calls.file("array", id))

    async def delete_array(self, id: str) -> None:
        """Forget an uploaded array file that no job names."""
        await self._do(calls.delete_file("array", id))

    async def kinds(self) -> builtins.list[wire.KindInfo]:
        """The kinds of jobs that this service runs, with schemas and examples."""
        return await self._do(calls.kinds())

    async def kind(self, name: str) -> wire.KindInfo:
        """One kind of job."""
        return await self._do(calls.kind(name))

    async def catalogue(self) -> builtins.list[wire.CatalogueEntry]:
        """The problems and models that a spec may name."""
        return await self._do(calls.catalogue())

    async def health(self) -> bool:
        """True when the service is up; raises `Unreachable` when nothing answers."""
        return await self._do(calls.health())

    async def ready(self) -> bool:
        """Whether the service can take jobs now; raises `Unreachable` when nothing answers."""
        try:
            return await self._do(calls.ready(), Retries(attempts=0))
        except errors.ServiceError:
            return False

    async def close(self) -> None:
        await self._http.aclose()
        if self._service is not None:
            await asyncio.to_thread(self._service.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _do(self, call: calls.Call[T], retries: Retries | None = None) -> T:
        """Send, and send again while that may help."""
        retries, tried = retries or self._retries, 0
        while True:
            outcome = await self._once(call.request)
            if not worth_retrying(outcome, repeatable=call.request.repeatable):
                break
            asked = None if isinstance(outcome, Exception) else retry_after(outcome.headers, datetime.now(UTC))
            pause = retries.pause(tried, draw=random.random(), asked=asked)
            if pause is None:
                break
            await asyncio.sleep(pause)
            tried += 1
        if isinstance(outcome, Exception):
            raise errors.Unreachable(settings.no_answer(self.base_url, outcome, tried)) from outcome
        return call.answer(outcome)

    async def _once(self, request: calls.Request) -> httpx2.Response | httpx2.RequestError:
        try:
            return await self._http.request(
                request.method,
                request.path,
                params=dict(request.params),
                headers=dict(request.headers),
                content=request.body,
            )
        except httpx2.RequestError as error:
            return error
