"""Every method against known solutions, value and gradient: none may be off by more than it admits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from burnish_workers.core.estimator import State
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.kind import SpecError, resolution_of
from burnish_workers.kinds.surrogate import bismut, kind, picard
from burnish_workers.kinds.surrogate.equation import TensorEquation
from burnish_workers.kinds.surrogate.picard_levels import level_evaluations
from burnish_workers.kinds.surrogate.references import hjb_log, viscous_burgers
from burnish_workers.kinds.surrogate.statistics import SurrogateStatistics

from .surrogates import FAR, KIND, ZERO, assert_holds, flipped, resolved, simulated, spec_of, without

BOTH = ["value", "gradient"]
LEVELS = {"linearised": None, "martingale": None, "picard": (3, 4), "plain": (3, 4)}


def found(
    problem: dict[str, Any],
    surrogate: dict[str, Any],
    x: Any,
    replicates: int,
    *,
    method: str,
    levels: tuple[int, int] | None = None,
    t: Any = 0.0,
    outputs: list[str] = BOTH,
    **plan: int,
) -> tuple[State, SurrogateStatistics]:
    """The folded state of a block, corrections in every replicate."""
    more = {"picard": {"levels": levels[0], "basis": levels[1]}} if levels else {}
    spec = spec_of(problem, surrogate, x, t, method=method, outputs=outputs, **more)
    KIND.check(spec, NOTHING)
    return simulated(resolved(spec, **plan), replicates)


def side_by_side(value: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Outputs of a point side by side: u, z_1 .. z_k."""
    return np.concatenate([value[:, None], z], 1).ravel()


# A linear equation: mu = -x/2, constant sigma, F = u/2 + sum z; g = sum x.
SIGMA = np.array([[0.5, 0.1], [-0.2, 0.4]])
LINEAR = {
    "dim": 2,
    "horizon": 1.0,
    "drift": "-0.5*x",
    "diffusion": SIGMA.tolist(),
    "nonlinearity": "0.5*u + sum(z)",
    "terminal": "sum(x)",
}
HERE = np.array([[0.5, -1.2], [1.0, 0.4]])


def linear_truth() -> np.ndarray:
    """u = e^{tau/2} (a(tau) sum x + b(tau)), a = e^{-tau/2}: here u = sum x + b with b' = b/2 + sum of sigma^T 1."""
    b = 2 * SIGMA.sum() * (np.exp(0.5) - 1)
    return side_by_side(HERE.sum(1) + b, np.tile(SIGMA.sum(0), (2, 1)))


@pytest.mark.parametrize(
    "surrogate", [ZERO, {"expression": "0.7*sum(x) + 0.2*sin(x[0])*(1 + t)"}], ids=["zero", "wrong"]
)
@pytest.mark.parametrize("method", ["linearised", "martingale"])
def test_linear_equations_without_truncation(method: str, surrogate: dict[str, Any]) -> None:
    state, statistics = found(LINEAR, surrogate, HERE, 1_500, method=method, steps=8)
    assert_holds(state, statistics, linear_truth())
    assert not statistics.answer(state).diagnostics["error"]["truncation"]


@pytest.mark.parametrize("method", ["picard", "plain"])
def test_linear_equations_by_iteration(method: str) -> None:
    surrogate = {"expression": "0.7*sum(x) + 0.2*sin(x[0])*(1 + t)"}
    state, statistics = found(LINEAR, surrogate, HERE, 800, method=method, levels=(3, 4), steps=8)
    assert_holds(state, statistics, linear_truth())
    assert (statistics.answer(state).bias > 0).all()


# A manufactured one: u = sin(x_0 + x_1 + t), coefficients that vary, F of u and z.
_W, _S = "(x[0] + x[1] + t)", "(0.5 + 0.2*sin(x))"
CURVED = {
    "dim": 2,
    "horizon": 0.5,
    "drift": "-0.4*x",
    "diffusion": _S,
    "nonlinearity": f"0.5*sin(u) + 0.4*u*sum(z) - 0.5*sin(sin{_W}) - 0.4*sin{_W}*cos{_W}*sum({_S})"
    f" - cos{_W}*(1 - 0.4*sum(x)) + 0.5*sin{_W}*sum({_S}**2)",
    "terminal": "sin(x[0] + x[1] + 0.5)",
}
WRONG = {"expression": f"1.1*sin{_W} + 0.1*cos(x[0])"}
PLACES = np.array([[0.3, -0.5], [-0.2, 0.9]])


def curved_truth() -> np.ndarray:
    w = PLACES.sum(1)
    return side_by_side(np.sin(w), (0.5 + 0.2 * np.sin(PLACES)) * np.cos(w)[:, None])


@pytest.mark.slow
@pytest.mark.parametrize("method", LEVELS)
def test_equations_whose_coefficients_vary(method: str) -> None:
    """Malliavin weights along Euler paths, gradients of discounts and drifts, time-step corrections of all of it."""
    state, statistics = found(CURVED, WRONG, PLACES, 800, method=method, levels=LEVELS[method], steps=8)
    assert_holds(state, statistics, curved_truth())


