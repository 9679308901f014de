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
from burnish_workers.core.keys import Key, pilot_key
from burnish_workers.core.kind import COMPARED, MOST_SAMPLES, Contestant, Draft, Kind, statistics_of
from burnish_workers.core.multiplicity import per_output
from burnish_workers.core.purse import Purse
from burnish_workers.core.schedule import Replicates
from burnish_workers.core.used import NOTHING_USED, Used, used_by
from burnish_workers.engine.fleet import BlockResult, BlockTask, Fleet, JobCode, OutOfMemory, run_again
from burnish_workers.engine.inflow import first_of
from burnish_workers.engine.room import Tell, at_most, fewer, to_nobody, told

BLOCK_SECONDS = 0.4
FIRST_BLOCK_SECONDS = 0.15
"""A block is to be long against the cost of sending it and short against what a watcher notices."""

CLOCK_SHARE = 0.9
"""Part of a clock's capacity that the last look is planned for, so that most clocks do reach it."""

TOLERANCE_ROOM = 3.0
"""n_max of a tolerance job over the count that would just do: room for a pilot that was too hopeful."""

LADDER_ROOM = 2.0
"""The same for a job that may climb on while its amounts last: half of alpha is kept for later rungs, which a nearer
end of the first makes up for: (2.311/2.056)^(4/3) (2/3)^(1/3) = 1.02 times the replicates."""

LOOK_BEYOND = 1.25
"""Where the look of a tolerance lies over its forecast. A pilot of 64 replicates knows a variance to 18 %; a look that
just fails is followed by one at twice the count."""

CHEAP_SECONDS = 2.0
"""If FIRST_CHEAP replicates take no longer than this, the first interval waits for them and for the full guard."""

FIRST_CHEAP = 2 * FULL_REPLICATES
"""Twice what the full guard asks for: its tail index then rests on 60 values instead of 40."""

LONG = 10_000
"""Replicates over which the mean cost of one is taken: corrections come with every so many."""

COLD, PATIENCE = 0.03, 2.0
"""The step of a chain that takes longer than the first is timed again, one that takes longer than the second is not."""

WIDER = {"stream": 1.05, "fixed": 1.0, "open": 1.6, "bounded": 1.9}
"""Half-width at the end of the plan over that of a fixed sample, by kind of interval."""

REPLICATES = "replicates"
"""Name under which the block of a pilot may return its replicates (n, m) beside its statistics."""


@dataclass(frozen=True)
class Pilot:
    """What the pilot showed: worker-seconds of one replicate, and how many replicates a tolerance takes.

    `units`: units of so many replicates, known without a pilot. `multiplicity`: how outputs share confidence. `used`:
    what its own `replicates` used up beside time.
    """

    seconds: float
    needed: float | None
    units: Callable[[int], int]
    multiplicity: Multiplicity | None = None
    used: Used = NOTHING_USED
    replicates: int = 1


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


async def resolve(spec: SpecBase, kind: Kind, fleet: Fleet, inputs: Inputs, tell: Tell = to_nobody) -> SpecBase:
    """Run the pilot and fill `resolution` in. A spec that already has one is returned as it is (replay)."""
    if spec.resolution is not None:
        return spec
    return resolved_by(await run_pilot(spec, kind, fleet, inputs, tell), spec, fleet.workers)


def resolved_by(trial: Trial, spec: SpecBase, workers: int) -> SpecBase:
    """The spec with the resolution that a trial suggests. Pure."""
    resolution = decide(spec, trial.draft, trial.pilot, trial.numeric_class, workers)
    return spec.model_copy(update={"resolution": resolution})


async def run_pilot(spec: SpecBase, kind: Kind, fleet: Fleet, inputs: Inputs, tell: Tell = to_nobody) -> Trial:
    """Run a few replicates on a worker, on randomness that no answer uses; of each rival too, where there are some.

    With fewer rows at once where they do not fit into memory, of which `tell` is told. Raises OutOfMemory.
    """
    while True:
        try:
            return await _piloted(spec, kind, fleet, inputs)
        except OutOfMemory as error:
            rows = fewer(error)
            kind = at_most(kind, rows)
            await tell(told(error, rows))


