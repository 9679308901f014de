"""Every exact solution of the catalogue solves its equation, as the catalogue states it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from burnish.wire import SurrogateSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.kinds.surrogate import references
from burnish_workers.kinds.surrogate.catalogue import equations
from burnish_workers.kinds.surrogate.kind import KIND
from burnish_workers.kinds.surrogate.problem import Problem, problem_of

Solution = Callable[[Any, Any], Any]
SOLUTIONS: dict[str, Solution] = {
    "allen-cahn": references.allen_cahn,
    "diffusion-reaction": references.diffusion_reaction,
    "hjb-log": references.hjb_log,
    "linear-convection-diffusion": references.linear_convection_diffusion,
    "viscous-burgers": references.viscous_burgers,
}
STEP = 1e-3
"""Of central differences in double precision: error about STEP^2."""


def stated(name: str, dim: int) -> Problem:
    spec = {"kind": "surrogate", "problem": {"name": name, "dim": dim}, "points": [{"x": 0.0}], "budget": {"units": 1}}
    return problem_of(SurrogateSpec.model_validate(spec))


def test_every_equation_has_a_reference() -> None:
    assert sorted(equations()) == sorted(SOLUTIONS)
    assert {entry.name for entry in KIND.catalogue() if entry.type == "problem"} == set(SOLUTIONS)


@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize("name", sorted(SOLUTIONS))
def test_it_solves_the_equation(name: str, dim: int) -> None:
    """d_t u + <mu, grad u> + 1/2 Tr(sigma sigma^T Hess u) + F = 0, by central differences."""
    problem, u = stated(name, dim), SOLUTIONS[name]
    rng = np.random.default_rng(1)
    t, x = rng.uniform(0.2, 0.8, 6) * problem.horizon, rng.uniform(-1, 1, (6, dim))
    steps = STEP * np.eye(dim)
    at = u(t, x)
    by_t = (u(t + STEP, x) - u(t - STEP, x)) / (2 * STEP)
    slope = np.stack([(u(t, x + e) - u(t, x - e)) / (2 * STEP) for e in steps], axis=1)
    bend = np.stack([(u(t, x + e) - 2 * at + u(t, x - e)) / STEP**2 for e in steps], axis=1)
    for i in range(6):
        place = {"t": t[i], "x": x[i]}
        sigma = np.broadcast_to(problem.diffusion.evaluate(place), (dim,))
        drift = np.broadcast_to(problem.drift.evaluate(place), (dim,))
        reaction = problem.nonlinearity.evaluate({**place, "u": at[i], "z": sigma * slope[i]})
        terms = np.array([by_t[i], drift @ slope[i], 0.5 * sigma**2 @ bend[i], reaction])
        assert abs(terms.sum()) < 1e-4 * (1 + np.abs(terms).max())
        end = u(np.array([problem.horizon]), x[i : i + 1])[0]
        assert end == pytest.approx(float(problem.terminal.evaluate({"x": x[i]})), rel=1e-9)


def test_allen_cahn_in_a_hundred_dimensions() -> None:
    """0.05278136 at the origin; more nodes change nothing."""
    t, x = np.zeros(2), np.vstack([np.zeros(100), np.full(100, 0.3)])
    found = references.allen_cahn(t, x)
    assert found[0] == pytest.approx(0.05278136, abs=5e-9)
    np.testing.assert_allclose(references.allen_cahn(t, x, nodes=60), found, rtol=1e-8)


def test_allen_cahn_without_space_is_an_ordinary_equation() -> None:
    """Where phi hardly varies, phi' = phi - phi^3: far out the solution is that of its own terminal value."""
    x = np.full((1, 1), 300.0)
    before, after = (references.allen_cahn(np.array([t]), x)[0] for t in (0.3, 0.0))
    assert after == pytest.approx(before * np.exp(0.3), rel=1e-3)


@pytest.mark.parametrize("name", sorted(SOLUTIONS))
def test_it_can_be_posted_by_name(name: str) -> None:
    spec = {"kind": "surrogate", "problem": {"name": name}, "points": [{"x": 0.1}], "budget": {"units": 100}}
    KIND.check(SurrogateSpec.model_validate(spec), NOTHING)