def test_a_remainder_left_out_is_missed() -> None:
    state, statistics = found(CURVED, WRONG, PLACES, 800, method="linearised", steps=8)
    for mutant in (without(state, "remainder"), flipped(state, "remainder")):
        with pytest.raises(AssertionError, match="off by"):
            assert_holds(mutant, statistics, curved_truth())


BURGERS = {"name": "viscous-burgers", "dim": 3}
X = np.array([[0.1, 0.2, 0.3], [0.0, -0.4, 0.1]])
OFF = {"expression": "sigmoid(t + sum(x))*(1 + 0.1*cos(sum(x)))"}


def burgers_truth() -> np.ndarray:
    u = viscous_burgers(np.zeros(2), X)
    return side_by_side(u, np.tile((0.25 * u * (1 - u))[:, None], 3))


@pytest.mark.parametrize("method", LEVELS)
def test_burgers(method: str) -> None:
    state, statistics = found(BURGERS, OFF, X, 800, method=method, levels=LEVELS[method])
    assert_holds(state, statistics, burgers_truth())
    if method in ("picard", "plain"):
        with pytest.raises(AssertionError, match="off by"):
            assert_holds(flipped(state, "level_1"), statistics, burgers_truth())


@pytest.mark.parametrize("method", LEVELS)
def test_the_value_alone_and_the_gradient_alone(method: str) -> None:
    for outputs, columns in ((["value"], [0]), (["gradient"], [1, 2, 3]), (["gradient", "value"], [0, 1, 2, 3])):
        state, statistics = found(BURGERS, OFF, X, 400, method=method, levels=LEVELS[method], outputs=outputs)
        assert statistics.outputs == 2 * len(columns)
        assert_holds(state, statistics, burgers_truth().reshape(2, 4)[:, columns].ravel())


@pytest.mark.slow
@pytest.mark.parametrize("method", LEVELS)
def test_hjb_in_ten_dimensions(method: str) -> None:
    surrogate = {"expression": "1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)"}
    x, h = np.full((1, 10), 0.2), 1e-4
    moved = np.concatenate([x, x + h * np.eye(10), x - h * np.eye(10)])
    u = hjb_log(np.zeros(21), moved)
    truth = side_by_side(u[:1], np.sqrt(2) * (u[1:11] - u[11:])[None] / (2 * h))
    problem = {"name": "hjb-log", "dim": 10}
    state, statistics = found(problem, surrogate, x, 2_000, method=method, levels=LEVELS[method], steps=16)
    assert_holds(state, statistics, truth)


def test_a_surrogate_with_kinks_needs_no_curvature(monkeypatch: pytest.MonkeyPatch) -> None:
    """|x_0| has a Laplacian that autograd does not see: the martingale and Picard forms do not ask for it, and the
    residual form, which is refused at the door, would be wrong."""
    problem = {**LINEAR, "nonlinearity": "0.5*u", "drift": "0"}
    truth = HERE.sum(1) * np.exp(0.5)
    bent = {"expression": "sum(x) + 0.5*abs(x[0] - 0.4)"}
    for method, levels in (("martingale", None), ("picard", (3, 4))):
        state, statistics = found(problem, bent, HERE, 2_000, method=method, levels=levels, outputs=["value"], steps=16)
        assert_holds(state, statistics, truth)
    with pytest.raises(SpecError, match="method martingale needs none"):
        found(problem, bent, HERE, 1, method="linearised")
    monkeypatch.setattr(kind, "why_not", lambda method, setting: None)
    state, statistics = found(problem, bent, HERE, 2_000, method="linearised", outputs=["value"], steps=16)
    with pytest.raises(AssertionError, match="off by"):
        assert_holds(state, statistics, truth)


