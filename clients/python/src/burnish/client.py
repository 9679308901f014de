"""The client: one short method per endpoint; what is sent is in calls.py, when to try again in retries.py."""

from __future__ import annotations

import builtins
import random
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self, TypeVar, Unpack

import httpx2

from burnish import admin, asked, calls, files, hooks, local, outcomes, packing, settings, specify, streams, wire
from burnish.errors import ServiceError, Unreachable
from burnish.job import Job
from burnish.pages import Page
from burnish.retries import Retries, retry_after, worth_retrying

T = TypeVar("T")


class Burnish:
    """A connection to a burnish service. Safe to share between threads; close it, or use it in a `with`.

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
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.base_url = settings.base_url(base_url)
        self._retries = Retries(attempts=max_retries) if isinstance(max_retries, int) else max_retries
        self._service: local.LocalService | None = None
        self.admin, self.webhooks = admin.Admin(self._do), hooks.Webhooks(self._do)
        self._http = httpx2.Client(
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
        client = cls(local.BASE_URL, timeout=timeout, transport=httpx2.HTTPTransport(uds=service.socket))
        client._service = service
        return client

    def surrogate(
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
    ) -> Job:
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
        return self.submit(spec, idempotency_key=idempotency_key)

    def posterior(
        self,
        *,
        prior: specify.Prior | None = None,
        budget: specify.Budget,
        idempotency_key: str | None = None,
        **given: Unpack[asked.Posterior],
    ) -> Job:
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
        spec = self._uploading(specify.posterior(prior, budget=budget, **given))
        return self.submit(spec, idempotency_key=idempotency_key)

    def reasoning(
        self,
        *,
        budget: specify.Budget,
        idempotency_key: str | None = None,
        **given: Unpack[asked.Reasoning],
    ) -> Job:
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
        return self.submit(spec, idempotency_key=idempotency_key)

    def _uploading(self, steps: packing.Uploading) -> dict[str, Any]:
        """Upload what a spec is too large to hold."""
        try:
            array = next(steps)
            while True:
                array = steps.send(self.upload_array(array).id)
        except StopIteration as done:
            return done.value

    def submit(self, spec: calls.Spec, *, idempotency_key: str | None = None) -> Job:
        """Create a job from its spec; a `resolved` spec replays its job."""
        return Job(self, self._do(calls.create(spec, idempotency_key)))

    def get(self, job_id: str) -> Job:
        """A job by its id."""
        return Job(self, self._do(calls.job(job_id)))

    def list(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        status: wire.JobStatus | None = None,
        kind: str | None = None,
    ) -> Page[Job]:
        """Jobs, newest first. `limit`: jobs per page; iterating goes through all pages."""
        sheet = self._do(calls.jobs(limit, after, status, kind))
        return Page(
            [Job(self, job) for job in sheet.data],
            sheet.has_more,
            sheet.next,
            lambda cursor: self.list(limit=limit, after=str(cursor), status=status, kind=kind),
        )

    def events(self, job_id: str, *, after: int = 0, limit: int | None = None) -> Page[wire.Event]:
        """What a job has said so far."""
        sheet = self._do(calls.events(job_id, after, limit))
        return Page(
            sheet.data, sheet.has_more, sheet.next, lambda cursor: self.events(job_id, after=int(cursor), limit=limit)
        )

    def refinements(self, job_id: str, *, after: int = 0, limit: int | None = None) -> Page[wire.Refinement]:
        """The refinements of a job so far."""
        sheet = self._do(calls.refinements(job_id, after, limit))
        return Page(
            sheet.data,
            sheet.has_more,
            sheet.next,
            lambda cursor: self.refinements(job_id, after=int(cursor), limit=limit),
        )

    def stream(self, job_id: str, *, after: int = 0, latest: bool = False) -> Generator[wire.Event]:
        """What a job says, live, until it is done; survives cuts. `latest`: skip what a slow reader is late for."""

        def more(seen: int) -> bool:
            # The answer is complete by now: a service that leaves at this very moment must not spoil it.
            with suppress(Unreachable, ServiceError):
                return bool(self.events(job_id, after=seen, limit=1).data)
            return False

        return streams.follow(self._http, streams.Reader(job_id, after, latest=latest), more)

    def extend(self, job_id: str, *, idempotency_key: str | None = None, **more: Unpack[asked.More]) -> Job:
        """Think longer: amounts are added, tolerances and deadline replaced (`asked.More`). Also after completion."""
        return Job(self, self._do(calls.extend(job_id, specify.budget(more), idempotency_key)))

    def cancel(self, job_id: str) -> Job:
        """Stop a job; its last refinement is kept. Cancelling twice is no error."""
        return Job(self, self._do(calls.cancel(job_id)))

    def ledger(self, job_id: str, *, after: int | None = None, limit: int | None = None) -> Page[wire.LedgerRow]:
        """The blocks that the answer was folded from, with their digests."""
        sheet = self._do(calls.ledger(job_id, after, limit))
        return Page(
            sheet.data, sheet.has_more, sheet.next, lambda cursor: self.ledger(job_id, after=int(cursor), limit=limit)
        )

    def observe(
        self, job_id: str, observations: Sequence[Any], *, start: int | None = None, last: bool = False
    ) -> wire.Observed:
        """Give a job its next observations: numbers, sequences of numbers or arrays; None where nothing was seen.

        `start`: the index of the first, by default after those that the job has; the same again under the same index
        changes nothing. `last`: none comes after these.
        """
        if start is None:
            known = self._do(calls.job(job_id)).observations
            start = known.count if known else 0
        return self._do(calls.observe(job_id, start, observations, last=last))

    def observations(
        self, job_id: str, *, after: int | None = None, limit: int | None = None
    ) -> Page[calls.Vector | None]:
        """The observations of a job, those of its spec first."""
        sheet = self._do(calls.observations(job_id, after, limit))
        return Page(
            sheet.data,
            sheet.has_more,
            sheet.next,
            lambda cursor: self.observations(job_id, after=int(cursor), limit=limit),
        )

    def artifact(self, job_id: str, name: str) -> bytes:
        """A file that a job left, such as `arrays.name` of a large answer."""
        return self._do(calls.artifact(job_id, name))

    def resume(self, job_id: str) -> Job:
        """Let a crashed job go on from where it was."""
        return Job(self, self._do(calls.resume(job_id)))

    def delete(self, job_id: str) -> None:
        """Forget a job that has ended, with all it left behind."""
        self._do(calls.delete(job_id))

    def plan(self, spec: calls.Spec) -> wire.Plan:
        """What the job of this spec would cost and reach, without running it beyond a pilot."""
        found = self._do(calls.plan(spec))
        return outcomes.plan(Job(self, found).wait()) if isinstance(found, wire.Job) else found

    def verify(
        self, job_id: str, *, blocks: int | None = None, indices: Sequence[int] | None = None
    ) -> wire.Verification:
        """Run some blocks of a job again (a random sample, or `indices`): do they come out the same, bit by bit?"""
        found = self._do(calls.verify(job_id, blocks, indices))
        return outcomes.verification(Job(self, found).wait()) if isinstance(found, wire.Job) else found

    def usage(self, *, days: int | None = None) -> wire.Usage:
        """What was spent, by day and kind. `days`: how many of the last, 30 if not given."""
        return self._do(calls.usage(days))

    def cluster(self) -> wire.ClusterView:
        """The pool of workers, and who has what of it now."""
        return self._do(calls.cluster())

    def canaries(self) -> wire.Canaries:
        """How the small jobs with known answers fared that the service runs on itself."""
        return self._do(calls.canaries())

    def fit_scaling_law(
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
        return self._do(calls.forecast(request))

    def upload_model(self, model: files.Model, *, wait: float | None = 120.0) -> wire.StoredFile:
        """Upload a model: what `burnish.export` made, or its file or bytes. The result can be given as `surrogate`.

        Waits up to `wait` seconds (None: not at all) until the service has tried it. Raises `ModelRejected` when it
        will not have it, `WaitTimeout` when it has not been tried by then.
        """
        stored = self._do(calls.upload("model", files.content(model)))
        polling = files.Polling(stored.id, wait)
        while stored.state == "checking" and wait is not None:
            time.sleep(polling.pause())
            stored = self.model(stored.id)
        return files.judged(stored)

    def upload_array(self, array: files.Array) -> wire.StoredFile:
        """Upload an array, or an `.npy` or safetensors file of arrays. The result can be given as `points`."""
        return self._do(calls.upload("array", files.content(array)))

    def models(self, *, limit: int | None = None, after: str | None = None) -> Page[wire.StoredFile]:
        """Uploaded models, newest first."""
        sheet = self._do(calls.files("model", limit, after))
        return Page(sheet.data, sheet.has_more, sheet.next, lambda cursor: self.models(limit=limit, after=str(cursor)))

    def model(self, id: str) -> wire.StoredFile:
        """An uploaded model by its id, `sha256:...`."""
        return self._do(calls.file("model", id))

    def delete_model(self, id: str) -> None:
        """Forget an uploaded model that no job names."""
        self._do(calls.delete_file("model", id))

    def arrays(self, *, limit: int | None = None, after: str | None = None) -> Page[wire.StoredFile]:
        """Uploaded arrays, newest first."""
        sheet = self._do(calls.files("array", limit, after))
        return Page(sheet.data, sheet.has_more, sheet.next, lambda cursor: self.arrays(limit=limit, after=str(cursor)))

    def array(self, id: str) -> wire.StoredFile:
        """An uploaded array file by its id, `sha256:...`."""
        return self._do(calls.file("array", id))

    def delete_array(self, id: str) -> None:
        """Forget an uploaded array file that no job names."""
        self._do(calls.delete_file("array", id))

    def kinds(self) -> builtins.list[wire.KindInfo]:
        """The kinds of jobs that this service runs, with schemas and examples."""
        return self._do(calls.kinds())

    def kind(self, name: str) -> wire.KindInfo:
        """One kind of job."""
        return self._do(calls.kind(name))

    def catalogue(self) -> builtins.list[wire.CatalogueEntry]:
        """The problems and models that a spec may name."""
        return self._do(calls.catalogue())

    def health(self) -> bool:
        """True when the service is up; raises `Unreachable` when nothing answers."""
        return self._do(calls.health())

    def ready(self) -> bool:
        """Whether the service can take jobs now; raises `Unreachable` when nothing answers."""
        try:
            return self._do(calls.ready(), Retries(attempts=0))
        except ServiceError:
            return False

    def close(self) -> None:
        self._http.close()
        if self._service is not None:
            self._service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, call: calls.Call[T], retries: Retries | None = None) -> T:
        """Send, and send again while that may help."""
        retries, tried = retries or self._retries, 0
        while True:
            outcome = self._once(call.request)
            if not worth_retrying(outcome, repeatable=call.request.repeatable):
                break
            asked = None if isinstance(outcome, Exception) else retry_after(outcome.headers, datetime.now(UTC))
            pause = retries.pause(tried, draw=random.random(), asked=asked)
            if pause is None:
                break
            time.sleep(pause)
            tried += 1
        if isinstance(outcome, Exception):
            raise Unreachable(settings.no_answer(self.base_url, outcome, tried)) from outcome
        return call.answer(outcome)

    def _once(self, request: calls.Request) -> httpx2.Response | httpx2.RequestError:
        try:
            return self._http.request(
                request.method,
                request.path,
                params=dict(request.params),
                headers=dict(request.headers),
                content=request.body,
            )
        except httpx2.RequestError as error:
            return error
