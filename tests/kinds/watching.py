"""Jobs of kind `surrogate` without an engine: resolve, advance block by block, fold, report at every look; and what a
watcher sees of them, point by point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.decisions import Decisions
from burnish_workers.core.estimator import Answer
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key, pilot_key
from burnish_workers.core.kind import resolution_of, statistics_of
from burnish_workers.core.registry import registry
from burnish_workers.core.report import Report, report, schedule_of
from burnish_workers.core.schedule import Replicates, critical_for
from burnish_workers.engine.resolve import Pilot, decide, provisional
from burnish_workers.kinds.surrogate.references import hjb_log, viscous_burgers

Array = NDArray[np.float64]
CLASS = "any"


@dataclass(frozen=True)
class Seen:
    """What is published at a look: replicates so far, the answer, the report, and the half-widths (m,) that would have
    been published without a guard."""

    replicates: int
    answer: Answer
    report: Report
    unguarded: Array


def draw_points(count: int, dim: int, horizon: float, seed: int) -> tuple[Array, Array]:
    """t ~ U[0, T) and x ~ U[-1/2, 1/2]^d."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, horizon, count), rng.uniform(-0.5, 0.5, (count, dim))


def posted(
    problem: dict[str, Any], surrogate: dict[str, Any], t: Array, x: Array, *, seed: int, seconds: float = 1.0
) -> SurrogateSpec:
    """A spec as a user would post it, for `seconds` of one worker."""
    points = [{"t": float(s), "x": place.tolist()} for s, place in zip(t, x, strict=True)]
    body = {"kind": "surrogate", "problem": problem, "surrogate": surrogate, "points": points}
    return SurrogateSpec.model_validate(
        {**body, "budget": {"worker_seconds": seconds}, "seed": seed, "extensible": False, "simultaneous": False}
    )


def resolved(spec: SurrogateSpec, seconds_each: float, **plan: int) -> SurrogateSpec:
    """The spec after its discarded pilot, with a fixed cost of a replicate instead of a measured one; `plan` overrides
    what the pilot chose."""
    kind = registry().get("surrogate")
    draft = kind.draft(spec, CLASS, NOTHING)
    trial = draft.trial.model_copy(update={"resolution": provisional(draft, CLASS)})
    statistics = kind.statistics(trial, NOTHING)
    _, stats = kind.load()(trial, "cpu", NOTHING).advance({}, pilot_key(spec.seed or 0), 0, draft.pilot)
    chosen = statistics.tuned(statistics.fold(statistics.empty(), stats))
    draft = replace(draft, plan={**draft.plan, **chosen, **plan})
    final = spec.model_copy(update={"resolution": provisional(draft, CLASS)})
    pilot = Pilot(seconds_each, None, kind.statistics(final, NOTHING).units)
    return spec.model_copy(update={"resolution": decide(spec, draft, pilot, CLASS, 1)})


def looks(spec: SurrogateSpec) -> Iterator[Seen]:
    """Run a resolved spec to its end and yield what it publishes at each look."""
    kind = registry().get("surrogate")
    simulator, statistics = kind.load()(spec, "cpu", NOTHING), statistics_of(kind, spec, NOTHING)
    resolution, schedule, state = resolution_of(spec), schedule_of(spec), statistics.empty()
    count = Replicates(resolution.first_block, resolution.block)
    decisions = Decisions(schedule, count, resolution.decides_from)
    for k in range(resolution.blocks_planned):
        start, size = count(k), count(k + 1) - count(k)
        _, stats = simulator.advance({}, block_key(spec.seed or 0, 0, k), start, size, decisions.of(k))
        state = statistics.fold(state, stats)
        decisions.folded(k + 1, partial(statistics.decide, state))
        look = schedule.look(k + 1)
        if look is not None:
            answer = statistics.answer(state)
            combined = answer.combined
            width = critical_for(look, combined.dof) * combined.standard_error + answer.bias
            yield Seen(count(k + 1), answer, report(spec, schedule, statistics, answer, k + 1), width)


BURGERS = {"name": "viscous-burgers", "dim": 20}
WAVY = {"expression": "sigmoid(t + sum(x))*(1 + 0.08*cos(sum(x)))"}
EARLY = {"name": "viscous-burgers-pinn-d20-early"}
LQG = {"name": "hjb-log", "dim": 20}
TOO_HIGH = {"expression": "1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)"}
LEVEL = 0.95


@dataclass(frozen=True)
class Case:
    """A job of so many points that is to reach so many replicates."""

    name: str
    problem: dict[str, Any]
    surrogate: dict[str, Any]
    horizon: float
    exact: Callable[[Array, Array], Array]
    points: int
    replicates: int


CASES = (
    Case("wavy", BURGERS, WAVY, 0.5, viscous_burgers, 1_000, 96),
    Case("wavy", BURGERS, WAVY, 0.5, viscous_burgers, 300, 1_600),
    Case("early", BURGERS, EARLY, 0.5, viscous_burgers, 1_000, 96),
    Case("early", BURGERS, EARLY, 0.5, viscous_burgers, 100, 1_600),
    Case("hjb-log d=20", LQG, TOO_HIGH, 1.0, hjb_log, 300, 400),
)


@dataclass(frozen=True)
class Outcome:
    """`covered` (m,): no published interval missed. `refused`: share of (point, look) pairs without an interval, and
    `missed_unguarded`, the share of those whose interval would have missed. `by_look`: (replicates, refused) pairs."""

    covered: NDArray[np.bool_]
    refused: float
    missed_unguarded: float
    by_look: tuple[tuple[int, float], ...]
    bias_share: float
    gain: float
    plan: dict[str, Any]


def watch(case: Case, seed: int) -> Outcome:
    """Stream one job and compare every interval with the exact solution."""
    t, x = draw_points(case.points, 20, case.horizon, seed)
    # 0.3 s a replicate means few and expensive ones, with looks from the twelfth on; 5 ms means many and cheap ones.
    each = 0.3 if case.replicates < 200 else 0.005
    spec = posted(case.problem, case.surrogate, t, x, seed=seed, seconds=case.replicates * each / 0.9)
    spec = resolved(spec, each)
    truth = case.exact(t, x)
    covered, refused, would_miss = np.ones(case.points, dtype=bool), [], []
    seen = None
    for seen in looks(spec):
        error = np.abs(seen.answer.combined.value - truth)
        published = np.isfinite(seen.report.half_width)
        covered &= ~published | (error <= seen.report.half_width)
        refused.append((seen.replicates, float(np.mean(~published))))
        would_miss.append((error > seen.unguarded)[~published])
    assert seen is not None
    assert spec.resolution is not None
    surrogate = truth - seen.answer.combined.value + sum(part.mean for part in seen.answer.parts.values())
    unseen = np.concatenate(would_miss)
    return Outcome(
        covered,
        float(np.mean([share for _, share in refused])),
        float(unseen.mean()) if len(unseen) else 0.0,
        tuple(refused),
        float(np.mean(seen.answer.bias / seen.unguarded)),
        float(np.linalg.norm(seen.answer.combined.value - truth) / np.linalg.norm(surrogate)),
        dict(spec.resolution.plan),
    )
