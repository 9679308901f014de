"""What an evaluation costs, in nominal seconds of one processor core: so that methods are compared by what they
compute, and not by how busy a worker was when they were tried.

Fitted to one core of an x86-64 server (AVX2, single precision) with surrogates of 5x50 units in d = 10 to 160, Gaussian
kernels of 600 centres in d = 20 to 80, and formulas in d = 3 to 100: within a third for networks and formulas, within a
factor of three for other graphs. Other machines have other seconds, but much the same ratios.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.expression import Expression
from burnish_workers.core.inputs import Inputs
from burnish_workers.kinds.surrogate.problem import Problem, SurrogateOf, UploadedModel

MICROSECOND = 1e-6

PROBE_TANGENTS, AUTO_PROBES, EXACT_UP_TO = 8, 16, 256
"""A random probe costs about what so many exact second derivatives do; the Laplacian engine `auto` takes so many,
beyond so many Brownian motions."""


@dataclass(frozen=True)
class Prices:
    """Nominal seconds: of a `step` of a path; and on top of it, at its end, of the surrogate's value and gradient
    (`slope`), or of these and its second derivatives (`residual`)."""

    step: float
    slope: float
    residual: float

    @staticmethod
    def of(spec: SurrogateSpec, problem: Problem, surrogate: SurrogateOf, inputs: Inputs) -> Prices:
        """`surrogate`: what `surrogate_of` made of the spec."""
        if surrogate is None:
            return Prices(_step(problem), 0.0, 0.2 * MICROSECOND)
        if isinstance(surrogate, Expression):
            return Prices._of_formula(problem)
        card = inputs.card(surrogate.reference) if isinstance(surrogate, UploadedModel) else surrogate.card
        return Prices._of_network(problem, _tangents(spec.laplacian, problem.noise_dim), *_sizes(card))

    @staticmethod
    def _of_network(problem: Problem, tangents: int, parameters: int, hidden: int) -> Prices:
        """`tangents`: directions in which second derivatives are taken; `hidden`: parameters behind the first layer,
        which alone see all tangents."""
        slope = 1.5 + 5e-5 * parameters
        return Prices(_step(problem), slope * MICROSECOND, (0.5 + 4.7e-5 * tangents * hidden) * MICROSECOND)

    @staticmethod
    def _of_formula(problem: Problem) -> Prices:
        """Tangents of sums and of functions of single coordinates have few entries."""
        dim = problem.dim
        return Prices(_step(problem), (0.2 + 1e-3 * dim) * MICROSECOND, (0.45 + 4e-3 * dim) * MICROSECOND)


def _sizes(card: Mapping[str, Any]) -> tuple[int, int]:
    """Parameters of a model, and those behind its first layer where its card tells the layers."""
    layers = card.get("layers") or card.get("architecture", {}).get("layers")
    if layers is None:
        parameters = int(card.get("parameters", 0))
        return parameters, parameters
    sizes = [a * b for a, b in pairwise(layers)]
    return sum(sizes), sum(sizes[1:])


def _tangents(engine: str, noise_dim: int) -> int:
    """Directions in which an engine differentiates twice, or as many as cost the same."""
    if engine in ("forward", "nested") or (engine == "auto" and noise_dim <= EXACT_UP_TO):
        return noise_dim
    return min(noise_dim, PROBE_TANGENTS * (AUTO_PROBES if engine == "auto" else 1))


def _step(problem: Problem) -> float:
    """Draws, coefficients and the nonlinearity."""
    return (0.25 + 6e-3 * problem.noise_dim) * MICROSECOND
