"""Posted spec + discarded pilot -> resolved spec. After this nothing depends on measured seconds any more.

The pilot runs on randomness of its own (`pilot_key`), so that what is measured here selects nothing there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from burnish.wire import Budget, Resolution, SpecBase
from burnish.wire.specs import Multiplicity
from burnish_workers.core.boundary import fixed_critical
from burnish_workers.core.digest import digest
from burnish_workers.core.estimator import Answer, State, Statistics
from burnish_workers.core.forecast import shared_need
from burnish_workers.core.guard import FULL_REPLICATES, LEAST_OUTLIER, LEAST_REPLICATES
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import pilot_key
from burnish_workers.core.kind import COMPARED, MOST_SAMPLES, Contestant, Draft, Kind, statistics_of
from burnish_workers.core.multiplicity import per_output
from burnish_workers.core.purse import Purse
from burnish_workers.core.schedule import Replicates
from burnish_workers.engine.fleet import BlockTask, Fleet, JobCode, run_again
from burnish_workers.engine.inflow import first_of

BLOCK_SECONDS = 0.4
FIRST_BLOCK_SECONDS = 0.15
"""A block is to be long against the cost of sending it and short against what a watcher notices."""

CLOCK_SHARE = 0.9
"""Part of a clock's capacity that the last look is planned for, so that most clocks do reach it."""

TOLERANCE_ROOM = 3.0
"""n_max of a tolerance job over the count that would just do: room for a pilot that was too hopeful."""

LOOK_BEYOND = 1.25
"""Where the look of a tolerance lies over its forecast. A pilot of 64 replicates knows a variance to 18 %; a look that
just fails is followed by one at twice the count."""

CHEAP_SECONDS = 2.0
"""If FIRST_CHEAP replicates take no longer than this, the first interval waits for them and for the full guard."""

FIRST_CHEAP = 2 * FULL_REPLICATES
"""Twice what the full guard asks for: its tail index then rests on 60 values instead of 40."""

CONTEST_SECONDS = 0.4
"""Rivals of the preferred estimator are tried while they take no longer, all together: an answer is waited for."""

LONG = 10_000
"""Replicates over which the mean cost of one is taken: corrections come with every so many."""


COLD, PATIENCE = 0.03, 2.0
"""A pilot that takes longer than the first is timed again, one that takes longer than the second is not."""

WIDER = {"stream": 1.05, "fixed": 1.0, "open": 1.6, "bounded": 1.9}
"""Half-width at the end of the plan over that of a fixed sample, by kind of interval."""

REPLICATES = "replicates"
"""Name under which the block of a pilot may return its replicates (n, m) beside its statistics."""


@dataclass(frozen=True)
class Pilot:
    """What the pilot showed: worker-seconds of one replicate, and how many replicates a tolerance takes.

    `units`: units of so many replicates, known without a pilot. `multiplicity`: how outputs share confidence.
    """

    seconds: float
    needed: float | None
    units: Callable[[int], int]
    multiplicity: Multiplicity | None = None


def code_of(spec: SpecBase, inputs: Inputs) -> JobCode:
    """What workers need of a resolved spec, named by its digest."""
    resolved = spec.model_dump(mode="json")
    return JobCode(digest(resolved), spec.kind, resolved, inputs)


def provisional(draft: Draft, numeric_class: str, multiplicity: Multiplicity | None = None) -> Resolution:
    """A resolution good for one block: the pilot's."""
    return Resolution(
        version=draft.version,
        estimator=draft.estimator,
        numeric_class=numeric_class,
        first_block=draft.pilot,
        block=draft.pilot,
        blocks_planned=1,
        first_look=1,
        micro_batch=draft.micro_batch,
        tail=8,
        extensible=False,
        multiplicity=multiplicity,
        plan=draft.plan,
    )


@dataclass(frozen=True)
class Trial:
    """A pilot that was run: its draft with the plan tuned, what it cost and what its few replicates say."""

    draft: Draft
    numeric_class: str
    pilot: Pilot
    answer: Answer
    seconds: float
    contestant: Contestant


async def resolve(spec: SpecBase, kind: Kind, fleet: Fleet, inputs: Inputs) -> SpecBase:
    """Run the pilot and fill `resolution` in. A spec that already has one is returned as it is (replay)."""
    if spec.resolution is not None:
        return spec
    return resolved_by(await run_pilot(spec, kind, fleet, inputs), spec, fleet.workers)


def resolved_by(trial: Trial, spec: SpecBase, workers: int) -> SpecBase:
    """The spec with the resolution that a trial suggests. Pure."""
    resolution = decide(spec, trial.draft, trial.pilot, trial.numeric_class, workers)
    return spec.model_copy(update={"resolution": resolution})


