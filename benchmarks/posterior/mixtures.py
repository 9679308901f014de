"""The problems with exact posteriors: mixtures of Gaussians as priors, as specs and as references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jobs import Array

from burnish_workers.kinds.posterior.references.mixture import Gaussians


@dataclass(frozen=True, eq=False)
class Problem:
    """A mixture seen through y = A x + sigma e: what is posted of it, and its exact posterior."""

    prior: Gaussians
    matrix: Array
    y: Array
    sigma: float
    body: dict[str, Any]

    @property
    def posterior(self) -> Gaussians:
        return self.prior.posterior(self.matrix, self.y, np.full(len(self.y), self.sigma**2))

    @property
    def log_evidence(self) -> float:
        return self.prior.log_evidence(self.matrix, self.y, np.full(len(self.y), self.sigma**2))


def inverse(dim: int, rows: int, seed: int) -> Problem:
    """The inverse problem of Cardoso et al. (arXiv 2308.07983, appendix on Gaussian mixtures).

    25 components N((-8i, -8j, -8i, ..), I), i, j in -2..2, weights squares of normals; A from the singular vectors of a
    Gaussian matrix with singular values uniform in (0, 1), falling; sigma uniform in (0, max singular value).
    """
    rng = np.random.default_rng((seed, dim, rows))
    places = range(-2, 3)
    means = np.array([[-8.0 * i, -8.0 * j] * (dim // 2) for i in places for j in places])
    prior = Gaussians.of(means, rng.standard_normal(len(means)) ** 2)
    u, _, vt = np.linalg.svd(rng.standard_normal((rows, dim)), full_matrices=False)
    singular = np.sort(rng.random(rows))[::-1]
    matrix, sigma = u @ (singular[:, None] * vt), float(rng.random() * singular.max())
    y = matrix @ prior.draw(1, rng)[0] + sigma * rng.standard_normal(rows)
    operator = {"type": "matrix", "matrix": matrix.tolist()}
    body = {
        "prior": {"mixture": {"means": means.tolist(), "weights": prior.weights.tolist()}},
        "observation": {"operator": operator, "y": y.tolist(), "sigma": sigma},
    }
    return Problem(prior, matrix, y, sigma, body)


def tilted(dim: int, modes: int, variance: float, seed: int) -> Problem:
    """A mixture of `modes` unit Gaussians, means uniform in (-10, 10)^d, tilted by R(x) = -|x - 2|^2/(2 v)."""
    rng = np.random.default_rng((seed, dim, modes))
    means = rng.uniform(-10, 10, (modes, dim))
    prior = Gaussians.of(means)
    body = {
        "prior": {"mixture": {"means": means.tolist()}},
        "reward": {"expression": f"-norm2(x - 2)/{2 * variance:g}"},
    }
    return Problem(prior, np.eye(dim), np.full(dim, 2.0), variance**0.5, body)
