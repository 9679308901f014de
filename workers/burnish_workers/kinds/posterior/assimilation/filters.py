"""Particle filters: move, weigh by what was observed, resample when the weights have become uneven.

    log Z^ += log sum_i W_i g_i,   W_i <- W_i g_i / sum,   g_i = p(y | x'_i) p(x'_i | x_i) / q(x'_i | x_i, y)

E[Z^] = p(y_1 .. y_k) for any proposal q that covers the transition, and whenever one resamples (Del Moral 2004).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish.wire.specs.assimilation import Filter
from burnish_workers.kinds.posterior.assimilation.resampling import ancestors, effective, weights_of

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cloud:
    """Particles x (N, d) and their log weights (N,), float64, log sum exp = 0."""

    x: Tensor
    log_weights: Tensor

    @staticmethod
    def even(x: Tensor) -> Cloud:
        """All weights 1/N."""
        return Cloud(x, torch.full((len(x),), -math.log(len(x)), dtype=torch.float64, device=x.device))


@dataclass(frozen=True)
class Advanced:
    """One observation on: the cloud, log p^(y_k | y_1 .. y_k-1) (-inf: all weights are 0), particles lost to NaN."""

    cloud: Cloud
    log_increment: float
    nonfinite: int


class Proposal(Protocol):
    """How particles move towards an observation."""

    def predict(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A draw of the transition, where nothing is observed."""
        ...

    def propose(self, x: Tensor, y: _Array, rows: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """x' (N, d) and log g (N,), float64, given the numbers y that were seen in `rows`."""
        ...


def seen(observation: _Array) -> tuple[_Array, tuple[int, ...]]:
    """The numbers that were seen and their places; nan: not seen."""
    rows = np.flatnonzero(np.isfinite(observation))
    return observation[rows], tuple(rows.tolist())


@dataclass(frozen=True)
class ParticleFilter:
    """Sequential importance sampling with resampling at ESS <= ess N."""

    proposal: Proposal
    options: Filter

    def advance(self, cloud: Cloud, observation: _Array, generator: torch.Generator) -> Advanced:
        """Assimilate one observation."""
        cloud = self.resampled(cloud, generator)
        y, rows = seen(observation)
        if not rows:
            return Advanced(Cloud(self.proposal.predict(cloud.x, generator), cloud.log_weights), 0.0, 0)
        x, log_factor = self.proposal.propose(cloud.x, y, rows, generator)
        return weighed(x, cloud.log_weights, log_factor)

    def resampled(self, cloud: Cloud, generator: torch.Generator) -> Cloud:
        """The same distribution with even weights, if they are uneven."""
        weights = weights_of(cloud.log_weights)
        if effective(weights) > self.options.ess * len(weights):
            return cloud
        x = cloud.x[ancestors(weights, self.options.resampling, generator)]
        if self.options.jitter > 0:
            x = spread(x, cloud.x, weights, self.options.jitter, generator)
        return Cloud.even(x)


def weighed(x: Tensor, log_weights: Tensor, log_factor: Tensor) -> Advanced:
    """Multiply weights by factors. A factor that is no number is 0, and counted; where all are 0 the cloud starts
    again with even weights and the evidence says so."""
    total = log_weights + log_factor
    increment = float(torch.logsumexp(total, 0))
    lost = 0
    if not math.isfinite(increment):
        broken = torch.isnan(total) | (total == math.inf)
        lost = int(broken.sum())
        total = total.masked_fill(broken, -math.inf)
        increment = float(torch.logsumexp(total, 0))
    if increment == -math.inf:
        return Advanced(Cloud.even(x), increment, lost)
    if lost:
        # What is not a number would spoil means even with weight 0.
        x = torch.where(torch.isfinite(total)[:, None], x, x[int(total.argmax())])
    return Advanced(Cloud(x, total - increment), increment, lost)


def spread(x: Tensor, before: Tensor, weights: Tensor, jitter: float, generator: torch.Generator) -> Tensor:
    """x + jitter h L e with L L^T the weighted covariance and h = (4/(d + 2) / N)^(1/(d + 4)) (Musso et al. 2001)."""
    n, d = x.shape
    lower = torch.linalg.cholesky_ex(weighted_covariance(before, weights))[0].to(x.dtype)
    bandwidth = jitter * (4 / (d + 2) / n) ** (1 / (d + 4))
    noise = torch.randn(n, d, dtype=x.dtype, device=x.device, generator=generator)
    return torch.addmm(x, noise, lower.T, alpha=bandwidth)


def weighted_covariance(x: Tensor, weights: Tensor) -> Tensor:
    """sum w (x - mean)(x - mean)^T / sum w, float64 (d, d), with a little on the diagonal against rounding."""
    share = weights / weights.sum()
    centred = x.double() - share @ x.double()
    covariance = (centred * share[:, None]).T @ centred
    return covariance + 1e-12 * covariance.diagonal().mean() * torch.eye(
        len(covariance), dtype=torch.float64, device=x.device
    )
