"""The estimator against closed forms: no surrogate may change the answer, no correction may be missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from burnish_workers.core.keys import Key
from burnish_workers.core.moments import Moments
from burnish_workers.kinds.surrogate import linearised
from burnish_workers.kinds.surrogate.linearised import Linearised
from burnish_workers.kinds.surrogate.paths import Paths
from burnish_workers.kinds.surrogate.references import hjb_log, viscous_burgers
from burnish_workers.tensors.fields import Field, ZeroField
from burnish_workers.tensors.generators import torch_generator

from .surrogates import (
    FAR,
    ZERO,
    assert_holds,
    estimator,
    expression_field,
    flipped,
    moments,
    random_mlp,
    resolved,
    simulated,
    spec_of,
    without,
)

MATRIX = [[0.6, 0.1], [0.0, -0.5], [0.3, 0.4]]
T = 0.8
TIMES = np.array([0.0, 0.3])
PLACES = np.array([[0.2, -0.4, 0.5], [1.0, 0.3, -0.2]])
SURROGATES: dict[str, Field] = {
    "zero": ZeroField(3),
    "wrong": expression_field("sin(sum(x))*(1 + t) + 0.3*x[0]**2", 3),
    "untrained": random_mlp(3),
}


def polynomial(sigma: np.ndarray) -> np.ndarray:
    """u for mu = 0.3, g = (sum x)^2 + e^{0.3 x_0}, F = t x_1 + 1 and constant sigma."""
    tau, covariance = T - TIMES, sigma @ sigma.T
    total = (PLACES.sum(1) + 0.9 * tau) ** 2 + covariance.sum() * tau
    waves = np.exp(0.3 * (PLACES[:, 0] + 0.3 * tau) + 0.045 * covariance[0, 0] * tau)
    slope = (PLACES[:, 1] - 0.3 * TIMES) * (T**2 - TIMES**2) / 2 + 0.1 * (T**3 - TIMES**3)
    return total + waves + slope + tau


def linear(diffusion: Any) -> dict[str, Any]:
    terminal, source = "sum(x)**2 + exp(0.3*x[0])", "t*x[1] + 1"
    return {
        "dim": 3,
        "horizon": T,
        "drift": "0.3",
        "diffusion": diffusion,
        "nonlinearity": source,
        "terminal": terminal,
    }


def rows(copies: int) -> tuple[torch.Tensor, torch.Tensor]:
    t, x = (torch.as_tensor(a, dtype=torch.float32) for a in (TIMES, PLACES))
    return t.repeat(copies), x.repeat(copies, 1)


def path_mean(problem: dict[str, Any], surrogate: Field, copies: int, steps: int, strata: int) -> Moments:
    """u_hat + path at the two points."""
    sampler = estimator(problem, surrogate, steps, strata)
    t, x = rows(copies)
    with torch.no_grad():
        return moments(surrogate.value(t, x) + sampler.path(t, x, torch_generator(Key(steps))), 2)


def assert_unbiased(found: Moments, truth: np.ndarray) -> None:
    assert (np.abs(found.mean - truth) < FAR * found.standard_error + 1e-5).all(), found.mean - truth


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("form", ["scalar", "matrix"])
@pytest.mark.parametrize(("steps", "strata"), [(1, 1), (2, 3), (4, 4)])
def test_exact_paths_need_no_correction_whatever_the_surrogate(name: str, form: str, steps: int, strata: int) -> None:
    diffusion, sigma = ("0.7", 0.7 * np.eye(3)) if form == "scalar" else (MATRIX, np.array(MATRIX))
    found = path_mean(linear(diffusion), SURROGATES[name], 20_000, steps, strata)
    assert_unbiased(found, polynomial(sigma))


def test_mutant_partner_without_its_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    def unmirrored(t: torch.Tensor, x: torch.Tensor, times: torch.Tensor, noise: torch.Tensor) -> Paths:
        half = noise[: len(noise) // 2]
        return Paths(t, x, times, torch.cat([half, half]))

    monkeypatch.setattr(linearised, "Paths", unmirrored)
    found = path_mean(linear("0.7"), SURROGATES["wrong"], 20_000, 2, 3)
    with pytest.raises(AssertionError):
        assert_unbiased(found, polynomial(0.7 * np.eye(3)))


def test_strata_and_partners_pay() -> None:
    """Variance of a mean at equal numbers of paths: strata beat pairs on their own."""
    pairs = path_mean(linear("0.7"), SURROGATES["wrong"], 8_000, 2, 1)
    strata = path_mean(linear("0.7"), SURROGATES["wrong"], 8_000, 2, 4)
    assert (4 * strata.variance < 0.8 * pairs.variance).all()


# Equations whose paths or discounts are not exact, with closed forms for g = sum x (+ norm2 x).
OU = {"dim": 2, "horizon": 1.0, "drift": "-0.4*x", "diffusion": "0.5", "terminal": "sum(x) + norm2(x)"}
DISCOUNT = {"dim": 2, "horizon": 1.0, "diffusion": "0.5", "nonlinearity": "t*u", "terminal": "1 + norm2(x)"}
GROWTH = {**DISCOUNT, "nonlinearity": "0.7*u"}
SHIFTED = {"dim": 2, "horizon": 1.0, "diffusion": "0.5*(x - 1)", "terminal": "1 + norm2(x)"}
RAMP = {"dim": 2, "horizon": 1.0, "diffusion": "0.5*t", "terminal": "1 + norm2(x)"}
HERE = np.array([[0.5, -1.2], [1.0, 2.0]])
WRONG = {"expression": "1 + sin(x[0]) + 0.7*norm2(x)*(1 + 0.2*t)"}


def exact(problem: dict[str, Any]) -> np.ndarray:
    """u(0, HERE)."""
    square = (HERE**2).sum(1)
    if problem is OU:
        return HERE.sum(1) * np.exp(-0.4) + square * np.exp(-0.8) + 0.5 * (1 - np.exp(-0.8)) / 0.8
    if problem is SHIFTED:
        return 1 + (2 * HERE - 1 + (HERE - 1) ** 2 * np.exp(0.25)).sum(1)
    if problem is RAMP:
        return 1 + square + 2 * 0.25 / 3
    return np.exp(0.7 if problem is GROWTH else 0.5) * (1 + square + 0.5)


INEXACT = {"drift": OU, "discount": DISCOUNT, "diffusion in x": SHIFTED, "diffusion in t": RAMP}


@pytest.mark.parametrize("surrogate", [ZERO, WRONG], ids=["zero", "wrong"])
@pytest.mark.parametrize("steps", [4, 8])
@pytest.mark.parametrize("name", INEXACT)
def test_the_time_step_correction_makes_the_answer_hold(name: str, steps: int, surrogate: dict[str, Any]) -> None:
    problem = INEXACT[name]
    state, statistics = simulated(resolved(spec_of(problem, surrogate, HERE), steps=steps), 12_000)
    assert_holds(state, statistics, exact(problem))
    error = np.abs(statistics.answer(state).combined.value - exact(problem))
    uncorrected = np.abs(state["surrogate"].mean + state["path"].mean - exact(problem))
    noise = FAR * np.linalg.norm(state["path"].standard_error)
    assert np.linalg.norm(error) < 0.4 * np.linalg.norm(uncorrected) + noise


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_paths_of_one_to_three_times_are_corrected_too(steps: int) -> None:
    """The kind takes four at least; the correction's law holds for fewer."""
    sampler = estimator(OU, ZeroField(2), steps, strata=4)
    t, x = torch.zeros(40_000), torch.as_tensor(HERE[1:], dtype=torch.float32).expand(40_000, 2)
    path = moments(sampler.path(t, x, torch_generator(Key(1))), 1)
    correction, left = (moments(part, 1) for part in sampler.step(t, x, torch_generator(Key(2))))
    uncorrected = path.mean - exact(OU)[1:]
    assert abs(uncorrected) > 20 * path.standard_error
    assert abs(uncorrected + correction.mean) < 0.35 * abs(uncorrected)
    assert (left.mean == correction.mean).all()