async def _piloted(spec: SpecBase, kind: Kind, fleet: Fleet, inputs: Inputs) -> Trial:
    numeric_class = await fleet.numeric_class()
    bench = _Bench(spec, kind, fleet, inputs, numeric_class)
    draft = kind.draft(spec, numeric_class, inputs)
    first = await bench.trial(draft)
    rivals = kind.rivals(spec, first.contestant, fleet.workers) if draft.rivals else ()
    if not rivals:
        return bench.afforded(first)
    tried = [first.contestant, *[await bench.glimpse(rival) for rival in rivals]]
    index, said = kind.choose(spec, tried, fleet.workers)
    chosen = first if index == 0 else await bench.trial(rivals[index - 1])
    chosen = bench.afforded(chosen)
    return replace(chosen, draft=replace(chosen.draft, plan={**chosen.draft.plan, COMPARED: said}))


@dataclass(frozen=True)
class _Sample:
    """What a few replicates of a draft gave: `replicates` (n, m) where the kind shows them, and worker-seconds."""

    state: State
    replicates: NDArray[np.float64] | None
    seconds: float


@dataclass(frozen=True)
class _Bench:
    """Tries drafts of one spec."""

    spec: SpecBase
    kind: Kind
    fleet: Fleet
    inputs: Inputs
    numeric_class: str

    async def trial(self, draft: Draft) -> Trial:
        """The pilot proper, timed."""
        statistics = self._statistics(draft, draft.trial)
        sample = await (self._halves if draft.lanes is None else self._step)(draft, statistics)
        draft = _tuned(draft, statistics, sample.state)
        shared = _shared(self.spec, draft, statistics, sample.replicates)
        final = self._statistics(draft, self.spec)
        pilot = _measure(self.spec, draft, statistics, final, sample.state, sample.seconds, shared)
        contestant = Contestant(draft, statistics, sample.state, pilot.units(LONG) / LONG)
        return Trial(draft, self.numeric_class, pilot, statistics.answer(sample.state), sample.seconds, contestant)

    def afforded(self, trial: Trial) -> Trial:
        """The same with replicates as large as leave enough of them for an interval."""
        paid = _replicates_paid(self.spec, trial.pilot, self.fleet.workers)
        draft = trial.draft if paid is None else self.kind.afford(self.spec, trial.draft, paid)
        if draft is trial.draft:
            return trial
        before, after = (self._statistics(each, self.spec) for each in (trial.draft, draft))
        seconds = trial.pilot.seconds * after.cost(LONG) / before.cost(LONG)
        return replace(trial, draft=draft, pilot=replace(trial.pilot, seconds=seconds, units=after.units))

    async def glimpse(self, rival: Draft) -> Contestant:
        """Fewer replicates of a rival, for their spread alone: contests go by nominal costs, so no clock is read."""
        draft = rival.glimpse or rival
        statistics = self._statistics(draft, draft.trial)
        result = await self._run(draft, pilot_key(self.spec.seed or 0), 0, draft.pilot)
        state = statistics.fold(statistics.empty(), result.stats)
        draft = _tuned(draft, statistics, state)
        return Contestant(draft, statistics, state, self._statistics(draft, self.spec).units(LONG) / LONG)

    async def _halves(self, draft: Draft, statistics: Statistics) -> _Sample:
        """In two blocks, for the first run of a process loads and compiles: the second shows the pace."""
        key, half = pilot_key(self.spec.seed or 0), max(1, draft.pilot // 2)
        first = await self._run(draft, key.child(0), 0, half)
        second = await self._run(draft, key.child(1), half, draft.pilot - half)
        cost, state = statistics.cost(half), statistics.fold(statistics.empty(), first.stats)
        warm = second.seconds * cost / max(statistics.cost(draft.pilot) - cost, 1e-300)
        shown = [block.stats[REPLICATES] for block in (first, second) if REPLICATES in block.stats]
        replicates = np.concatenate(shown) if shown else None
        return _Sample(statistics.fold(state, second.stats), replicates, second.seconds + min(first.seconds, warm))

    async def _step(self, draft: Draft, statistics: Statistics) -> _Sample:
        """A step of a chain is not divided: the same again shows the pace."""
        key = pilot_key(self.spec.seed or 0)
        result = await self._run(draft, key, 0, draft.pilot, key.child(0))
        seconds = result.seconds
        if COLD < seconds < PATIENCE:
            seconds = min(seconds, (await self._run(draft, key, 0, draft.pilot, key.child(0))).seconds)
        return _Sample(statistics.fold(statistics.empty(), result.stats), result.stats.get(REPLICATES), seconds)

    async def _run(self, draft: Draft, key: Key, start: int, count: int, lane: Key | None = None) -> BlockResult:
        trial = draft.trial.model_copy(update={"resolution": provisional(draft, self.numeric_class)})
        code, decision = code_of(trial, self.inputs), first_of(self.kind.feed(self.spec, self.inputs))
        task = BlockTask(code, key, start, count, self.numeric_class, lane=lane, decision=decision)
        return await run_again(lambda: self.fleet.run(task))

    def _statistics(self, draft: Draft, spec: SpecBase) -> Statistics:
        resolved = spec.model_copy(update={"resolution": provisional(draft, self.numeric_class)})
        return statistics_of(self.kind, resolved, self.inputs)


def _tuned(draft: Draft, statistics: Statistics, state: State) -> Draft:
    plan = {**draft.plan, **statistics.tuned(state)}
    if draft.outputs_by is None:
        return replace(draft, plan=plan)
    outputs = draft.outputs_by(plan)
    return replace(draft, plan=plan, outputs=outputs, trial_outputs=outputs)


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
    return Pilot(each, needed, final.units, shared, used_by(state), draft.pilot)


def decide(spec: SpecBase, draft: Draft, pilot: Pilot, numeric_class: str, workers: int) -> Resolution:
    """Block sizes, the plan of looks and the ladder, from what the pilot showed. Pure."""
    amount, climbs = _replicates_paid(spec, pilot, workers), _extensible(spec)
    room = LADDER_ROOM if climbs else TOLERANCE_ROOM
    wanted = None if pilot.needed is None else max(pilot.needed, LEAST_OUTLIER) * room
    planned = max(1.0, min(v for v in (amount, wanted) if v is not None))
    most = min(10**6, MOST_SAMPLES // draft.outputs)
    parts = max(8, 2 * (draft.lanes or 0))  # every lane is to have several blocks
    block = max(1, min(round(BLOCK_SECONDS / pilot.seconds), math.ceil(planned / parts), most))
    first = max(1, min(round(FIRST_BLOCK_SECONDS / pilot.seconds), block, round(planned)))
    if draft.lanes is not None:  # all steps of a chain are equally long
        first = block
    blocks = _blocks(spec, pilot, planned, first, block)
    first_look = 1 if spec.interval == "bounded" else _first_look(first, block, blocks, pilot.seconds / workers)
    if draft.lanes is not None:  # a lane is one replicate, however many steps it has made
        first_look = min(blocks, max(first_look, draft.lanes))
    each = draft.lanes if draft.fed is not None else None
    if draft.fed is not None and each is not None:  # an observation in a lane is a replicate
        first, block, first_look = 1, 1, each
        blocks = each * max(1, min(draft.fed.foreseen, math.ceil(planned / each)))
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
        extensible=climbs,
        lanes=draft.lanes,
        each=each,
        decides_from=_decides_from(draft, blocks, first_look, workers),
        multiplicity=pilot.multiplicity,
        replayable=draft.replayable,
        plan=draft.plan,
    )


def _extensible(spec: SpecBase) -> bool:
    """What an amount pays for is used: a tolerance that the first plan does not meet may be met on a later rung."""
    if spec.extensible is not None:
        return spec.extensible
    return spec.budget.has_clock or spec.budget.deadline is not None or not spec.budget.has_tolerance


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
    others = (budget.tokens, budget.verifier_calls)
    return not (budget.has_tolerance or budget.has_time) and all(amount is None for amount in others)


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
    for limit, used in ((budget.tokens, pilot.used.tokens), (budget.verifier_calls, pilot.used.verifier_calls)):
        if limit is not None and used:
            paid.append(CLOCK_SHARE * limit * pilot.replicates / used)
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
