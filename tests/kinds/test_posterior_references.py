"""The exact answers that others are judged by, against sums that need no formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from burnish_workers.kinds.posterior.references.mixture import Gaussians

from .linear_chains import LinearChain, tensor

LINE = Gaussians(np.array([0.3, 0.7]), np.array([[-1.0], [2.0]]), np.array([[[0.5]], [[1.5]]]))
GRID = np.linspace(-15, 15, 60_001)


def _density(grid: np.ndarray) -> np.ndarray:
    parts = [
        w * np.exp(-0.5 * (grid - m[0]) ** 2 / c[0, 0]) / np.sqrt(2 * np.pi * c[0, 0])
        for w, m, c in zip(LINE.weights, LINE.means, LINE.covariances, strict=True)
    ]
    return np.sum(parts, axis=0)


def test_the_posterior_of_a_mixture_by_quadrature() -> None:
    matrix, y, variance = np.array([[2.0], [-0.5]]), np.array([1.5, 0.2]), np.array([0.4, 0.9])
    apart = (y - GRID[:, None] * matrix[:, 0]) ** 2 / variance
    likelihood = np.exp(-0.5 * (apart + np.log(2 * np.pi * variance)).sum(1))
    joint, step = _density(GRID) * likelihood, GRID[1] - GRID[0]
    evidence = joint.sum() * step
    mean = (GRID * joint).sum() * step / evidence
    std = np.sqrt(((GRID - mean) ** 2 * joint).sum() * step / evidence)
    found = LINE.posterior(matrix, y, variance)
    assert LINE.log_evidence(matrix, y, variance) == pytest.approx(np.log(evidence), abs=1e-9)
    assert found.mean[0] == pytest.approx(mean, abs=1e-9)
    assert found.std[0] == pytest.approx(std, abs=1e-9)
    draws = found.draw(200_000, np.random.default_rng(1))[:, 0]
    for level in (0.0, 0.5, 0.9):
        expected = (joint[level >= GRID].sum() * step) / evidence
        assert (draws <= level).mean() == pytest.approx(expected, abs=4.5 * 0.5 / 200_000**0.5)


def test_the_law_of_a_chain_by_simulation() -> None:
    problem = LinearChain(0.5)
    generator, n = torch.Generator().manual_seed(1), 40_000
    x = problem.start(n, generator)[None]
    for k in range(problem.chain.steps):
        noise = float(problem.chain.noise[k]) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        x = float(problem.chain.keep[k]) * x + float(problem.chain.pull[k]) * problem.denoise(x, k) + noise
    law, draws = problem.law, x[0].numpy()
    np.testing.assert_allclose((draws.mean(0) - law.mean) / law.std * n**0.5, 0, atol=4.5)
    whitened = np.linalg.solve(np.linalg.cholesky(law.covariance), (draws - law.mean).T)
    np.testing.assert_allclose(np.cov(whitened), np.eye(problem.dim), atol=4.5 * (2 / n) ** 0.5)


def test_the_denoiser_of_the_chain_is_the_conditional_mean() -> None:
    """E[x_clean | x_k] of a single Gaussian, by the formula for an observation x_k = alpha x + sigma e."""
    problem = LinearChain(0.5)
    prior = Gaussians(np.ones(1), problem.numbers["mean"][None], problem.numbers["covariance"][None])
    x = np.random.default_rng(2).standard_normal(problem.dim)
    for k in (0, 20, 49):
        alpha, sigma = float(problem.chain.alpha[k]), float(problem.chain.sigma[k])
        exact = prior.posterior(alpha * np.eye(problem.dim), x, np.full(problem.dim, sigma**2))
        found = problem.denoise(tensor(x)[None, None], k)[0, 0].numpy()
        np.testing.assert_allclose(found, exact.mean, atol=1e-9)
        spread = problem.spreads[k].times(torch.eye(problem.dim, dtype=torch.float64)).numpy()
        np.testing.assert_allclose(spread, exact.covariance, atol=1e-9)
