"""Nominal prices: of the right order, and of what is computed alone."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key
from burnish_workers.kinds.surrogate.methods import Setting
from burnish_workers.kinds.surrogate.problem import problem_of, surrogate_of

from .surrogates import built, resolved, spec_of

NETWORK = {"name": "viscous-burgers-pinn-d20"}
FORMULA = {"expression": "sigmoid(t + sum(x))*(1 + 0.02*cos(sum(x)))"}
REPLICATES = 16


def setting(spec: SurrogateSpec) -> Setting:
    problem = problem_of(spec)
    return Setting.of(spec, problem, surrogate_of(spec, problem.dim, NOTHING), NOTHING)


def burgers(dim: int, surrogate: Any, **more: Any) -> SurrogateSpec:
    return spec_of({"name": "viscous-burgers", "dim": dim}, surrogate, np.zeros((16, dim)), **more)


def seconds_per_evaluation(surrogate: Any, method: str) -> float:
    """Of a block of 16 points, processor time alone, the best of three."""
    spec = resolved(burgers(20, surrogate, method=method))
    simulator, statistics = built(spec)
    found: list[float] = []
    for k in range(3):
        began = time.process_time()
        simulator.advance({}, block_key(1, 0, k), 0, REPLICATES)
        found.append(time.process_time() - began)
    return min(found) / (16 * statistics.composition.cost_of(REPLICATES))


@pytest.mark.parametrize(
    ("surrogate", "method"), [(NETWORK, "linearised"), (NETWORK, "martingale"), (FORMULA, "picard")]
)
def test_prices_are_of_the_right_order_beside_those_of_plain(surrogate: Any, method: str) -> None:
    nominal = setting(burgers(20, surrogate))
    measured = seconds_per_evaluation(surrogate, method) / seconds_per_evaluation(surrogate, "plain")
    assert 1 / 4 < measured / (nominal.price(method) / nominal.price("plain")) < 4


def test_what_costs_more_has_the_higher_price() -> None:
    small, large = (setting(burgers(20, surrogate)) for surrogate in (FORMULA, NETWORK))
    for nominal in (small, large):
        assert nominal.price("plain") < nominal.price("martingale") < nominal.price("linearised")
        assert nominal.price("linearised") == nominal.price("picard")
    assert small.price("linearised") < large.price("linearised")
    assert small.price("plain") == large.price("plain")
    assert setting(burgers(20, NETWORK, laplacian="hutchinson")).price("linearised") < large.price("linearised")