@pytest.mark.parametrize("name", INEXACT)
def test_without_it_or_with_its_sign_flipped_the_answer_is_off(name: str) -> None:
    spec = resolved(spec_of(INEXACT[name], ZERO, HERE), steps=4)
    state, statistics = simulated(spec, 60_000)
    assert_holds(state, statistics, exact(INEXACT[name]))
    for mutant in (without(state, "step"), flipped(state, "step")):
        with pytest.raises(AssertionError, match="off by"):
            assert_holds(mutant, statistics, exact(INEXACT[name]))


@pytest.mark.parametrize("name", ["drift", "discount", "diffusion in t"])
def test_the_uncorrected_bias_halves_with_the_step(name: str) -> None:
    problem, biases = INEXACT[name], []
    for steps in (8, 16):
        state, _ = simulated(resolved(spec_of(problem, ZERO, HERE[1:]), steps=steps, step_share=64), 60_000)
        biases.append((state["path"].mean - exact(problem)[1:])[0])
        error = state["path"].standard_error[0]
        assert abs(biases[-1]) > 5 * error, "no bias to speak of: the test would show nothing"
    assert 0.3 < biases[1] / biases[0] < 0.75


def test_a_constant_rate_is_discounted_exactly() -> None:
    """F = c u: nothing to correct, and the correction knows."""
    state, statistics = simulated(resolved(spec_of(GROWTH, ZERO, HERE), steps=2), 4_000)
    assert np.abs(state["step"].mean).max() < 1e-6
    assert_holds(state, statistics, exact(GROWTH))
    assert_holds(without(state, "step"), statistics, exact(GROWTH))


