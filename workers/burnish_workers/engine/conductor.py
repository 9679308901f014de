"""The life of one job: issue blocks, fold them in order, report, stop. Talks to ports only.

    issue -> (blocks land in any order) -> fold the contiguous prefix -> report at looks -> stop, drain, end

An issued block is always counted: at the end of a clock the conductor stops issuing and drains what is in flight; a
block whose worker died is issued again with the same key. A job that assimilates observations issues the blocks of
those that it knows, waits for the next without holding a slot, and stops between observations, never within one. The
two exceptions give up what is in flight: a tolerance
met at a look (the answer is the prefix at that look, fixed beforehand), and a cancel (which keeps the last refinement).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import structlog

from burnish.wire import Problem, StoppedBy
from burnish_workers.core.demand import Need
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Kind, SpecError, resolution_of, statistics_of
from burnish_workers.core.purse import Purse
from burnish_workers.core.report import schedule_of
from burnish_workers.core.schedule import Schedule
from burnish_workers.engine.checkpoint import Checkpoint
from burnish_workers.engine.crew import Crew
from burnish_workers.engine.deadlines import overdue, seconds_until, stands, timed
from burnish_workers.engine.errands import run_errand
from burnish_workers.engine.fitting import Fitter
from burnish_workers.engine.fleet import BlockFailed, NoSuchClass, OutOfMemory, WorkerDied
from burnish_workers.engine.gather import StillChecking, gather
from burnish_workers.engine.inflow import Inflow, inflow_of, kept_up
from burnish_workers.engine.job_artifacts import Draw
from burnish_workers.engine.needs import Underway, horizon, need_of, upper_of
from burnish_workers.engine.orders import Orders
from burnish_workers.engine.ports import Ports
from burnish_workers.engine.problems import crashed, failed
from burnish_workers.engine.progress import Progress
from burnish_workers.engine.records import BudgetChanged, JobRecord, StoreError
from burnish_workers.engine.resolve import resolve
from burnish_workers.engine.room import with_fewer_rows, without_room
from burnish_workers.engine.scribe import Scribe
from burnish_workers.engine.training import fitting_of

log = structlog.get_logger()

T = TypeVar("T")

WAIT_FOR_RESOURCES = 2.0

DRAIN = 0.5
"""Seconds for which a job that is handed over waits for its blocks."""

EXTENSIBLE_RUNGS = 3
"""Rungs of the ladder that a job with nothing but a tolerance climbs before it gives up."""


def _drawn(kind: Kind) -> Draw | None:
    """The files that a kind leaves beside its answers, from where a job stands."""
    artifacts = kind.artifacts
    return artifacts and (lambda progress: artifacts(progress.spec, progress.statistics, progress.state))


class _CalledOff(Exception):
    """The user cancelled before the first block."""


class Conductor:
    """Conducts one claimed job to its end. `share` says how many blocks it may have in flight right now."""

    def __init__(self, record: JobRecord, kind: Kind, ports: Ports, share: Callable[[], int]):
        self._kind, self._ports, self._share = kind, ports, share
        self._record = record
        self.orders = Orders(record.budget, record.budget_version, record.cancel_requested)
        self._scribe = Scribe(record, ports.store, ports.artifacts, ports.clock, _drawn(kind), ports.counts)
        self._underway: Underway | None = None

    @property
    def underway(self) -> bool:
        """Whether blocks may be issued: the job is resolved."""
        return self._underway is not None

    @property
    def starved(self) -> bool:
        """Whether the job waits for an observation and needs nothing meanwhile."""
        return self._scribe.starves

    @property
    def in_flight(self) -> int:
        """Blocks that are with workers."""
        return self._underway.crew.in_flight if self._underway else 0

    def need(self, runner: str) -> Need:
        """What the job needs of the pool now; before it is underway a slot, for its pilot."""
        job, ports = self._underway, self._ports
        if job is None:
            record, demand = self._record, 0 if self._scribe.waits else 1
            weight = float(record.spec.get("weight", 1.0))
            return self._dated(Need(record.id, runner, demand, weight=weight, tenant=record.tenant), None)
        stops = self.orders.leaving or self._stop(job.progress, job.crew) is not None
        purse, clock = self._purse(job.progress), ports.clock.monotonic()
        need = need_of(self._record, runner, job, purse, ports.fleet.slots, stops=stops, clock=clock)
        return self._dated(need, job, stops=stops)

    def _dated(self, need: Need, job: Underway | None, *, stops: bool = False) -> Need:
        """With the deadline by which its answer was promised, and the work that this may take."""
        promise = self._record.promise
        if promise is None or not stands(promise, self.orders.budget):
            return need
        left = seconds_until(promise.deadline, self._ports.clock.now())
        upper = promise.worker_seconds if job is None else upper_of(need, job, promise.worker_seconds)
        return replace(need, deadline=left, upper=0.0 if stops else upper)

    def nudge(self) -> None:
        """Look at the share and at the clock again."""
        job = self._underway
        if job is None or job.crew.lacking is not None:
            return
        if not self.starved or self._stop(job.progress, job.crew) is not None:  # a share is nothing to who waits
            self.orders.changed.set()

    async def run(self) -> None:
        """Conduct. Raises Fenced when another runner has the job, StoreUnavailable when nothing can be written."""
        try:
            await self._conduct()
        except OutOfMemory as error:
            await self._give_up("failed", without_room(error, self._record))
        except BlockFailed as error:
            await self._give_up("failed" if error.by_spec else "crashed", str(error))
        except WorkerDied as error:
            await self._give_up("crashed", f"a block kept losing its worker: {error}")
        except SpecError as error:
            await self._give_up("failed", f"{error.pointer}: {error}")
        except _CalledOff:
            await self._cancelled(None)
        except StoreError:
            raise
        except Exception as error:
            # A mistake of ours: the job says so and keeps its frontier, instead of breaking every runner in turn.
            log.exception("job.broken", job_id=self._record.id)
            await self._give_up("crashed", f"{type(error).__name__}: {error}")

    async def _conduct(self) -> None:
        if self.orders.cancelled:
            return await self._cancelled(None)
        spec = self._kind.spec.model_validate(self._record.resolved or self._record.spec)
        inputs = await self._inputs(spec)
        if self._record.purpose in ("plan", "verify"):
            return await self._errand(spec, inputs)
        if fitting_of(self._kind, spec) is not None:
            spec = await self._fitted(spec, inputs)
            inputs = await self._inputs(spec)
        spec = await self._resolved(spec, inputs)
        while spec is not None:
            spec = await self._computed(spec, inputs)
        return None

    async def _computed(self, spec: Any, inputs: Inputs) -> Any:
        """Conduct by a resolved spec to the end: None; or until it does not fit into memory: one that asks for less."""
        statistics = statistics_of(self._kind, spec, inputs)
        inflow = await inflow_of(self._record.id, spec, self._kind, inputs, self._ports.store)
        progress = await self._restore(spec, statistics, inflow)
        schedule = schedule_of(spec)
        crew = Crew(self._ports.fleet, spec, inputs, self._ports.counts)
        await self._say(progress, crew)
        progress.started = self._ports.clock.monotonic()
        self._underway = Underway(progress, schedule, crew, self._scribe)
        async with kept_up(inflow, self._record.id, self._ports.store, self.orders.changed):
            try:
                return await self._work(progress, schedule, crew)
            except OutOfMemory as error:
                smaller, why = with_fewer_rows(spec, error, self._record)
                self._record = await self._scribe.anew(progress, smaller, why)
                return smaller
            finally:
                self._underway = None
                crew.disband()

    async def _inputs(self, spec: Any) -> Inputs:
        """The uploads that the spec names, once all models among them have been tried."""
        while True:
            try:
                return await gather(spec, self._ports.library, self._ports.artifacts, whole=True)
            except StillChecking as error:
                await self._wait_before_work(str(error))

    async def _fitted(self, spec: Any, inputs: Inputs) -> Any:
        """The spec that names its model, once that is trained."""
        ports, orders = self._ports, self.orders
        budget = lambda: timed(orders.budget, ports.clock.now())  # noqa: E731
        fitter = Fitter(self._record, self._kind, ports, self._scribe, budget, self._until_resources)
        training = asyncio.create_task(fitter.run(spec, inputs))
        try:
            while not training.done():
                await self._until_changed(training)
                if orders.cancelled:
                    raise _CalledOff
        finally:
            training.cancel()
        self._record = self._record.with_changes({"spent": fitter.spent})
        return training.result()

    async def _until_changed(self, work: asyncio.Task[Any]) -> None:
        """Wait until `work` is done or there are new orders."""
        changed = asyncio.create_task(self.orders.changed.wait())
        try:
            await asyncio.wait({work, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
        self.orders.changed.clear()

    async def _resolved(self, spec: Any, inputs: Inputs) -> Any:
        """The resolved spec: from the store, as posted, or by a pilot."""
        if self._record.resolved is not None:
            return spec
        await self._scribe.status("resolving")
        clocked = spec.model_copy(update={"budget": timed(spec.budget, self._ports.clock.now())})
        fleet, tell = self._ports.fleet, self._scribe.said
        found = await self._until_resources(lambda: resolve(clocked, self._kind, fleet, inputs, tell))
        spec = found.model_copy(update={"budget": spec.budget})
        await self._scribe.resolved(spec)
        return spec

    async def _until_resources(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, once there is a worker of its class. Workers that die are its own affair (`run_again`)."""
        while True:
            try:
                return await work()
            except NoSuchClass as error:
                await self._wait_before_work(str(error))

    async def _errand(self, spec: Any, inputs: Inputs) -> None:
        """A job whose purpose is no answer."""
        fleet, store = self._ports.fleet, self._ports.store
        await self._scribe.status("running")
        artifacts = self._ports.artifacts
        work = partial(run_errand, self._record, spec, self._kind, fleet, store, artifacts, inputs)
        await self._scribe.told(await self._until_resources(work))

    async def _restore(self, spec: Any, statistics: Any, inflow: Inflow | None) -> Progress:
        """The frontier at the last checkpoint, or the very beginning."""
        kept = Checkpoint(0, statistics.empty())
        if self._record.checkpoint is not None:
            kept = Checkpoint.from_bytes(await self._ports.artifacts.read(self._record.checkpoint))
        progress = Progress(spec, statistics, kept.state, kept.blocks, self._record.spent, self._record.epoch, inflow)
        progress.carries.known.update(kept.carries)
        progress.decisions.made.update(kept.decisions)
        return progress

    async def _wait_for_resources(self, why: str) -> None:
        """Say so, and sleep until it is worth another try or there are new orders."""
        await self._scribe.status("waiting_for_resources", why)
        sleep = asyncio.create_task(self._ports.clock.sleep(WAIT_FOR_RESOURCES))
        orders = asyncio.create_task(self.orders.changed.wait())
        try:
            await asyncio.wait({sleep, orders}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            orders.cancel()

    async def _wait_before_work(self, why: str) -> None:
        await self._wait_for_resources(why)
        if self.orders.cancelled:
            raise _CalledOff
        self.orders.changed.clear()

    def _purse(self, progress: Progress) -> Purse:
        """A tolerance job gives up at the end of its plan, unless the user has paid for more since, or has time."""
        budget, resolution = self.orders.budget, resolution_of(progress.spec)
        planned, bounded = None, budget.has_clock or budget.deadline is not None
        if budget.has_tolerance and not (bounded and (resolution.extensible or self.orders.version > 0)):
            planned = resolution.blocks_planned * (4**EXTENSIBLE_RUNGS if resolution.extensible else 1)
        return Purse(budget, planned)

    async def _work(self, progress: Progress, schedule: Schedule, crew: Crew) -> None:
        """Issue and fold until the job stops."""
        met: StoppedBy | None = None
        while True:
            stop = self._stop(progress, crew)
            if stop == "cancelled":
                return await self._cancelled(progress)
            if met or (crew.idle and not progress.ready and stop is not None):
                try:
                    return await self._finish(progress, schedule, met or stop or "tolerance")
                except BudgetChanged:
                    await self._read_orders()
                    met = await self._scribe.folded(progress, schedule, self._purse(progress))
                    continue
            if self.orders.leaving:
                await self._drain(progress, crew)
                met = await self._fold(progress, schedule, crew)
                if not met:
                    return await self._scribe.handed_over(progress)
                continue
            await self._say(progress, crew)
            self._issue(progress, crew, stop)
            await self._collect(progress, crew)
            met = await self._fold(progress, schedule, crew)

    def _stop(self, progress: Progress, crew: Crew) -> StoppedBy | None:
        """Why nothing more may be issued, or None. What is in flight will be counted, so its time is spent already."""
        if self.orders.cancelled:
            return "cancelled"
        inflow = progress.inflow
        if inflow is not None and inflow.exhausted(progress.issued):
            return "observations"
        if inflow is not None and not inflow.whole(progress.issued):  # every observation has an answer of its own
            return None
        starved = inflow is not None and not inflow.ready(0)
        if progress.issued == 0 and not starved:  # without a block there is no answer, however long getting ready took
            return None
        spent = progress.committed(self._ports.clock.monotonic())
        ahead = progress.block_seconds() * crew.in_flight / max(self._ports.fleet.workers, 1)
        spent = spent.model_copy(update={"seconds": spent.seconds + ahead})
        stop = self._purse(progress).exhausted(spent, progress.units(progress.issued), progress.issued)
        return stop or overdue(self.orders.budget.deadline, self._ports.clock.now(), ahead)

    def _issue(self, progress: Progress, crew: Crew, stop: StoppedBy | None) -> None:
        """Fill the job's share of the slots, but not beyond its horizon."""
        assert self._underway is not None
        far = horizon(self._underway, self.orders.budget, self._ports.fleet.slots, progress.blocks)
        while stop is None and crew.in_flight < self._share() and (far is None or progress.issued < far):
            if not progress.can_issue():
                return
            index = progress.issued
            crew.send(index, progress.layout.place(index), progress.carries.into(index), progress.decision(index))
            progress.issued += 1
            stop = self._stop(progress, crew)

    async def _drain(self, progress: Progress, crew: Crew) -> None:
        """Take what comes back within a moment. What does not is run again elsewhere, with equal bits."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                while not crew.idle and crew.lacking is None:
                    for index, result, attempts in await crew.wait(asyncio.Event()):
                        progress.land(index, result, attempts)

    async def _collect(self, progress: Progress, crew: Crew) -> None:
        """Wait for blocks or for orders."""
        if progress.ready:
            return
        for index, result, attempts in await crew.wait(self.orders.changed):
            progress.land(index, result, attempts)
        self.orders.changed.clear()
        if crew.lacking is not None:
            await self._wait_for_resources(crew.lacking)
            await self._scribe.started(progress)
            crew.retry()

    async def _fold(self, progress: Progress, schedule: Schedule, crew: Crew) -> StoppedBy | None:
        """Fold what is ready, publishing on the way. Not None when the tolerance ends the job at a look: stop there."""
        while progress.ready and not self.orders.cancelled:
            progress.fold()
            last = crew.idle and not progress.ready and self._stop(progress, crew) is not None
            met = await self._scribe.folded(progress, schedule, self._purse(progress), last=last)
            if met is not None:
                return met
        return None

    async def _say(self, progress: Progress, crew: Crew) -> None:
        """Whether the job runs or waits for an observation."""
        inflow = progress.inflow
        if inflow is None or not crew.idle or inflow.ready(progress.issued) or inflow.closed:
            return await self._scribe.started(progress)
        inflow.check()
        return await self._scribe.starved(progress, f"observation {inflow.known} is not known yet")

    async def _finish(self, progress: Progress, schedule: Schedule, stopped_by: StoppedBy) -> None:
        if progress.blocks > 0:
            await self._scribe.completed(progress, schedule, self._purse(progress), stopped_by, self.orders.version)
        else:
            await self._scribe.unanswered(progress, stopped_by, self.orders.version)
        log.info("job.completed", job_id=self._record.id, blocks=progress.blocks, stopped_by=stopped_by)

    async def _cancelled(self, progress: Progress | None) -> None:
        await self._scribe.cancelled(progress)
        log.info("job.cancelled", job_id=self._record.id)

    async def _give_up(self, status: str, why: str) -> None:
        problem: Problem = failed(why) if status == "failed" else crashed(why)
        await self._scribe.broken(status, problem)
        log.error("job.broken", job_id=self._record.id, status=status, why=why)

    async def _read_orders(self) -> None:
        """The budget moved while the job was ending: read it, so that the next round goes by it."""
        record = await self._ports.store.get(self._record.id)
        if record is not None:
            self.orders.update(record.budget, record.budget_version, record.cancel_requested)
