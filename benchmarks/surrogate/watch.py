"""Jobs of kind `surrogate` at a fixed pace: resolved as if a replicate took so many seconds, so that runs compare."""

from __future__ import annotations

from collections.abc import Iterator
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
