"""Questions about jobs that a worker has to answer: what would it cost, do its blocks reproduce.

Each is a small job of its own (`purpose`), so that nothing is lost when it takes long: the caller waits a while for the
outcome and is told where to find it if that was not enough. One that was answered at once is forgotten.
"""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from typing import Any

from burnish.wire import TERMINAL, FieldError, Job, Plan, SpecBase, Verification, VerifyRequest
from burnish_workers.engine.app import App
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.ids import job_id
from burnish_workers.engine.reading import read_json, validated
from burnish_workers.engine.records import JobRecord, StillLive
from burnish_workers.engine.refusals import Refusal, invalid

PATIENCE = 10.0
"""Seconds that a caller waits for the outcome."""

NOT_REPLAYABLE = (
    "draws from a server outside, whose draws nobody can repeat: its blocks have no bits to compare. Post its "
    "`resolved` spec for an independent answer by the same law, and compare the intervals"
)

SAMPLE = 8
"""Blocks that are run again when the request does not say."""


@dataclass(frozen=True)
class Answered:
    """The outcome, or the job that will have it."""

    outcome: Plan | Verification | None
    job: Job


class Inquiries:
    def __init__(self, app: App, clock: Clock):
        self._app, self._clock = app, clock

    async def plan(self, body: bytes, patience: float = PATIENCE) -> Answered:
        """What the job of this spec would cost and reach. Raises Refusal as `App.create` does."""
        record = await self._app.queued(body, purpose="plan")
        return await self._answer(record, patience)

    async def foresee(self, spec: SpecBase, record: JobRecord, patience: float = PATIENCE) -> Answered:
        """As `plan`, for a spec that was read already; a plan that takes longer is called off."""
        answered = await self._answer(await self._app.queue(spec, record, purpose="plan"), patience)
        if answered.outcome is None:
            await self._app.cancel(answered.job.id)
        return answered

    async def verify(self, job: str, body: bytes, patience: float = PATIENCE) -> Answered:
        """Run some blocks of a job again. Raises Refusal: 404, 422, 409 where there is none or none can be replayed."""
        request = validated(VerifyRequest, body or b"{}", read_json(body or b"{}"))
        target = await self._app.record(job)
        done = target.last_refinement.blocks if target.last_refinement else 0
        if target.purpose != "answer" or target.resolved is None or done == 0:
            raise Refusal(409, "Nothing to verify", f"{job} has no folded block yet; wait for its first refinement")
        if not target.resolved["resolution"].get("replayable", True):
            raise Refusal(409, "Not replayable", f"{job} {NOT_REPLAYABLE}")
        record = JobRecord(
            id=job_id(),
            kind=target.kind,
            spec=target.spec,
            resolved=target.resolved,
            budget=target.budget,
            created_at=self._clock.now(),
            purpose="verify",
            request={"job": job, "indices": _chosen(request, done), "of": done},
        )
        return await self._answer(await self._app.keep(record), patience)

    async def _answer(self, record: JobRecord, patience: float) -> Answered:
        deadline, after = self._clock.monotonic() + patience, 0
        while (left := deadline - self._clock.monotonic()) > 0:
            events = await self._app.next_events(record.id, after, left)
            after = events[-1].sequence if events else after
            if any(event.type in TERMINAL for event in events):
                return await self._ended(record.id)
        return Answered(None, await self._app.get(record.id))

    async def _ended(self, id: str) -> Answered:
        job = await self._app.get(id)
        with contextlib.suppress(StillLive):
            await self._app.forget(id)
        if job.error is not None:
            raise Refusal(job.error.status, job.error.title, job.error.detail)
        return Answered(job.plan or job.verification, job)


def _chosen(request: VerifyRequest, done: int) -> list[int]:
    """The blocks to run again. Drawn anew at each call: nobody can know beforehand which will be looked at."""
    if request.indices is None:
        return sorted(random.SystemRandom().sample(range(done), min(request.blocks or SAMPLE, done)))
    outside: list[Any] = [i for i in request.indices if not 0 <= i < done]
    if outside:
        detail = f"block {outside[0]} is not among the {done} that are folded; give indices from 0 to {done - 1}"
        raise invalid([FieldError(pointer=f"/indices/{request.indices.index(outside[0])}", detail=detail)])
    return sorted(set(request.indices))
