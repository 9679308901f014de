"""Jobs of kind `surrogate` without an engine: resolve, cut to a number of evaluations, run, report at every look.

The pilot, the choice of a method and the plan are those of the service; the loop over blocks is the bare one that the
law compares every service with.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.estimator import Answer
from burnish_workers.core.expression import Expression
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import block_key
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.registry import registry
from burnish_workers.core.report import Report, report, schedule_of
from burnish_workers.core.schedule import critical_for
from burnish_workers.engine.fleet import InlineFleet
from burnish_workers.engine.resolve import resolve
from burnish_workers.kinds.surrogate.trained import trained_models
from burnish_workers.tensors.cards import load_card
from burnish_workers.tensors.expressions import lower
from burnish_workers.tensors.fields import Field
from burnish_workers.tensors.graph import load_model

Array = NDArray[np.float64]
KIND = "surrogate"
FIRST, BLOCKS = 8, 8
"""Replicates before the first look, and blocks of a job that is cut to size, where there are enough replicates."""


@dataclass(frozen=True)
class Seen:
    """What is published at a look: replicates so far, the answer, the report, and the half-widths (m,) that would have
    been published without a guard. `seconds`: CPU-seconds of all blocks so far."""

    replicates: int
    answer: Answer
    report: Report
    unguarded: Array
    seconds: float


def body(
    problem: dict[str, Any],
    surrogate: dict[str, Any],
    t: Array,
    x: Array,
    *,
    seed: int,
    method: str = "auto",
    budget: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A spec as a user would post it. Each point has its own interval: so that points count as trials of coverage."""
    points = [{"t": float(s), "x": place.tolist()} for s, place in zip(t, x, strict=True)]
    more = {"method": method, "seed": seed, "extensible": False, "simultaneous": False, "shrinkage": True}
    paid = budget or {"worker_seconds": 60}
    return {"kind": KIND, "problem": problem, "surrogate": surrogate, "points": points, "budget": paid, **more}


@cache
def _fleet() -> InlineFleet:
    return InlineFleet(1, "cpu")


def resolved(posted: dict[str, Any], inputs: Inputs) -> SurrogateSpec:
    """The spec after its discarded pilot."""
    spec = SurrogateSpec.model_validate(posted)
    registry().get(KIND).check(spec, inputs)
    found = asyncio.run(resolve(spec, registry().get(KIND), _fleet(), inputs))
    assert isinstance(found, SurrogateSpec)
    return found


@torch.no_grad()
def uncorrected(surrogate: dict[str, Any], inputs: Inputs, t: Array, x: Array) -> Array:
    """u_hat at the points (m,)."""
    if "zero" in surrogate:
        return np.zeros(len(t))
    if "expression" not in surrogate:
        places = (torch.as_tensor(a, dtype=torch.float32) for a in (t, x))
        return _field(surrogate, inputs).value(*places).double().numpy()
    return lower(parse(surrogate["expression"], x.shape[1]))({"t": torch.as_tensor(t), "x": torch.as_tensor(x)}).numpy()


def _field(surrogate: dict[str, Any], inputs: Inputs) -> Field:
    if "name" in surrogate:
        return load_card(trained_models()[surrogate["name"]].path)
    return load_model(inputs.files[surrogate["model"]], torch.device("cpu"))


def parse(text: str, dim: int) -> Expression:
    """A formula in t and x in so many dimensions."""
    shapes: dict[str, Any] = {"t": "scalar", "x": "vector"}
    return Expression.parse(text, shapes, sizes={"x": dim}, constants={"d": float(dim)})


def evaluations(spec: SurrogateSpec, inputs: Inputs, replicates: int) -> int:
    """Residuals per point that so many replicates take, all components counted."""
    composition: Any = registry().get(KIND).statistics(spec, inputs).composition  # pyright: ignore[reportAttributeAccessIssue]
    return sum(composition.samples(name, replicates) * composition.evaluations(name) for name in composition.components)


LEAST_STEPS = 4
"""Times of a path, where the pilot's choice would take more than a few evaluations pay for."""


def within(posted: dict[str, Any], inputs: Inputs, most: int) -> SurrogateSpec:
    """The resolved job, cut to `most` evaluations per point.

    `auto` goes by time: where it takes a method whose evaluations are many (martingale, picard), the linearised one is
    asked for. Where the least job that the pilot suggests takes more than `most`, one with less is asked for, as a user
    may: LEAST_STEPS times of a path, two Picard levels of ten.
    """
    spec = resolved(posted, inputs)
    if posted["method"] == "auto" and resolution_of(spec).estimator in ("martingale", "picard"):
        posted = {**posted, "method": "linearised"}
        spec = resolved(posted, inputs)
    if evaluations(spec, inputs, FIRST) > most:
        method = resolution_of(spec).estimator
        levels = {"picard": {"levels": 2, "basis": 10}} if method in ("picard", "plain") else {}
        spec = resolved({**posted, "method": method, "steps": LEAST_STEPS, **levels}, inputs)
    return cut(spec, inputs, most)


def cut(spec: SurrogateSpec, inputs: Inputs, most: int) -> SurrogateSpec:
    """The same job with the most replicates whose components take no more than `most` evaluations per point."""
    low, high = FIRST, FIRST
    while evaluations(spec, inputs, high) <= most:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if evaluations(spec, inputs, middle) <= most else (low, middle)
    return sized(spec, low)


def sized(spec: SurrogateSpec, replicates: int) -> SurrogateSpec:
    """The same job with just so many replicates at every point, in up to BLOCKS blocks, the first look at FIRST or
    more. Points share evenly, so that evaluations per point mean the same as elsewhere."""
    block = max(1, min(FIRST // 2, replicates // 2), replicates // BLOCKS)
    blocks = replicates // block
    first = replicates - block * (blocks - 1)
    plan = {"first_block": first, "block": block, "blocks_planned": blocks, "extra_looks": [], "decides_from": None}
    look = 1 if first >= FIRST else min(blocks, 1 + -(-(FIRST - first) // block))
    resolution = resolution_of(spec).model_copy(update={**plan, "first_look": look})
    return spec.model_copy(update={"resolution": resolution})


def looks(spec: SurrogateSpec, inputs: Inputs) -> Iterator[Seen]:
    """Run a resolved spec to its end and yield what it publishes at each look. Points share samples evenly."""
    kind = registry().get(KIND)
    if resolution_of(spec).decides_from is not None:
        raise ValueError("this job decides at its looks how points share samples: size it first")
    simulator, statistics = kind.load()(spec, "cpu", inputs), kind.statistics(spec, inputs)
    resolution, schedule, state, start = resolution_of(spec), schedule_of(spec), statistics.empty(), 0
    seconds = 0.0
    for k in range(resolution.blocks_planned):
        size = resolution.block if k else resolution.first_block
        began = time.process_time()
        _, stats = simulator.advance({}, block_key(spec.seed or 0, 0, k), start, size)
        seconds += time.process_time() - began
        state, start = statistics.fold(state, stats), start + size
        look = schedule.look(k + 1)
        if look is not None:
            answer = statistics.answer(state)
            combined = answer.combined
            width = critical_for(look, combined.dof) * combined.standard_error + answer.bias
            yield Seen(start, answer, report(spec, schedule, statistics, answer, k + 1), width, seconds)
