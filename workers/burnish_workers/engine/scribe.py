"""What a conductor writes to the store: one fenced emission per thing that happened, checkpoint first."""

from __future__ import annotations

from typing import Any

from burnish.wire import Problem, Refinement, SpecBase, Spent, StoppedBy
from burnish_workers.core.estimator import Answer
from burnish_workers.core.outlook import floor_of, outlook
from burnish_workers.core.purse import Purse
from burnish_workers.core.report import Report, report, schedule_of
from burnish_workers.core.schedule import Schedule
from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.checkpoint import Checkpoint, lanes_at
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.counts import RATIOS, Counts
from burnish_workers.engine.deadlines import judged
from burnish_workers.engine.foresight import Foresight
from burnish_workers.engine.job_artifacts import Draw, JobArtifacts
from burnish_workers.engine.large_answers import abridged, artifact_at
from burnish_workers.engine.progress import Progress
from burnish_workers.engine.records import Emission, JobRecord, NewEvent
from burnish_workers.engine.store import Store

BETWEEN_REFINEMENTS = 0.5
BETWEEN_CHECKPOINTS = 30.0


class Scribe:
    """Writes for one job under one epoch. Raises Fenced as soon as another runner holds the job."""

    def __init__(
        self,
        record: JobRecord,
        store: Store,
        artifacts: Artifacts,
        clock: Clock,
        draw: Draw | None = None,
        counts: Counts | None = None,
    ):
        self._record, self._store, self._artifacts, self._clock = record, store, artifacts, clock
        self._counts, self._foresight = counts or Counts(), Foresight()
        self._status = record.status
        self._checkpoint = record.checkpoint
        self._last_emission = -1e9
        self._last_checkpoint = clock.monotonic()
        last = record.last_refinement
        # After a crash the blocks since the last checkpoint run again: what was said about them is not said twice.
        self._said = last.blocks if last is not None else 0
        named = tuple(last.artifacts or ()) if last is not None else ()
        self._files = JobArtifacts(record.id, artifacts, draw, named)
        self.closed = record.closed
        self.latest = last
        self.refused = last.refused if last is not None else None

    @property
    def waits(self) -> bool:
        """Whether the job waits for resources."""
        return self._status == "waiting_for_resources"

    @property
    def starves(self) -> bool:
        """Whether the job waits for an observation."""
        return self._status == "waiting_for_observations"

    async def status(self, status: str, why: str | None = None) -> None:
        """Say that the status changed; nothing when it did not."""
        if status == self._status:
            return
        self._status = status  # type: ignore[assignment]
        data = {"status": status, **({"detail": why} if why else {})}
        await self._emit(Emission((NewEvent("status", data),), {"status": status, "stage": why}))

    async def resolved(self, spec: SpecBase) -> None:
        await self._emit(Emission(changes={"resolved": spec.model_dump(mode="json")}))

    async def said(self, why: str) -> None:
        """Something that happened to a job whose status stays as it is."""
        event = NewEvent("status", {"status": self._status, "detail": why})
        await self._emit(Emission((event,), {"stage": why}))

    async def anew(self, progress: Progress, spec: SpecBase, why: str) -> JobRecord:
        """The job begins again from block 0 by another resolved spec: the record as it is then.

        What was published stays among its events; the answer, the ledger and the checkpoint are of the old spec and go.
        """
        await self._artifacts.remove(lanes_at(self._record.id))
        changes: dict[str, Any] = {
            "resolved": spec.model_dump(mode="json"),
            "spent": progress.spending(self._clock.monotonic()),
            "status": "resolving",
            "stage": why,
            "checkpoint": None,
            "last_refinement": None,
        }
        self._status = "resolving"
        event = NewEvent("status", {"status": "resolving", "detail": why})
        await self._emit(Emission((event,), changes, anew=True))
        if self._checkpoint is not None:
            await self._artifacts.remove(self._checkpoint)
        self._checkpoint, self._said, self._last_emission = None, 0, -1e9
        self.latest = self.refused = None
        self._foresight = Foresight()
        self._record = self._record.with_changes(changes)
        return self._record

    async def fitting(self, state: dict[str, Any] | None, spent: Spent, progress: dict[str, Any] | None = None) -> None:
        """Where the training of the job's model stands; `progress` is what watchers are told of it."""
        changes: dict[str, Any] = {"fitting": state, "spent": spent}
        if self._record.started_at is None:
            changes["started_at"] = self._clock.now()
        self._record = self._record.with_changes(changes)
        await self._emit(Emission((NewEvent("progress", progress),) if progress else (), changes))

    async def started(self, progress: Progress) -> None:
        """The first block is about to be issued, or the first after an interruption."""
        if self._status != "running":
            changes: dict[str, Any] = {"status": "running", "stage": None, "finished_at": None, "stopped_by": None}
            if self._record.started_at is None:
                changes["started_at"] = self._clock.now()
            self._status = "running"
            data = {"status": "running", "blocks": progress.blocks}
            await self._emit(Emission((NewEvent("status", data),), changes))

    async def starved(self, progress: Progress, why: str) -> None:
        """The next observation is not known: say so, once. Work of some time is kept first: the wait may be long."""
        if self.starves:
            return
        if self._clock.monotonic() - self._last_checkpoint >= BETWEEN_CHECKPOINTS:
            await self.handed_over(progress)
        await self.status("waiting_for_observations", why)

    async def folded(
        self, progress: Progress, schedule: Schedule, purse: Purse, *, last: bool = False
    ) -> StoppedBy | None:
        """Publish after a fold: at every look, and now and then between looks (not within an observation).

        What ends the job is not published here but as final: the `last` block, a tolerance that is met ("tolerance")
        or that no sampling can meet ("floor"), a question that is decided ("settled").
        """
        look = schedule.look(progress.blocks, self.closed)
        now = self._clock.monotonic()
        late = now - self._last_emission >= BETWEEN_REFINEMENTS or progress.blocks == 1
        due = late and progress.inflow is None
        if progress.blocks <= self._said or (look is None and (last or not due)):
            return None
        answer, found, refinement = self._refine(progress, schedule, purse, ends=False)
        if look is not None and purse.met(found.value, found.half_width):
            return "tolerance"
        if look is not None and answer.settled is not None and answer.settled(found.value, found.half_width):
            return "settled"
        if look is not None and floor_of(answer, found, purse) is not None:
            return "floor"
        if not last:
            changes: dict[str, Any] = {"spent": refinement.spent}
            lasting = look is not None and schedule.keeps(progress.blocks)
            keep = lasting or now - self._last_checkpoint >= BETWEEN_CHECKPOINTS
            if lasting:
                await self._files.write(progress)
            changes["last_refinement"] = refinement = await self._abridged(refinement, found, kept=look is not None)
            await self._emit_refinement(progress, refinement, changes, keep=keep)
        return None

    async def completed(
        self, progress: Progress, schedule: Schedule, purse: Purse, stopped_by: StoppedBy, budget_version: int
    ) -> None:
        """The final refinement and the terminal event, in one write. Raises BudgetChanged."""
        planned = schedule.look(progress.blocks, self.closed)
        _, found, refinement = self._refine(progress, schedule, purse, ends=True)
        await self._files.write(progress)
        refinement = await self._abridged(refinement, found, kept=True)
        changes: dict[str, Any] = {
            "status": "completed",
            "stage": None,
            "stopped_by": stopped_by,
            "finished_at": self._clock.now(),
            "spent": refinement.spent,
            "last_refinement": refinement,
        }
        if planned is None and refinement.interval is not None:
            changes["closed"] = (*self.closed, progress.blocks)
        name = await self._write_checkpoint(progress)
        changes["checkpoint"] = name
        promise, counts = judged(self._record.promise, purse.budget, stopped_by, changes["finished_at"])
        events = (
            _refinement_event(refinement),
            NewEvent("completed", {"status": "completed", "stopped_by": stopped_by}),
        )
        ledger = progress.take_ledger()
        await self._emit(Emission(events, changes | promise, ledger, True, budget_version, counts))
        ratio = self._foresight.ratio(refinement)
        if ratio is not None and self._record.purpose == "answer":
            self._counts.observe("forecast", ratio, RATIOS)
        await self._forget_checkpoint(name)
        await self._files.sweep()

    async def unanswered(self, progress: Progress, stopped_by: StoppedBy, budget_version: int) -> None:
        """No observation came before the clock ended the job: there is nothing to answer. Raises BudgetChanged."""
        changes: dict[str, Any] = {
            "status": "completed",
            "stage": None,
            "stopped_by": stopped_by,
            "finished_at": self._clock.now(),
            "spent": progress.spending(self._clock.monotonic()),
        }
        event = NewEvent("completed", {"status": "completed", "stopped_by": stopped_by})
        await self._emit(Emission((event,), changes, ends=True, budget_version=budget_version))

    async def cancelled(self, progress: Progress | None) -> None:
        """The job ends with the last refinement that it has."""
        changes: dict[str, Any] = {
            "status": "cancelled",
            "stage": None,
            "stopped_by": "cancelled",
            "finished_at": self._clock.now(),
        }
        ledger = ()
        data: dict[str, Any] = {"status": "cancelled", "stopped_by": "cancelled"}
        if progress is not None and progress.blocks > 0:
            changes["spent"] = progress.spending(self._clock.monotonic())
            data["spent"] = changes["spent"].model_dump(mode="json")  # no refinement tells of it
            changes["checkpoint"] = await self._write_checkpoint(progress)
            ledger = progress.take_ledger()
        changes |= judged(self._record.promise, self._record.budget, "cancelled", changes["finished_at"])[0]
        event = NewEvent("cancelled", data)
        await self._emit(Emission((event,), changes, ledger, ends=True, budget_version=-1))

    async def handed_over(self, progress: Progress) -> None:
        """Keep the prefix for whoever goes on with the job."""
        if progress.blocks == 0:
            return
        name = await self._write_checkpoint(progress)
        changes = {"checkpoint": name, "spent": progress.spending(self._clock.monotonic())}
        await self._emit(Emission(changes=changes, ledger=progress.take_ledger()))
        await self._forget_checkpoint(name)

    async def told(self, outcome: dict[str, Any]) -> None:
        """A job whose purpose is no answer ends with what it was to find out."""
        changes = {"status": "completed", "stage": None, "finished_at": self._clock.now(), "outcome": outcome}
        event = NewEvent("completed", {"status": "completed"})
        await self._emit(Emission((event,), changes, ends=True, budget_version=-1))

    async def broken(self, status: str, problem: Problem) -> None:
        """The job ends `failed` or `crashed`, and keeps its last refinement."""
        changes = {
            "status": status,
            "stage": None,
            "error": problem,
            "finished_at": self._clock.now(),
            "resumable": status == "crashed",
        }
        promise, counts = judged(self._record.promise, self._record.budget, status, changes["finished_at"])
        data = {"status": status, "error": problem.model_dump(mode="json")}
        event = NewEvent("failed" if status == "failed" else "crashed", data)
        await self._emit(Emission((event,), changes | promise, ends=True, budget_version=-1, counts=counts))

    def _refine(
        self, progress: Progress, schedule: Schedule, purse: Purse, *, ends: bool
    ) -> tuple[Answer, Report, Refinement]:
        answer = progress.answer()
        found = report(progress.spec, schedule, progress.statistics, answer, progress.blocks, self.closed, ends=ends)
        spent = progress.spending(self._clock.monotonic())
        refinement = Refinement(
            job_id=self._record.id,
            blocks=found.blocks,
            replicates=found.replicates,
            observation=progress.observation,
            final=ends,
            estimate=found.estimate,
            interval=found.interval,
            refused=found.refused or (floor_of(answer, found, purse) if ends else None),
            digest=found.digest,
            forecast=outlook(schedule, progress.statistics, answer, found, purse, spent),
            spent=spent,
            layout=list(answer.layout) or None,
            diagnostics=found.diagnostics,
        )
        self.latest = refinement
        self._foresight.hear(refinement)
        if refinement.refused or refinement.interval:
            self.refused = refinement.refused
        return answer, found, refinement

    async def _abridged(self, refinement: Refinement, found: Report, *, kept: bool) -> Refinement:
        """What an event can carry; the file that has the rest is written before the event that names it."""
        shorter, data = abridged(refinement, found, kept=kept)
        if data is not None and shorter.arrays and shorter.arrays.name:
            await self._artifacts.write(artifact_at(self._record.id, shorter.arrays.name), data)
        return shorter.model_copy(update={"artifacts": list(self._files.listed) or None})

    async def _emit_refinement(
        self, progress: Progress, refinement: Refinement, changes: dict[str, Any], *, keep: bool
    ) -> None:
        if keep:
            changes["checkpoint"] = await self._write_checkpoint(progress)
        await self._emit(Emission((_refinement_event(refinement),), changes, progress.take_ledger()))
        self._said = progress.blocks
        self._last_emission = self._clock.monotonic()
        if keep:
            await self._forget_checkpoint(changes["checkpoint"])
        await self._files.sweep()

    async def _write_checkpoint(self, progress: Progress) -> str:
        """Before the event that refers to it, under a name that no other epoch uses."""
        name = f"{self._record.id}/checkpoint-{progress.blocks}-{self._record.epoch}.npz"
        checkpoint = _checkpoint(progress)
        if checkpoint.carries and schedule_of(progress.spec).keeps(progress.blocks):
            kept = Checkpoint(progress.blocks, {}, checkpoint.carries)
            await self._artifacts.write(lanes_at(self._record.id, progress.blocks), kept.to_bytes())
        await self._artifacts.write(name, checkpoint.to_bytes())
        self._last_checkpoint = self._clock.monotonic()
        return name

    async def _forget_checkpoint(self, current: str) -> None:
        previous, self._checkpoint = self._checkpoint, current
        if previous is not None and previous != current:
            await self._artifacts.remove(previous)

    async def _emit(self, emission: Emission) -> None:
        await self._store.emit(self._record.id, self._record.epoch, emission)


def _checkpoint(progress: Progress) -> Checkpoint:
    return Checkpoint(progress.blocks, progress.state, progress.carries.at(progress.blocks), progress.decisions.made)


def _refinement_event(refinement: Refinement) -> NewEvent:
    return NewEvent("refinement", refinement.model_dump(mode="json"))
