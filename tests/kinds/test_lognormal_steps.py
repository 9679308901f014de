"""Paths whose drift and diffusion are proportional to x: recognised in the formulas, and stepped exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm

from burnish_workers.core.keys import Key
from burnish_workers.kinds.surrogate import equation as equations
from burnish_workers.kinds.surrogate.bismut import journey
from burnish_workers.kinds.surrogate.plan import PATH, STEP, components
from burnish_workers.kinds.surrogate.problem import problem_of
from burnish_workers.kinds.surrogate.references import black_scholes_default, black_scholes_two_rates
from burnish_workers.kinds.surrogate.stepping import euler, lognormal
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.generators import torch_generator

from .surrogates import FAR, ZERO, assert_holds, equation, resolved, simulated, spec_of

T = 0.8
M, S = np.array([0.05, -0.1]), np.array([0.3, 0.5])
PLACES = np.array([[1.0, 2.0], [0.7, -1.5]])
TIMES = np.array([0.0, 0.3])
WRONG = {"expression": "1.1*x[0]*x[1] + 0.2*x[0]**2*(2 - t)"}


def basket(nonlinearity: str = "0") -> dict[str, Any]:
    """g = x_0 x_1 + x_0^2, with rates that differ by coordinate."""
    return {
        "dim": 2,
        "horizon": T,
        "drift": "(0.2 - 0.15*i)*x",
        "diffusion": "0.1*x + 0.2*i*x",
        "nonlinearity": nonlinearity,
        "terminal": "x[0]*x[1] + x[0]**2",
    }


def price(growth: np.ndarray = M, horizon: float = T) -> np.ndarray:
    """E[X_0 X_1 + X_0^2] for dX_i = m_i X_i dt + s_i X_i dW_i."""
    tau, (a, b) = horizon - TIMES, PLACES.T
    return a * b * np.exp(growth.sum() * tau) + a**2 * np.exp((2 * growth[0] + S[0] ** 2) * tau)


def proportional(drift: str, diffusion: str) -> tuple[Any, Any] | None:
    problem = {"dim": 3, "horizon": 1, "drift": drift, "diffusion": diffusion, "terminal": "0"}
    parsed = problem_of(spec_of(problem, ZERO, np.ones(3)))
    found = parsed.proportional
    assert parsed.steady == (found is not None)
    return None if found is None else tuple(np.round(factor, 12).tolist() for factor in found)


@pytest.mark.parametrize(
    ("drift", "diffusion", "wanted"),
    [
        ("0.02*x", "0.2*x", (0.02, 0.2)),
        ("0", "x", (0.0, 1.0)),
        ("-x/4", "x*0.2", (-0.25, 0.2)),
        ("0.03*x - x/50", "-(0.1*x)", (0.01, -0.1)),
        ("0*i", "(0.1*i)*x", ([0.0, 0.0, 0.0], [0.1, 0.2, 0.3])),
        ("i*x/d", "where(i < 2, 0.1, 0.2)*x", ([1 / 3, 2 / 3, 1.0], [0.1, 0.2, 0.2])),
        ("0.02", "0.2*x", None),
        ("0.02*x + 1", "0.2*x", None),
        ("0.02*x", "0.2*x + 0.1", None),
        ("0.02*x", "0.2*x*t", None),
        ("t*x", "0.2*x", None),
        ("0.02*x", "0.2*x**2", None),
        ("0.02*x", "0.2*abs(x)", None),
        ("0.02*x", "x*x[0]", None),
        ("0.02*x", "x[0]", None),
        ("0.02*x", "1/x", None),
        ("0.02*x", "0*x", None),
        ("0.02*x", "(i - 1)*x", None),
        ("0.02*x", "0.2", None),
    ],
)
def test_what_is_recognised(drift: str, diffusion: str, wanted: tuple[Any, Any] | None) -> None:
    found = proportional(drift, diffusion)
    assert (found is None) == (wanted is None)
    if found is not None and wanted is not None:
        for factor, value in zip(found, wanted, strict=True):
            np.testing.assert_allclose(factor, value, atol=1e-12)


def test_recognised_factors_are_what_the_formula_says() -> None:
    """c * x has the values of the formula."""
    parsed = problem_of(spec_of(basket(), ZERO, PLACES, TIMES))
    assert parsed.proportional is not None
    growth, volatility = parsed.proportional
    env = {"t": TIMES, "x": PLACES}
    np.testing.assert_allclose(growth * PLACES, parsed.drift.evaluate(env), rtol=1e-12)
    np.testing.assert_allclose(volatility * PLACES, parsed.diffusion.evaluate(env), rtol=1e-12)  # pyright: ignore
    np.testing.assert_allclose([growth, volatility], [M, S], rtol=1e-12)


@pytest.mark.parametrize("surrogate", [ZERO, WRONG])
def test_one_step_is_exact(surrogate: dict[str, Any]) -> None:
    """No time-step component is left where F ignores the solution, and none is needed with a single time."""
    spec = resolved(spec_of(basket("t*x[0]"), surrogate, PLACES, TIMES), steps=1)
    assert components(problem_of(spec)) == (PATH,)
    state, statistics = simulated(spec, 40_000)
    tau, m = T - TIMES, M[0]
    # int_s^T r e^{m (r - s)} dr
    source = PLACES[:, 0] * ((T / m - 1 / m**2) * np.exp(m * tau) - TIMES / m + 1 / m**2)
    assert_holds(state, statistics, price() + source)


def test_euler_in_its_place_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: the same with one Euler step is off by more than the interval says."""
    spec = resolved(spec_of(basket(), ZERO, PLACES, TIMES), steps=1)
    original = equations.tensor_equation
    monkeypatch.setattr(
        "burnish_workers.kinds.surrogate.simulator.tensor_equation",
        lambda *given: replace(original(*given), proportional=None),
    )
    state, statistics = simulated(spec, 40_000)
    with pytest.raises(AssertionError, match="off by"):
        assert_holds(state, statistics, price())