def test_mutant_martingale_with_the_wrong_sign_of_its_integral(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = TensorEquation._hedged

    def turned(self: TensorEquation, t: torch.Tensor, x: torch.Tensor) -> Any:
        here, u, z = honest(self, t, x)
        return here._replace(residual=-here.residual), u, z

    monkeypatch.setattr(TensorEquation, "_hedged", turned)
    state, statistics = found(BURGERS, OFF, X, 400, method="martingale")
    with pytest.raises(AssertionError, match="off by"):
        assert_holds(state, statistics, burgers_truth())


def test_mutant_weight_over_time_instead_of_its_root(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = bismut.journey

    def wrong(equation: TensorEquation, t: torch.Tensor, *rest: Any, **named: Any) -> list[bismut.Arrival]:
        arrivals = honest(equation, t, *rest, **named)
        return [
            a if a.weight is None else a._replace(weight=a.weight / (a.t - t).sqrt().clamp_min(1e-4)[:, None])
            for a in arrivals
        ]

    monkeypatch.setattr(picard, "journey", wrong)
    for outputs in (["value"], BOTH):
        state, statistics = found(BURGERS, ZERO, X, 4_000, method="plain", levels=(3, 4), outputs=outputs)
        truth = burgers_truth() if outputs == BOTH else burgers_truth()[::4]
        with pytest.raises(AssertionError, match="off by"):
            assert_holds(state, statistics, truth)


def test_iteration_from_the_solution_itself_stays_there() -> None:
    state, statistics = found(BURGERS, {"expression": "sigmoid(t + sum(x))"}, X, 200, method="picard", levels=(3, 4))
    assert np.abs(statistics.answer(state).combined.value - burgers_truth()).max() < 1e-5


def test_the_noise_of_nested_means_does_not_bias_a_quadratic_nonlinearity() -> None:
    """Level 1 is E int U_1(r, X_r)^2 dr with U_1 = 0.3 (x^2 + T - r), although basis 2 makes U_1 a noisy thing."""
    problem = {"dim": 1, "horizon": 0.5, "diffusion": "1", "nonlinearity": "u**2", "terminal": "0.3*x[0]**2"}
    state, _ = found(problem, ZERO, [[0.2]], 40_000, method="plain", levels=(2, 2), outputs=["value"])

    def squared(r: float) -> float:
        fourth, second, left = 0.2**4 + 6 * 0.2**2 * r + 3 * r**2, 0.2**2 + r, 0.5 - r
        return 0.09 * (fourth + 2 * left * second + left**2)

    truth, level, noise = quad(squared, 0, 0.5)[0], state["level_1"], state["noise"]
    assert abs(level.mean[0] - truth) < FAR * level.standard_error[0]
    biased = level.mean[0] - noise.mean[0]
    assert abs(biased - truth) > FAR * np.hypot(level.standard_error[0], noise.standard_error[0])


def test_evaluations_of_a_level() -> None:
    """2 (M pairs of paths of two ends, and the place itself); the published count is 4 M^2 + M for all of n = 2."""
    assert level_evaluations(1, 10) == 2 * (1 + 2 * 10)
    assert level_evaluations(1, 10) < 4 * 10**2 + 10
    assert level_evaluations(2, 4) == 2 * (1 + (2 * 16 + 4 * level_evaluations(1, 4)) + 2 * 4)


def test_shrinkage_is_a_second_estimate() -> None:
    spec = resolved(spec_of(BURGERS, OFF, X, shrinkage=True))
    state, statistics = simulated(spec, 12)
    answer = statistics.answer(state)
    shrunk = np.array(answer.diagnostics["shrinkage"]["estimate"])
    surrogate, value = state["surrogate"].mean, answer.combined.value
    kappa = (shrunk - surrogate) / (value - surrogate)
    assert ((kappa >= 0) & (kappa <= 1)).all()
    noisy = {**state, "path": replace(state["path"], m2=1e6 + state["path"].m2)}
    drowned = statistics.answer(noisy).diagnostics["shrinkage"]["estimate"]
    np.testing.assert_allclose(drowned, surrogate)
    assert "shrinkage" not in simulated(resolved(spec_of(BURGERS, OFF, X)), 12)[1].answer(state).diagnostics


_BENT = {
    "dim": 2,
    "horizon": 0.5,
    "diffusion": "0.7",
    "nonlinearity": f"0.8*abs(u) - 0.8*abs(sin{_W}) - cos{_W} + 0.49*sin{_W}",
    "terminal": "sin(x[0] + x[1] + 0.5)",
}
"""u = sin(x_0 + x_1 + t), and F has a kink where u is 0."""


@pytest.mark.parametrize(("method", "levels"), [("linearised", None), ("picard", (2, 10)), ("picard", (3, 4))])
@pytest.mark.parametrize("surrogate", [f"1.1*sin{_W} + 0.1*cos(x[0])", f"0.5*sin{_W} + 0.3"])
def test_kinks_of_the_nonlinearity(method: str, levels: tuple[int, int] | None, surrogate: str) -> None:
    places = np.array([[0.3, -0.5], [-0.1, -0.2], [0.2, 0.2], [1.0, 1.0]])
    state, statistics = found(
        _BENT, {"expression": surrogate}, places, 1_500, method=method, levels=levels, outputs=["value"], steps=8
    )
    assert_holds(state, statistics, np.sin(places.sum(1)))
    assert "noise" in state


@pytest.mark.parametrize("method", ["linearised", "picard"])
def test_points_whose_rows_are_many_are_taken_in_turn(method: str) -> None:
    """A batch that holds one point at a time: every output stays where it belongs."""
    more = {"picard": {"levels": 3, "basis": 2}} if method == "picard" else {}
    spec = resolved(spec_of(BURGERS, OFF, X, method=method, outputs=BOTH, **more))
    small = resolution_of(spec).model_copy(update={"micro_batch": 64})
    state, statistics = simulated(spec.model_copy(update={"resolution": small}), 60)
    assert_holds(state, statistics, burgers_truth())
    assert np.abs(np.diff(burgers_truth()[::4])) > 50 * statistics.answer(state).combined.standard_error.max()
