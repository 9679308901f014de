"""Bismut-Elworthy-Li weights: gradients of expectations, without differentiating what is expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from burnish_workers.core.keys import Key
from burnish_workers.kinds.surrogate.bismut import journey, random_time
from burnish_workers.tensors.generators import torch_generator

from .surrogates import FAR, equation

PATHS = 100_000


def weighted(problem: dict[str, Any], x: list[float], steps: int, *, steady: bool = False, seed: int = 1) -> Any:
    """Arrivals at half the horizon and at the horizon, from one place."""
    found, horizon = equation(problem), problem["horizon"]
    t, places = torch.zeros(PATHS), torch.tensor(x).expand(PATHS, len(x))
    matrix = problem["diffusion"]
    noise_dim = len(x) if isinstance(matrix, str) else len(matrix[0])
    noise = torch.randn(PATHS, 2, steps, noise_dim, generator=torch_generator(Key(seed)))
    half = torch.full((PATHS,), horizon / 2)
    return journey(found, t, places, (half, half), noise, True, steady)


def near(samples: torch.Tensor, truth: Any, slack: float = 0.0) -> None:
    """The mean of samples (n, k) is the truth, but for noise and a relative slack."""
    mean, error = samples.double().mean(0).numpy(), samples.double().std(0).numpy() / len(samples) ** 0.5
    assert (np.abs(mean - truth) < FAR * error + slack * np.abs(truth)).all(), (mean, truth, error)


OU = {"dim": 2, "horizon": 1.0, "drift": "-0.437*x", "diffusion": "0.7", "terminal": "0"}


def test_ornstein_uhlenbeck_needs_the_tangent() -> None:
    """grad E sum X_T = e^{-a T} = .646; the weight W_T/T of constant coefficients gives (1 - e^{-aT})/(aT) = .81."""
    middle, end = weighted(OU, [0.3, -0.2], 32)
    for arrival, tau in ((middle, 0.5), (end, 1.0)):
        near(arrival.x.sum(1, keepdim=True) * arrival.weight, 0.7 * np.exp(-0.437 * tau), slack=0.015)
        near(arrival.weight, np.zeros(2))
    shortcut = 0.7 * (1 - np.exp(-0.437)) / 0.437
    with pytest.raises(AssertionError):
        near(end.x.sum(1, keepdim=True) * end.weight, shortcut, slack=0.015)


def test_constant_coefficients_in_one_exact_step_whatever_the_shape_of_sigma() -> None:
    """z = sigma^T grad E exp(0.3 sum X_T): a 3 x 2 matrix has no inverse and needs none."""
    sigma = np.array([[0.5, 0.1], [0.2, -0.3], [0.0, 0.4]])
    problem = {"dim": 3, "horizon": 0.8, "drift": "0.2", "diffusion": sigma.tolist(), "terminal": "0"}
    for arrival, tau in zip(weighted(problem, [0.1, 0.2, -0.4], 1, steady=True), (0.4, 0.8), strict=True):
        ones = 0.3 * np.ones(3)
        value = np.exp(0.3 * (-0.1 + 0.6 * tau) + 0.5 * ones @ sigma @ sigma.T @ ones * tau)
        near(torch.exp(0.3 * arrival.x.sum(1, keepdim=True)) * arrival.weight, value * sigma.T @ ones)


def test_diffusions_that_vary() -> None:
    """Geometric Brownian motion, X_T = x exp((mu - s^2/2) T + s W): z = s x_i d_i E sum X_T^2."""
    problem = {"dim": 2, "horizon": 1.0, "drift": "0.1*x", "diffusion": "0.4*x", "terminal": "0"}
    x = np.array([0.8, 1.5])
    _, end = weighted(problem, x.tolist(), 32)
    near((end.x**2).sum(1, keepdim=True) * end.weight, 0.4 * x * 2 * x * np.exp(0.2 + 0.16), slack=0.03)


def test_a_matrix_is_inverted_the_right_way_round() -> None:
    problem = {**OU, "diffusion": [[0.6, 0.3], [0.0, 0.5]]}
    _, end = weighted(problem, [0.3, -0.2], 32)
    wanted = np.array([[0.6, 0.0], [0.3, 0.5]]) @ np.array([1.0, 0.5]) * np.exp(-0.437)
    near((end.x @ torch.tensor([1.0, 0.5]))[:, None] * end.weight, wanted, slack=0.015)


def test_the_discount_belongs_to_the_weight() -> None:
    """F = c x_0 u: u = E e^{A_T} = exp(c x T + c^2 s^2 T^3/6), z = s c T u on the first coordinate."""
    problem = {"dim": 2, "horizon": 1.0, "diffusion": "0.5", "nonlinearity": "0.8*x[0]*u", "terminal": "1"}
    _, end = weighted(problem, [0.4, 0.0], 32)
    u = np.exp(0.8 * 0.4 + 0.64 * 0.25 / 6)
    near(end.discount.double().exp()[:, None], [u], slack=0.02)
    near(end.discount.exp()[:, None] * end.weight, np.array([0.5 * 0.8 * u, 0.0]), slack=0.03)


def test_the_drift_that_the_nonlinearity_makes() -> None:
    """F = 0.3 sum z adds 0.3 sigma to the drift; grad E sum X_T stays 1."""
    problem = {"dim": 2, "horizon": 1.0, "diffusion": "0.5", "nonlinearity": "0.3*sum(z)", "terminal": "1"}
    _, end = weighted(problem, [0.4, 0.0], 4)
    near(end.x, np.array([0.4, 0.0]) + 0.3 * 0.5)
    near(end.x.sum(1, keepdim=True) * end.weight, np.array([0.5, 0.5]))


def test_times_keep_the_weight_bounded() -> None:
    """(T-s)/rho(r) times |I| ~ (t-s)^{-1/2}: constant for r = U^2; for uniform times its square has infinite mean."""
    span = torch.full((PATHS,), 0.7)
    elapsed, density = random_time(span, True, torch_generator(Key(3)))
    torch.testing.assert_close(density**2 / elapsed, 4 * span)
    uniform, flat = random_time(span, False, torch_generator(Key(3)))
    squares = flat**2 / uniform
    assert squares.max() / squares.sum() > 0.01
    assert ((elapsed > 0) & (elapsed <= 0.7)).all()
    # Both are what they are said to be: E density f(t) = int_0^span f dt.
    for times, weight in ((elapsed, density), (uniform, flat)):
        near((weight * times)[:, None], [0.7**2 / 2])