async def run_pilot(spec: SpecBase, kind: Kind, fleet: Fleet, inputs: Inputs) -> Trial:
    """Run a few replicates on a worker, on randomness that no answer uses; of each rival too, where there are some."""
    numeric_class = await fleet.numeric_class()
    draft = kind.draft(spec, numeric_class, inputs)
    tried = [await _try(spec, kind, fleet, inputs, draft, numeric_class)]
    left, pace = CONTEST_SECONDS, tried[0].seconds / tried[0].contestant.statistics.cost(draft.pilot)
    for rival in draft.rivals:
        planned = rival.trial.model_copy(update={"resolution": provisional(rival, numeric_class)})
        if pace * statistics_of(kind, planned, inputs).cost(rival.pilot) > left:
            continue
        tried.append(await _try(spec, kind, fleet, inputs, rival, numeric_class))
        left -= tried[-1].seconds * (2 if tried[-1].seconds > COLD else 1)
    if len(tried) == 1:
        return tried[0]
    index, said = kind.choose(spec, [trial.contestant for trial in tried], fleet.workers)
    chosen = tried[index]
    return replace(chosen, draft=replace(chosen.draft, plan={**chosen.draft.plan, COMPARED: said}))


async def _try(spec: SpecBase, kind: Kind, fleet: Fleet, inputs: Inputs, draft: Draft, numeric_class: str) -> Trial:
    trial = draft.trial.model_copy(update={"resolution": provisional(draft, numeric_class)})
    key = pilot_key(spec.seed or 0)
    lane = None if draft.lanes is None else key.child(0)
    decision = first_of(kind.feed(spec, inputs))
    task = BlockTask(code_of(trial, inputs), key, 0, draft.pilot, numeric_class, lane=lane, decision=decision)
    result = await run_again(lambda: fleet.run(task))
    seconds = result.seconds
    if COLD < seconds < PATIENCE:  # the first run of a process loads and compiles; the same block again shows the pace
        seconds = min(seconds, (await run_again(lambda: fleet.run(task))).seconds)
    statistics = statistics_of(kind, trial, inputs)
    state = statistics.fold(statistics.empty(), result.stats)
    draft = replace(draft, plan={**draft.plan, **statistics.tuned(state)}, rivals=())
    final = spec.model_copy(update={"resolution": provisional(draft, numeric_class)})
    shared = _shared(spec, draft, statistics, result.stats.get(REPLICATES))
    pilot = _measure(spec, draft, statistics, statistics_of(kind, final, inputs), state, seconds, shared)
    contestant = Contestant(draft, statistics, state, pilot.seconds, pilot.units(LONG) / LONG)
    return Trial(draft, numeric_class, pilot, statistics.answer(state), seconds, contestant)


def _shared(
    spec: SpecBase, draft: Draft, statistics: Statistics, replicates: NDArray[np.float64] | None
) -> Multiplicity | None:
    """How the outputs share the chance of a miss; None where each has it on its own."""
    if not spec.simultaneous or draft.outputs == 1:
        return None
    whole = replicates if replicates is not None and replicates.shape[1] == draft.outputs else None
    alpha, seed = round(1 - spec.level, 12), spec.seed or 0
    found = per_output(alpha, draft.outputs, independent=statistics.independent, replicates=whole, seed=seed)
    return Multiplicity(method=found.method, outputs=found.outputs, alpha=found.alpha)


def _measure(
    spec: SpecBase,
    draft: Draft,
    trial: Statistics,
    final: Statistics,
    state: State,
    seconds: float,
    shared: Multiplicity | None,
) -> Pilot:
    """Scale what the pilot cost to all outputs and to the tuned plan."""
    combined = trial.answer(state).combined
    target = Purse(spec.budget, None).tolerance(combined.value)
    needed = None
    if target is not None:
        # s^2 of the sum of components, as if all had the leading one's count: their shares are fixed.
        deviation = combined.standard_error * np.sqrt(draft.pilot)
        z = fixed_critical(1 - spec.level if shared is None else shared.alpha) * WIDER[spec.interval]
        counts = np.where(target > 0, (z * deviation / np.where(target > 0, target, 1.0)) ** 2, np.inf)
        finite = counts[np.isfinite(counts)]
        if draft.adaptive and len(finite):
            finite = shared_need(np.sqrt(finite)) ** 2
        needed = float(finite.max()) if len(finite) else 1e6
    plan_cost = final.cost(LONG) / LONG / (trial.cost(draft.pilot) / draft.pilot)
    each = max(seconds, 1e-6) / draft.pilot * plan_cost * draft.outputs / draft.trial_outputs
    return Pilot(each, needed, final.units, shared)


