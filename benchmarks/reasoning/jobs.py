"""Whole jobs of kind `reasoning` without the engine, in one thread: pilot, blocks of chains, a report at each look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from burnish.wire.specs import Multiplicity
from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key, lane_key, pilot_key
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.registry import registry
from burnish_workers.core.report import Report, report, schedule_of
from burnish_workers.engine.resolve import provisional
from burnish_workers.kinds.reasoning.methods import METHODS
from burnish_workers.kinds.reasoning.plan import Recipe
from burnish_workers.kinds.reasoning.problem import Task
from burnish_workers.kinds.reasoning.simulator import ALPHA, ReasoningSimulator

KIND = registry().get("reasoning")


def simulator(spec: ReasoningSpec, task: Task) -> ReasoningSimulator:
    """What the kind builds, on a task that is there already."""
    recipe, floor = Recipe.of(resolution_of(spec)), float(np.log(spec.verifier.floor))
    return ReasoningSimulator(task, recipe, METHODS[spec.method], (spec.beta,), floor, spec.chains, ALPHA)


def resolved(body: dict[str, Any], task: Task, block: int, rounds: int) -> ReasoningSpec:
    """A posted spec after its pilot: `rounds` blocks of `block` steps for each chain, looks by the usual plan."""
    spec = ReasoningSpec.model_validate({"kind": "reasoning", "together": 1, "budget": {"units": 1}, **body})
    KIND.check(spec, NOTHING)
    draft = KIND.draft(spec, "any", NOTHING)
    trial = spec.model_copy(update={"resolution": provisional(draft, "any").model_copy(update={"lanes": spec.chains})})
    key, statistics, pilot = pilot_key(spec.seed or 0), KIND.statistics(trial, NOTHING), simulator(trial, task)
    _, stats = pilot.advance(pilot.init(key.child(0)), key, 0, draft.pilot)
    plan = {**draft.plan, **statistics.tuned(statistics.fold(statistics.empty(), stats))}
    assert draft.outputs_by is not None
    outputs, lanes = draft.outputs_by(plan), spec.chains
    changed = {
        "first_block": block,
        "block": block,
        "blocks_planned": rounds * lanes,
        "first_look": lanes,
        "lanes": lanes,
        "tail": 32,
        "multiplicity": Multiplicity(method="bonferroni", outputs=outputs, alpha=0.05 / outputs),
        "plan": plan,
    }
    return spec.model_copy(update={"resolution": provisional(draft, "any").model_copy(update=changed)})


def looks(spec: ReasoningSpec, task: Task) -> Iterator[tuple[Report, bool]]:
    """The report at each planned look, and whether a job with `early_stop` would end there."""
    r, seed = resolution_of(spec), spec.seed or 0
    assert r.lanes is not None
    runs, statistics, schedule = simulator(spec, task), KIND.statistics(spec, NOTHING), schedule_of(spec)
    state, carries = statistics.empty(), [runs.init(lane_key(seed, lane)) for lane in range(r.lanes)]
    for index in range(r.blocks_planned):
        lane = index % r.lanes
        carries[lane], stats = runs.advance(carries[lane], block_key(seed, lane, index // r.lanes), 0, r.block)
        state = statistics.fold(state, stats)
        last = index + 1 == r.blocks_planned
        if last or schedule.look(index + 1) is not None:
            answer = statistics.answer(state)
            found = report(spec, schedule, statistics, answer, index + 1, ends=last)
            yield found, answer.settled is not None and answer.settled(found.value, found.half_width)
