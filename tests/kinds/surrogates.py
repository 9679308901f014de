"""Jobs of kind `surrogate` in miniature, for tests: one block, its statistics, and the one assertion about both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.estimator import State
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import Key, block_key
from burnish_workers.core.moments import Moments
from burnish_workers.core.registry import registry
from burnish_workers.engine.resolve import provisional
from burnish_workers.kinds.surrogate.equation import TensorEquation, tensor_equation
from burnish_workers.kinds.surrogate.linearised import Linearised
from burnish_workers.kinds.surrogate.problem import problem_of
from burnish_workers.kinds.surrogate.simulator import SurrogateSimulator
from burnish_workers.kinds.surrogate.statistics import SurrogateStatistics
from burnish_workers.tensors.fields import ExpressionField, Field, ZeroField
from burnish_workers.tensors.generators import torch_generator
from burnish_workers.tensors.mlp import MLPField

KIND = registry().get("surrogate")
ZERO: dict[str, Any] = {"zero": True}
FAR = 5.0
"""Standard errors beyond which a deviation is no accident: two-sided tail 6e-7, 1e-5 for a score of points at once."""


def spec_of(problem: dict[str, Any], surrogate: dict[str, Any], x: Any, t: Any = 0.0, **more: Any) -> SurrogateSpec:
    """A posted spec: places x (m, d) and times t, one for all or (m,)."""
    places = np.atleast_2d(np.asarray(x, dtype=np.float64))
    times = np.broadcast_to(np.asarray(t, dtype=np.float64), len(places))
    points = [{"t": float(s), "x": place.tolist()} for s, place in zip(times, places, strict=True)]
    body = {"kind": "surrogate", "problem": problem, "surrogate": surrogate, "points": points}
    return SurrogateSpec.model_validate({**body, "budget": {"units": 10_000}, "seed": 1, **more})


def resolved(spec: SurrogateSpec, **plan: int) -> SurrogateSpec:
    """With a resolution good for single blocks, corrections in every replicate unless said otherwise."""
    resolution = provisional(KIND.draft(spec, "any", NOTHING), "any")
    often = {name: 1 for name in resolution.plan if name.endswith("_share")}
    chosen = {**resolution.plan, **often, **plan}
    return spec.model_copy(update={"resolution": resolution.model_copy(update={"plan": chosen})})


def built(spec: SurrogateSpec) -> tuple[SurrogateSimulator, SurrogateStatistics]:
    simulator, statistics = KIND.load()(spec, "cpu", NOTHING), KIND.statistics(spec, NOTHING)
    assert isinstance(simulator, SurrogateSimulator)
    assert isinstance(statistics, SurrogateStatistics)
    return simulator, statistics


def simulated(spec: SurrogateSpec, replicates: int, seed: int = 1) -> tuple[State, SurrogateStatistics]:
    """The folded state of one block."""
    simulator, statistics = built(spec)
    _, stats = simulator.advance({}, block_key(seed, 0, 0), 0, replicates)
    return statistics.fold(statistics.empty(), stats), statistics


def assert_holds(state: State, statistics: SurrogateStatistics, truth: Any) -> None:
    """What an interval says: the answer is off by no more than noise and the bias it admits (and single precision)."""
    answer = statistics.answer(state)
    error = np.abs(answer.combined.value - truth)
    admitted = FAR * answer.combined.standard_error + answer.bias + 2e-6 * (1 + np.abs(truth))
    worst = int(np.argmax(error / admitted))
    assert (error <= admitted).all(), f"point {worst}: off by {error[worst]:.3g}, admitted {admitted[worst]:.3g}"


def without(state: State, name: str) -> State:
    """As if a component measured nothing."""
    none = np.zeros_like(state[name].mean)
    return {**state, name: replace(state[name], mean=none, m2=none)}


def flipped(state: State, name: str) -> State:
    """A mutant: the component with the wrong sign."""
    part = state[name]
    return {**state, name: replace(part, mean=-part.mean, low=-part.high, high=-part.low)}


def equation(problem: dict[str, Any], surrogate: Field | None = None) -> TensorEquation:
    parsed = problem_of(spec_of(problem, ZERO, np.zeros(problem["dim"])))
    return tensor_equation(parsed, surrogate or ZeroField(parsed.dim), torch.device("cpu"))


def estimator(problem: dict[str, Any], surrogate: Field, steps: int = 2, strata: int = 3) -> Linearised:
    noise_dim = problem_of(spec_of(problem, ZERO, np.zeros(problem["dim"]))).noise_dim
    return Linearised(equation(problem, surrogate), noise_dim, steps, strata, outer_steps=1, inner_steps=1)


def random_mlp(dim: int, seed: int = 3) -> MLPField:
    """An untrained network: as wrong a surrogate as one can have."""
    generator = torch_generator(Key(seed))
    widths = [(16, dim + 1), (16, 16), (1, 16)]
    weights = tuple(torch.randn(shape, generator=generator) * shape[1] ** -0.5 for shape in widths)
    return MLPField(weights, tuple(torch.randn(shape[0], generator=generator) * 0.1 for shape in widths))


def expression_field(text: str, dim: int) -> ExpressionField:
    spec = spec_of({"dim": dim, "horizon": 1, "diffusion": "1", "terminal": "0"}, {"expression": text}, np.zeros(dim))
    simulator, _ = built(resolved(spec))
    assert isinstance(simulator.surrogate, ExpressionField)
    return simulator.surrogate


def moments(samples: torch.Tensor, points: int) -> Moments:
    """Statistics of samples whose rows are copies of so many points."""
    return Moments.of(samples.view(-1, points).double().numpy(), tail=8)