def decide(spec: SpecBase, draft: Draft, pilot: Pilot, numeric_class: str, workers: int) -> Resolution:
    """Block sizes, the plan of looks and the ladder, from what the pilot showed. Pure."""
    amount = _replicates_paid(spec, pilot, workers)
    wanted = None if pilot.needed is None else max(pilot.needed, LEAST_OUTLIER) * TOLERANCE_ROOM
    planned = max(1.0, min(v for v in (amount, wanted) if v is not None))
    most = min(10**6, MOST_SAMPLES // draft.outputs)
    block = max(1, min(round(BLOCK_SECONDS / pilot.seconds), math.ceil(planned / 8), most))
    first = max(1, min(round(FIRST_BLOCK_SECONDS / pilot.seconds), block, round(planned)))
    if draft.fed:  # an observation in a lane is a replicate
        first = block = 1
    elif draft.lanes is not None:  # all steps of a chain are equally long
        first = block
    blocks = _blocks(spec, pilot, planned, first, block)
    first_look = 1 if spec.interval == "bounded" else _first_look(first, block, blocks, pilot.seconds / workers)
    return Resolution(
        version=draft.version,
        estimator=draft.estimator,
        numeric_class=numeric_class,
        first_block=first,
        block=block,
        blocks_planned=min(blocks, 10**7),
        first_look=first_look,
        extra_looks=_extra(spec, pilot, first, block, blocks),
        micro_batch=draft.micro_batch,
        tail=max(32, min(512, 200_000 // draft.outputs)),
        extensible=not spec.budget.has_tolerance if spec.extensible is None else spec.extensible,
        lanes=draft.lanes,
        each=draft.lanes if draft.fed else None,
        decides_from=_decides_from(draft, blocks, first_look, workers),
        multiplicity=pilot.multiplicity,
        plan=draft.plan,
    )


def _blocks(spec: SpecBase, pilot: Pilot, planned: float, first: int, block: int) -> int:
    """K_0: blocks that hold the planned replicates, and just those that the budget's units pay for."""
    blocks, count = max(1, 1 + math.ceil(round((planned - first) / block, 6))), Replicates(first, block)
    if spec.budget.units is None:
        return blocks
    while blocks > 1 and pilot.units(count(blocks - 1)) >= spec.budget.units:
        blocks -= 1
    while _units_only(spec.budget) and pilot.units(count(blocks)) < spec.budget.units:
        blocks += 1
    return blocks


def _decides_from(draft: Draft, blocks: int, first_look: int, workers: int) -> int | None:
    """The look that decides first: by then every worker has had a block, and two more looks are to come that use it."""
    start = max(first_look, workers)
    return start if draft.adaptive and blocks >= 4 * start else None


def _units_only(budget: Budget) -> bool:
    others = (budget.seconds, budget.worker_seconds, budget.gpu_seconds)
    return not budget.has_tolerance and all(amount is None for amount in others)


def _replicates_paid(spec: SpecBase, pilot: Pilot, workers: int) -> float | None:
    """Replicates that the amounts of the budget pay for; None when only a tolerance bounds the job."""
    budget = spec.budget
    paid: list[float] = []
    if budget.seconds is not None:
        paid.append(CLOCK_SHARE * budget.seconds * workers / pilot.seconds)
    if budget.worker_seconds is not None:
        paid.append(CLOCK_SHARE * budget.worker_seconds / pilot.seconds)
    if budget.gpu_seconds is not None:
        paid.append(CLOCK_SHARE * budget.gpu_seconds / pilot.seconds)
    if budget.units is not None:
        paid.append(budget.units * LONG / pilot.units(LONG))
    return min(paid) if paid else None


def _reach(replicates: float, first: int, block: int) -> int:
    """Blocks after which there are at least so many replicates."""
    return 1 if replicates <= first else 1 + math.ceil((replicates - first) / block)


def _first_look(first: int, block: int, blocks: int, seconds: float) -> int:
    total = Replicates(first, block)(blocks)
    if total >= 4 * FIRST_CHEAP and seconds * FIRST_CHEAP <= CHEAP_SECONDS:
        return _reach(FIRST_CHEAP, first, block)
    return min(blocks, _reach(LEAST_OUTLIER if total >= LEAST_OUTLIER else LEAST_REPLICATES, first, block))


def _extra(spec: SpecBase, pilot: Pilot, first: int, block: int, blocks: int) -> list[int]:
    """For a tolerance: a look a little beyond the forecast, N = (c s/tol)^(4/3) n_max^(1/3)."""
    if pilot.needed is None or not spec.budget.has_tolerance:
        return []
    forecast = pilot.needed ** (2 / 3) * Replicates(first, block)(blocks) ** (1 / 3)
    look = _reach(LOOK_BEYOND * forecast, first, block)
    return [look] if look < blocks else []