def test_a_held_drift_of_the_solution_is_exact_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """F = -r u - theta sum z: sigma F_z = -theta s x joins the drift, F_u = -r the discount; the time-step component
    finds nothing to correct, where Euler steps leave it percents."""
    spec = resolved(spec_of(basket("-0.07*u - 0.4*sum(z)"), ZERO, PLACES, TIMES), steps=4)
    assert components(problem_of(spec)) == (PATH, STEP)
    state, statistics = simulated(spec, 20_000)
    truth = np.exp(-0.07 * (T - TIMES)) * price(M - 0.4 * S)
    assert_holds(state, statistics, truth)
    scale = np.abs(truth).max()
    assert np.abs(state[STEP].mean).max() < 1e-5 * scale
    original = equations.tensor_equation
    monkeypatch.setattr(
        "burnish_workers.kinds.surrogate.simulator.tensor_equation",
        lambda *given: replace(original(*given), proportional=None),
    )
    by_euler, statistics = simulated(spec, 20_000)
    assert np.abs(by_euler[STEP].mean).max() > 1e-3 * scale
    assert_holds(by_euler, statistics, truth)


def test_signs_are_kept() -> None:
    generator = torch_generator(Key(4))
    rows, volatility = 100_000, 2.0
    x, dt = torch.tensor([[3.0, -0.5]]).repeat(rows, 1), torch.full((rows,), 0.5)
    noise = torch.randn(rows, 2, generator=generator)
    relative = torch.full_like(x, 0.1), Diffusion(torch.tensor(volatility), "scalar")
    ends = lognormal(x, dt, *relative, noise)
    assert bool((ends[:, 0] > 0).all())
    assert bool((ends[:, 1] < 0).all())
    still = lognormal(torch.zeros_like(x), dt, *relative, noise)
    assert not bool(still.any())
    crossed = euler(x, dt, 0.1 * x, Diffusion(volatility * x, "diagonal"), noise)[:, 0] < 0
    share, expected = crossed.double().mean().item(), norm.cdf(-(1 + 0.1 * 0.5) / (volatility * 0.5**0.5))
    assert abs(share - expected) < FAR * (expected / rows) ** 0.5


@pytest.mark.parametrize("steady", [True, False])
def test_weights_give_the_gradient(steady: bool) -> None:
    """E[f(X) I] = sigma^T grad E[f(X)] for f = x_0 x_1 + x_0^2, by one exact step and by several."""
    law, rows, steps = equation(basket()), 400_000, 1 if steady else 3
    t, x = torch.full((rows,), float(TIMES[0])), torch.tensor(PLACES[0], dtype=torch.float32).repeat(rows, 1)
    noise = torch.randn(rows, 1, steps, 2, generator=torch_generator(Key(6)))
    (end,) = journey(law, t, x, (torch.full((rows,), T),), noise, weighted=True, steady=steady)
    assert end.weight is not None
    raised = (law.terminal(end.x) - law.terminal(x)).double()[:, None] * end.weight.double()
    a, b = PLACES[0]
    cross, square = a * b * np.exp(M.sum() * T), a**2 * np.exp((2 * M[0] + S[0] ** 2) * T)
    wanted = S * np.array([cross + 2 * square, cross])
    error = raised.std(0).numpy() / rows**0.5
    assert (np.abs(raised.mean(0).numpy() - wanted) < FAR * error).all()


SOLUTIONS: dict[str, Callable[..., Any]] = {
    "black-scholes-default": black_scholes_default,
    "black-scholes-two-rates": black_scholes_two_rates,
}
SURROGATES = {
    "black-scholes-default": {"expression": "0.97*x[0]"},
    "black-scholes-two-rates": {"expression": "15*sigmoid((x[0] - 122)/8) - 4*sigmoid((x[0] - 160)/10)"},
}


@pytest.mark.parametrize("surrogate", ["zero", "wrong"])
@pytest.mark.parametrize("name", sorted(SOLUTIONS))
def test_one_asset_against_finite_differences(name: str, surrogate: str) -> None:
    x = np.array([[80.0], [100.0], [125.0]])
    given = ZERO if surrogate == "zero" else SURROGATES[name]
    spec = resolved(spec_of({"name": name, "dim": 1}, given, x))
    state, statistics = simulated(spec, 4_000)
    assert_holds(state, statistics, SOLUTIONS[name](np.zeros(3), x))