def constant(nonlinearity: str, start: float) -> dict[str, Any]:
    """u depends on t only: u' = -F(u), u(T) = start."""
    return {"dim": 1, "horizon": 0.5, "diffusion": "1", "nonlinearity": nonlinearity, "terminal": f"{start}"}


def bernoulli(start: float) -> float:
    """u(0) for F = u - u^3 and T = 1/2: u^-2 = 1 + (start^-2 - 1) e^{-2T}."""
    return (1 + (start**-2 - 1) * np.exp(-1.0)) ** -0.5


ODES = [
    ("u**2", 0.5, 1 / (1 / 0.5 - 0.5), "0.45 + 0.4*(0.5 - t)"),
    ("u**2", 0.5, 1 / (1 / 0.5 - 0.5), "0.5"),
    ("u - u**3", 0.4, bernoulli(0.4), "0.45 + 0.1*t"),
    ("sin(2*u)", 0.4, float(np.arctan(np.tan(0.4) * np.exp(1.0))), "0.6 + 0.1*sin(t)"),
]


@pytest.mark.parametrize(("nonlinearity", "start", "truth", "wrong"), ODES)
def test_the_remainder_is_what_linearising_left_out(nonlinearity: str, start: float, truth: float, wrong: str) -> None:
    spec = spec_of(constant(nonlinearity, start), {"expression": wrong}, [[0.0]])
    state, statistics = simulated(resolved(spec, steps=16, outer_steps=4, inner_steps=4), 8_000)
    answer = statistics.answer(state).combined
    linear_part = answer.value - state["remainder"].mean
    assert abs(linear_part - truth) > 20 * answer.standard_error
    assert abs(answer.value - truth) < 0.3 * abs(linear_part - truth)
    assert_holds(state, statistics, truth)
    for mutant in (without(state, "remainder"), flipped(state, "remainder")):
        with pytest.raises(AssertionError, match="off by"):
            assert_holds(mutant, statistics, truth)


CURVED = [
    ("hjb-log", 4, 16, {"expression": "0.6*log((1 + norm2(x) + 2*d*(1 - t))/2)"}, 6_000),
    ("hjb-log", 20, 8, {"expression": "0.6*log((1 + norm2(x) + 2*d*(1 - t))/2)"}, 2_500),
    ("viscous-burgers", 4, 4, {"expression": "sigmoid(t + sum(x))*(1 + 0.3*cos(sum(x)))"}, 8_000),
    ("viscous-burgers", 20, 4, {"expression": "sigmoid(t + sum(x))*(1 + 0.3*cos(sum(x)))"}, 8_000),
    ("viscous-burgers", 20, 4, ZERO, 8_000),
]


@pytest.mark.parametrize(("name", "dim", "steps", "surrogate", "replicates"), CURVED)
def test_named_equations_from_wrong_surrogates(
    name: str, dim: int, steps: int, surrogate: dict[str, Any], replicates: int
) -> None:
    x = np.array([np.linspace(-0.4, 0.3, dim), np.linspace(0.1, 0.2, dim)])
    spec = resolved(spec_of({"name": name, "dim": dim}, surrogate, x, [0.0, 0.1]), steps=steps)
    state, statistics = simulated(spec, replicates)
    t = np.array([0.0, 0.1])
    truth = hjb_log(t, x) if name == "hjb-log" else viscous_burgers(t, x)
    assert_holds(state, statistics, truth)
    answer = statistics.answer(state).combined
    assert (np.abs(answer.value - state["remainder"].mean - truth) > 5 * answer.standard_error).any()
    for mutant in (without(state, "remainder"), flipped(state, "remainder")):
        with pytest.raises(AssertionError, match="off by"):
            assert_holds(mutant, statistics, truth)


def test_the_nested_level_has_no_bias_for_quadratic_nonlinearities() -> None:
    """2 Q((a+b)/2) - (Q(a) + Q(b))/2 = a b for Q(v) = v^2: noise in v does not enter."""
    problem = {"dim": 1, "horizon": 0.5, "diffusion": "1", "nonlinearity": "u**2", "terminal": "0.3*x[0]"}
    one = estimator(problem, ZeroField(1), steps=1)
    t, x = torch.zeros(200_000), torch.full((200_000, 1), 0.2)
    samples = Linearised.remainder(one, t, x, torch_generator(Key(4)))[0].numpy()
    # v = 0.3 X_r, E v^2 = 0.09 (x^2 + r), integrated over (0, 1/2)
    truth = 0.09 * (0.2**2 * 0.5 + 0.125)
    assert abs(samples.mean() - truth) < FAR * samples.std() / len(samples) ** 0.5
