"""The exact posterior of a Gaussian mixture under a linear-Gaussian observation: again a mixture.

p(x) = sum_c w_c N(mu_c, C_c), y = A x + e, e ~ N(0, diag(v)). With S_c = A C_c A^T + diag(v) and G_c = C_c A^T S_c^-1

    p(x | y) = sum_c w_c' N(mu_c + G_c (y - A mu_c), C_c - G_c A C_c),  w_c' = w_c N(y; A mu_c, S_c) / p(y).

A reward R(x) = -|x - a|^2/(2 v) is such an observation: A = I, y = a, times (2 pi v)^(d/2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gaussians:
    """A mixture: weights (c,), adding up to 1; means (c, d); covariances (c, d, d)."""

    weights: Floats
    means: Floats
    covariances: Floats

    @staticmethod
    def of(means: Floats, weights: Floats | None = None, variance: float = 1.0) -> Gaussians:
        """Components N(mean, variance I), equally likely unless weights are given."""
        count, dim = means.shape
        shares = np.ones(count) if weights is None else weights
        return Gaussians(shares / shares.sum(), means, np.broadcast_to(variance * np.eye(dim), (count, dim, dim)))

    @property
    def mean(self) -> Floats:
        """(d,)."""
        return self.weights @ self.means

    @property
    def covariance(self) -> Floats:
        """(d, d)."""
        apart = self.means - self.mean
        within = np.einsum("c,cij->ij", self.weights, self.covariances)
        return within + np.einsum("c,ci,cj->ij", self.weights, apart, apart)

    @property
    def std(self) -> Floats:
        """Of each coordinate, (d,)."""
        return np.sqrt(np.diag(self.covariance))

    def log_evidence(self, matrix: Floats, y: Floats, variance: Floats) -> float:
        """log p(y)."""
        return float(np.logaddexp.reduce(self._log_likelihoods(matrix, y, variance)[0]))

    def posterior(self, matrix: Floats, y: Floats, variance: Floats) -> Gaussians:
        """p(x | y): matrix A (q, d), y (q,), variance v (q,)."""
        log_weight, gains, residuals = self._log_likelihoods(matrix, y, variance)
        means = self.means + np.einsum("cdq,cq->cd", gains, residuals)
        covariances = self.covariances - gains @ (matrix @ self.covariances)
        return Gaussians(np.exp(log_weight - np.logaddexp.reduce(log_weight)), means, covariances)

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Independent samples, (count, d)."""
        which = generator.choice(len(self.weights), size=count, p=self.weights)
        found = np.empty((count, self.means.shape[1]))
        for c in np.unique(which):
            values, axes = np.linalg.eigh(self.covariances[c])
            rows = np.flatnonzero(which == c)
            normal = generator.standard_normal((len(rows), len(values)))
            found[rows] = self.means[c] + normal * np.sqrt(np.maximum(values, 0)) @ axes.T
        return found

    def _log_likelihoods(self, matrix: Floats, y: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
        """log w_c N(y; A mu_c, S_c) (c,), gains G_c (c, d, q), residuals y - A mu_c (c, q)."""
        cross = self.covariances @ matrix.T
        total = matrix @ cross + np.diag(variance)
        residual = y - self.means @ matrix.T
        gains = np.swapaxes(np.linalg.solve(total, np.swapaxes(cross, 1, 2)), 1, 2).astype(np.float64)
        squared = (residual * np.linalg.solve(total, residual[..., None])[..., 0]).sum(1)
        log_det = np.linalg.slogdet(total)[1] + len(y) * np.log(2 * np.pi)
        return np.log(self.weights) - 0.5 * (squared + log_det), gains, residual
