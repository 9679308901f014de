"""Every exact solution of the catalogue solves its equation, as the catalogue states it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from burnish.wire import SurrogateSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.kinds.surrogate import references
from burnish_workers.kinds.surrogate.catalogue import equations
from burnish_workers.kinds.surrogate.kind import KIND
from burnish_workers.kinds.surrogate.problem import Problem, problem_of
from burnish_workers.kinds.surrogate.references import black_scholes, black_scholes_simulated

Solution = Callable[[Any, Any], Any]
SOLUTIONS: dict[str, Solution] = {
    "allen-cahn": references.allen_cahn,
    "black-scholes-default": references.black_scholes_default,
    "black-scholes-two-rates": references.black_scholes_two_rates,
    "diffusion-reaction": references.diffusion_reaction,
    "hjb-log": references.hjb_log,
    "hjb-quadratic-form": references.hjb_quadratic_form,
    "linear-convection-diffusion": references.linear_convection_diffusion,
    "viscous-burgers": references.viscous_burgers,
}
ONE_ASSET = {"black-scholes-default", "black-scholes-two-rates"}
"""Finite differences: one dimension only."""

STEP = 1e-3
"""Of central differences in double precision, in units of the scale of x: error about STEP^2."""


def stated(name: str, dim: int) -> Problem:
    spec = {"kind": "surrogate", "problem": {"name": name, "dim": dim}, "points": [{"x": 0.0}], "budget": {"units": 1}}
    return problem_of(SurrogateSpec.model_validate(spec))


def test_every_equation_has_a_reference() -> None:
    assert sorted(equations()) == sorted(SOLUTIONS)
    assert {entry.name for entry in KIND.catalogue() if entry.type == "problem"} == set(SOLUTIONS)


CASES = [(name, dim) for name in sorted(SOLUTIONS) for dim in ((1,) if name in ONE_ASSET else (1, 3))]


@pytest.mark.parametrize(("name", "dim"), CASES)
def test_it_solves_the_equation(name: str, dim: int) -> None:
    """d_t u + <mu, grad u> + 1/2 Tr(sigma sigma^T Hess u) + F = 0, by central differences."""
    problem, u = stated(name, dim), SOLUTIONS[name]
    rng = np.random.default_rng(1)
    low, high = equations()[name].box
    middle, half = (low + high) / 2, (high - low) / 2
    times = rng.uniform(0.2, 0.8, 1 if name in ONE_ASSET else 6)
    t, x = np.broadcast_to(times * problem.horizon, (6,)), middle + 2 * half * rng.uniform(-1, 1, (6, dim))
    h = STEP * half
    steps = h * np.eye(dim)
    at = u(t, x)
    by_t = (u(t + STEP, x) - u(t - STEP, x)) / (2 * STEP)
    slope = np.stack([(u(t, x + e) - u(t, x - e)) / (2 * h) for e in steps], axis=1)
    bend = np.stack([(u(t, x + e) - 2 * at + u(t, x - e)) / h**2 for e in steps], axis=1)
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


def test_the_quadratic_form_by_brute_force() -> None:
    """Cole-Hopf: exp(-u) = E[2/(1 + Y^T Q Y)], Y = x + sqrt(2 tau) N, with Q from the posted expression alone."""
    rng = np.random.default_rng(3)
    for dim in (2, 5):
        problem, x, t = stated("hjb-quadratic-form", dim), rng.normal(0.3, 1, dim), 0.4
        ends = x + np.sqrt(2 * (1 - t)) * rng.normal(size=(400_000, dim))
        weights = np.exp(-problem.terminal.evaluate({"x": ends}))
        estimate, error = weights.mean(), weights.std() / np.sqrt(len(weights))
        wanted = np.exp(-references.hjb_quadratic_form(np.array([t]), x[None])[0])
        assert abs(estimate - wanted) < 4.5 * error
        identity = np.exp(-references.hjb_log(np.array([t]), x[None])[0])
        assert abs(estimate - identity) > 20 * error


def test_the_quadratic_form_is_positive_definite_and_not_diagonal() -> None:
    """At x = e_i and e_i + e_j the posted form gives the entries of Q."""
    for dim in (1, 2, 7, 100):
        problem = stated("hjb-quadratic-form", dim)
        ones = np.eye(dim)

        def form(rows: np.ndarray, problem: Problem = problem) -> np.ndarray:
            return 2 * np.exp(problem.terminal.evaluate({"x": rows})) - 1

        diagonal = form(ones)
        pairs = form((ones[:, None] + ones).reshape(-1, dim)).reshape(dim, dim)
        matrix = (pairs - diagonal[:, None] - diagonal) / 2
        values = np.linalg.eigvalsh(matrix)
        assert values.min() > 0.5
        assert values.max() <= 2.5 + 1e-12
        assert np.trace(matrix) == pytest.approx(dim + 1.5)
        assert dim == 1 or abs(matrix[0, 1] - 1 / dim) < 1e-12


def _spread(t: float, x: float, rate: float) -> float:
    """The call spread max(x - 120, 0) - 2 max(x - 150, 0) by the formula of Black and Scholes (1973)."""
    tau = 0.5 - t

    def call(strike: float) -> float:
        d = (np.log(x / strike) + (rate + 0.02) * tau) / (0.2 * np.sqrt(tau))
        return x * norm.cdf(d) - strike * np.exp(-rate * tau) * norm.cdf(d - 0.2 * np.sqrt(tau))

    return float(call(120) - 2 * call(150))


def test_the_finite_differences_solve_the_linear_equation() -> None:
    """Without a second rate there is a closed form; the solver, grid and tolerances are those of the references."""

    def lend(u: Any, z: Any) -> Any:
        return -0.04 * u - 0.1 * z, np.full_like(u, -0.04), np.full_like(u, -0.1)

    line = replace(black_scholes._TWO_RATES, reaction=lend)
    x = np.array([[70.0], [100.0], [120.0], [155.0]])
    found = black_scholes._values(line, np.zeros(4), x, black_scholes.STEP)
    np.testing.assert_allclose(found, [_spread(0.0, float(place), 0.04) for place in x[:, 0]], rtol=0, atol=1e-5)


def test_two_rates_cost_more_than_one() -> None:
    """u is the supremum over rates between R_l and R_b, so no less than with either; strictly more where a hedge
    switches, and where it always borrows (far below the strikes) just the price at R_b."""
    x = np.array([[60.0], [100.0], [120.0], [140.0]])
    found = references.black_scholes_two_rates(np.zeros(4), x)
    lend, borrow = ([_spread(0.0, float(place), rate) for place in x[:, 0]] for rate in (0.04, 0.06))
    assert (found > np.maximum(lend, borrow) - 1e-5).all()
    assert found[0] == pytest.approx(borrow[0], abs=1e-5)
    assert found[3] > max(lend[3], borrow[3]) + 0.05


@pytest.mark.parametrize("solution", [references.black_scholes_default, references.black_scholes_two_rates])
def test_finer_differences_change_nothing(solution: Callable[..., Any]) -> None:
    t, x = np.zeros(5), np.array([[40.0], [65.0], [100.0], [120.0], [150.0]])
    np.testing.assert_allclose(solution(t, x, step=0.0025), solution(t, x), rtol=0, atol=1e-5)


def test_default_risk_of_one_asset_between_its_bounds() -> None:
    """g = x: at a constant intensity q the price is x e^{(0.02 - q/3 - 0.02) T}, and q lies in [0.02, 0.2]."""
    x = np.array([[20.0], [50.0], [65.0], [200.0]])
    found = references.black_scholes_default(np.zeros(4), x)[:, None] / x
    assert found[0, 0] == pytest.approx(np.exp(-0.2 / 3), abs=1e-6)
    assert found[3, 0] == pytest.approx(np.exp(-0.02 / 3), abs=1e-6)
    assert (np.diff(found[:, 0]) > 0).all()


def test_the_black_scholes_references_are_for_one_asset() -> None:
    with pytest.raises(ValueError, match="one asset"):
        references.black_scholes_default(np.zeros(1), np.full((1, 2), 100.0))
    with pytest.raises(ValueError, match="10 <= x <= 1000"):
        references.black_scholes_two_rates(np.zeros(1), np.full((1, 1), 1e6))


@pytest.mark.parametrize(("spot", "rate"), [(100.0, 0.06), (130.0, 0.05)])
def test_two_rates_of_one_asset_by_simulation(spot: float, rate: float) -> None:
    """Two methods with nothing in common: finite differences, and the worth of a borrowing policy."""
    value, error = black_scholes_simulated.two_rates(1, spot, rate, 3_000, 8, seed=1)
    wanted = references.black_scholes_two_rates(np.zeros(1), np.array([[spot]]))[0]
    assert abs(value - wanted) < 4.5 * error + 5e-4
    assert error < 2e-3


def test_default_risk_of_one_asset_by_simulation() -> None:
    value, error = black_scholes_simulated.default_risk(1, 70.0, levels=3, basis=8, runs=60, seed=1)
    wanted = references.black_scholes_default(np.zeros(1), np.array([[70.0]]))[0]
    assert abs(value - wanted) < 4.5 * error
    assert error < 0.15


@pytest.mark.slow
def test_a_hundred_assets_by_simulation() -> None:
    """The published value with default risk stands; that with two rates does not: three policies agree on another."""
    value, error = black_scholes_simulated.default_risk(100, 100.0, levels=3, basis=12, runs=40, seed=3)
    assert abs(value - references.PUBLISHED["black-scholes-default"]) < 4.5 * error
    assert error < 0.03
    known, _ = references.SIMULATED["black-scholes-two-rates"]
    for rate in (0.04, 0.05, 0.06):
        value, error = black_scholes_simulated.two_rates(100, 100.0, rate, 150, 8, seed=4)
        assert abs(value - known) < 4.5 * error + 0.015
        assert references.PUBLISHED["black-scholes-two-rates"] - value > 6 * error + 0.015


def test_the_catalogue_is_described() -> None:
    """Each entry says where it comes from; the page of the catalogue has a row for each, with its dimension."""
    page = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `") and line.count("|") > 5]
    for name, entry in equations().items():
        row = next(line for line in rows if line.startswith(f"| `{name}` |"))
        assert f"| {entry.dim}, " in row, name
        assert entry.summary
        assert entry.source
        assert entry.box[0] < entry.box[1]
    details = {entry.name: entry.details for entry in KIND.catalogue() if entry.type == "problem"}
    assert {name: (value["dim"], value["source"]) for name, value in details.items()} == {
        name: (entry.dim, entry.source) for name, entry in equations().items()
    }
