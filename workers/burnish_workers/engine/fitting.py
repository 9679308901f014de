"""The stage in which a job trains its model: slices on a worker, kept one by one, and a file of the library at its end.

A slice is as memoryless as a block (carry in, carry out): one that lost its worker is issued again, and a runner that
takes the job over goes on from the last slice that was kept, with equal bits. How many steps there are is decided once
and written down before the first; the model is stored before anything refers to it, so that replays never train again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from burnish.wire import Budget, SpecBase, Spent
from burnish.wire.files import PREFIX, StoredFile
from burnish_workers.core.fitting import as_bytes
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Kind, SpecError
from burnish_workers.core.model_file import ModelRejected, inspect_model
from burnish_workers.engine.checkpoint import Checkpoint
from burnish_workers.engine.library import artifact_of, user_of
from burnish_workers.engine.meter import Meter, Patient
from burnish_workers.engine.ports import Ports
from burnish_workers.engine.records import JobRecord
from burnish_workers.engine.scribe import Scribe
from burnish_workers.engine.splitting import Splitter
from burnish_workers.engine.training import SLICE, Slices, left_of, seconds_left

log = structlog.get_logger()


@dataclass(frozen=True)
class Stage:
    """Where training stands, as the record keeps it. `carry`: the artifact with the state after `done` of `steps`."""

    steps: int
    numeric_class: str
    done: int = 0
    carry: str | None = None
    model: str | None = None
    metrics: dict[str, float | None] | None = None

    def to_json(self) -> dict[str, Any]:
        return vars(self).copy()


class Fitter:
    """Trains the model of one job, under the epoch of `record`. `budget` tells what may be spent now, `patient` runs
    work once there is a worker for it."""

    def __init__(
        self,
        record: JobRecord,
        kind: Kind,
        ports: Ports,
        scribe: Scribe,
        budget: Callable[[], Budget],
        patient: Patient,
    ):
        assert kind.fitting is not None
        self._record, self._kind, self._fitting = record, kind, kind.fitting
        self._artifacts, self._library, self._clock = ports.artifacts, ports.library, ports.clock
        self._scribe, self._budget = scribe, budget
        self._meter = Meter(ports.fleet, ports.clock, record.spent, patient)

    @property
    def spent(self) -> Spent:
        return self._meter.spent

    async def run(self, spec: SpecBase, inputs: Inputs) -> SpecBase:
        """The spec that names the model, with the budget that training leaves."""
        stage = await self._begun(spec, inputs)
        if stage.model is None:
            stage = await self._trained(spec, inputs, stage)
        assert stage.model is not None
        await self._library.use("model", stage.model, user_of(self._record.tenant, self._record.id))
        named = self._fitting.naming(spec, stage.model)
        return named.model_copy(update={"budget": left_of(self._budget(), self.spent)})

    async def _begun(self, spec: SpecBase, inputs: Inputs) -> Stage:
        """As the record has it, or decided now and written down."""
        if self._record.fitting is not None:
            return Stage(**self._record.fitting)
        meter, budget = self._meter, self._budget()
        await self._scribe.status("resolving", "fitting")
        splitter = Splitter(spec, budget, self._kind, self._fitting, meter, inputs, self._tried)
        decision = await splitter.decide()
        log.info("job.split", job_id=self._record.id, **decision.told())
        stage = Stage(decision.steps, await meter.numeric_class(), decision.done)
        if decision.done > 0:
            return await self._kept(stage, decision.carry)
        await self._scribe.fitting(stage.to_json(), self.spent, self._news(stage))
        return stage

    async def _trained(self, spec: SpecBase, inputs: Inputs, stage: Stage) -> Stage:
        await self._scribe.status("resolving", "fitting")
        slices = Slices(self._fitting.planned(spec, stage.steps), inputs, stage.numeric_class)
        carry = await self._carry(stage)
        pace: float | None = None
        while (count := self._affordable(stage, pace)) > 0:
            task = slices.task(carry, stage.done, count)
            result = await self._meter.run(task)
            # The very first step loads and compiles: nothing is foretold from it.
            carry, pace = result.carry, result.seconds / count if count > 1 else None
            metrics = self._fitting.metrics(result.stats)
            if not math.isfinite(metrics["loss"]):
                raise diverged(stage.done + count)
            stage = await self._kept(replace(stage, done=stage.done + count, metrics=metrics), carry)
        result = await self._meter.run(slices.task(carry, stage.done, 0))
        model = await self._stored(as_bytes(result.stats), stage)
        stage = replace(stage, model=model)
        await self._scribe.fitting(stage.to_json(), self.spent)
        if stage.carry is not None:
            await self._artifacts.remove(stage.carry)
        log.info("job.fitted", job_id=self._record.id, steps=stage.done, model=model)
        return stage

    def _affordable(self, stage: Stage, pace: float | None) -> int:
        """Steps of the next slice: as many as take SLICE seconds, that are left, and that the budget has room for."""
        room = seconds_left(self._budget(), self.spent)
        left = stage.steps - stage.done
        if pace is None:
            return min(left, 4 if stage.done else 1) if room > 0 else 0
        pace = max(pace, 1e-6)
        return max(0, min(left, max(1, round(SLICE / pace)), math.floor(min(room / pace, 1e9))))

    async def _carry(self, stage: Stage) -> Mapping[str, Any]:
        if stage.carry is None:
            return {}
        return Checkpoint.from_bytes(await self._artifacts.read(stage.carry)).carries[0]

    async def _kept(self, stage: Stage, carry: Mapping[str, Any]) -> Stage:
        """Written down: the state first, under a name that no other epoch uses, and then what refers to it."""
        before, name = stage.carry, f"{self._record.id}/fit-{stage.done}-{self._record.epoch}.npz"
        await self._artifacts.write(name, Checkpoint(stage.done, {}, {0: dict(carry)}).to_bytes())
        stage = replace(stage, carry=name)
        await self._scribe.fitting(stage.to_json(), self.spent, self._news(stage))
        if before is not None and before != name:
            await self._artifacts.remove(before)
        return stage

    async def _tried(self, done: int, metrics: dict[str, float | None]) -> None:
        """News of a trial. Nothing is kept of it: whoever takes the job over tries again."""
        await self._scribe.fitting(None, self.spent, self._told(done, None, metrics))

    def _news(self, stage: Stage) -> dict[str, Any]:
        return self._told(stage.done, stage.steps, stage.metrics or {})

    def _told(self, done: int, total: int | None, metrics: dict[str, float | None]) -> dict[str, Any]:
        """`total`: null while it is being found out."""
        spent = self.spent.model_dump(mode="json")
        return {"stage": "fitting", "done": done, "total": total, "metrics": metrics, "spent": spent}

    async def _stored(self, data: bytes, stage: Stage) -> str:
        """The model's id, once it is in the library and no longer needs its training."""
        try:
            card = inspect_model(data).card
        except ModelRejected as error:
            raise diverged(stage.done) from error
        id = PREFIX + hashlib.sha256(data).hexdigest()
        fitted = {"job": self._record.id, "steps": stage.done, **(stage.metrics or {})}
        await self._artifacts.write(artifact_of("model", id), data)
        await self._library.add(
            StoredFile(
                id=id,
                type="model",
                state="ready",
                bytes=len(data),
                created_at=self._clock.now(),
                card={**card, "curved": True, "fitted": fitted},
            ),
            self._record.tenant,
        )
        return id


def diverged(steps: int) -> SpecError:
    return SpecError(
        "/surrogate/fit", f"training diverged within {steps} steps; lower `rate`, or choose another optimiser"
    )
