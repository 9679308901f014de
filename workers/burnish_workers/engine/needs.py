"""What a job that is being conducted needs of the pool: from its progress and its last refinement to a `Need`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.wire import Budget, Refinement, Refused
from burnish_workers.core.demand import Need
from burnish_workers.core.guard import TAIL_INDEX
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.purse import Purse
from burnish_workers.core.schedule import Schedule
from burnish_workers.engine.crew import Crew
from burnish_workers.engine.progress import Progress
from burnish_workers.engine.records import JobRecord
from burnish_workers.engine.scribe import Scribe

WINDOW = 4
"""Blocks that a job without a tolerance may be ahead of its prefix, in multiples of the pool's slots: what came back
out of order waits in memory."""

MOST = 10_000
BARRED = frozenset({"weight_collapse", "nonfinite", "bias_unknown", "tolerance_below_floor"})
"""Refusals that more work does not lift, beside that of a tail index of 1/2 and more."""


@dataclass(frozen=True)
class Underway:
    """A job past its resolution."""

    progress: Progress
    schedule: Schedule
    crew: Crew
    scribe: Scribe


def horizon(job: Underway, budget: Budget, slots: int, blocks: int) -> int | None:
    """The block count beyond which nothing is issued when `blocks` are folded; None: only the budget ends the job.

    Not beyond what the next two looks need, because a tolerance may be met there and what is in flight is then for
    nothing. Without a tolerance everything issued will be counted: the looks do not hold it back.
    """
    closed = job.scribe.closed
    near = job.schedule.next_look(blocks, closed)
    if near is None:
        return None
    far = job.schedule.next_look(near, closed) or near
    return far if budget.has_tolerance else max(far, blocks + WINDOW * slots)


def need_of(
    record: JobRecord, runner: str, job: Underway, purse: Purse, slots: int, *, stops: bool, clock: float
) -> Need:
    """The need of a job underway. `stops`: nothing more may be issued; `clock`: its reading now."""
    progress, refinement = job.progress, job.scribe.latest
    in_flight, block_seconds = job.crew.in_flight, progress.block_seconds()
    spent = progress.spending(clock)
    held = stops or job.crew.lacking is not None
    return Need(
        id=record.id,
        runner=runner,
        tenant=record.tenant,
        demand=in_flight if held else in_flight + _issuable(job, purse, slots),
        in_flight=in_flight,
        weight=float(record.spec.get("weight", 1.0)),
        blocks=progress.blocks,
        replicates=refinement.replicates if refinement else 0,
        seconds=spent.worker_seconds + in_flight * block_seconds,
        block_seconds=block_seconds,
        spread=spread(refinement, purse) if refinement else 0.0,
        remaining=_remaining(refinement, job, purse, spent.worker_seconds),
        waiting=progress.waiting,
        barred=_barred(job.scribe.refused, purse.budget),
    )


def spread(refinement: Refinement, purse: Purse) -> float:
    """s^2 c/eps^2 of the worst output, worker-seconds: its squared standard error over eps^2 times what it took.

    Without a tolerance, and where no output has one that can be reached, eps is s: the worker-seconds of a replicate.
    """
    seconds, estimate = refinement.spent.worker_seconds, refinement.estimate
    tolerance = purse.tolerance(_floats(estimate.value))
    if tolerance is not None:
        ratio = _floats(estimate.standard_error)[tolerance > 0] / tolerance[tolerance > 0]
        if np.isfinite(ratio).any():
            return seconds * float(np.nanmax(ratio)) ** 2
    return seconds / max(refinement.replicates, 1)


def _remaining(refinement: Refinement | None, job: Underway, purse: Purse, seconds: float) -> float | None:
    """Worker-seconds to the tolerance by the forecast of the last refinement: 0 where it should have been met by now.

    Without a forecast to the end of the plan, and no less than what was spent so far.
    """
    if not purse.budget.has_tolerance:
        return None
    if refinement is None:
        return 0.0
    target = refinement.forecast.units_to_target if refinement.forecast else None
    each = refinement.spent.worker_seconds / max(refinement.spent.units, 1)
    if target is not None:
        return max(0.0, target * each - seconds)
    planned = purse.planned or resolution_of(job.progress.spec).blocks_planned
    return max(seconds, planned * seconds / max(refinement.blocks, 1) - seconds)


def upper_of(need: Need, job: Underway, promised: float) -> float:
    """Worker-seconds that a job underway may still take to its tolerance: the upper end of its forecast.

    Before its first refinement what was promised, less what was spent.
    """
    refinement = job.scribe.latest
    if refinement is None or need.remaining is None:
        return max(0.0, promised - need.seconds)
    when = refinement.forecast.seconds_to_target if refinement.forecast else None
    wider = when.upper / when.estimate if when is not None and when.estimate > 0 else 1.0
    return need.remaining * max(wider, 1.0)


def _issuable(job: Underway, purse: Purse, slots: int) -> int:
    """Blocks that could be issued within the next interval if there were slots for them.

    As if what is in flight had been folded: looks double, and slots that are asked for only then come too late.
    """
    progress, ready = job.progress, [float(MOST)]
    ready.append(progress.decisions.room(progress.issued, MOST))
    if progress.layout.lanes is not None:
        ready.append(progress.layout.lanes - job.crew.in_flight)
    inflow = progress.inflow
    if inflow is not None:
        ready.append(inflow.room(progress.issued))
    wanted = min([*ready, *_paid(job, purse, slots)])
    if inflow is not None and not inflow.whole(progress.issued):  # one that was begun is finished, whatever the budget
        wanted = max(wanted, min([*ready, inflow.each - progress.issued % inflow.each]))
    return max(0, int(wanted))


def _paid(job: Underway, purse: Purse, slots: int) -> Iterator[float]:
    """Blocks from the next one on up to the limits of the horizon, the plan and the units."""
    progress = job.progress
    far = horizon(job, purse.budget, slots, progress.issued)
    if far is not None:
        yield far - progress.issued
    if purse.planned is not None:
        yield purse.planned - progress.issued
    if purse.budget.units is not None:
        now = progress.units(progress.issued)
        yield math.ceil((purse.budget.units - now) / max(progress.units(progress.issued + 1) - now, 1))


def _barred(refused: Refused | None, budget: Budget) -> bool:
    """Whether the last look refused for good what the job is for: any output with a tolerance, else all of them.

    A few large values among few replicates are no reason: the guard refuses some hundred exponential variables now and
    then, and more of them mend that. A variance that does not exist stays so.
    """
    if refused is None or (refused.outputs is not None and not budget.has_tolerance):
        return False
    heavy = refused.code == "heavy_tail" and (refused.statistics.get("pareto_k") or 0.0) >= TAIL_INDEX
    return heavy or refused.code in BARRED


def _floats(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values])
