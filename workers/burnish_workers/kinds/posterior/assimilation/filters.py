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
from burnish_workers.core.resampling import SCHEMES
from burnish_workers.kinds.posterior.smc import Stream

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cloud:
    """Particles x (N, d) and their weights (N,), float64, of sum 1."""

    x: Tensor
    weights: Tensor

    @staticmethod
    def even(x: Tensor) -> Cloud:
        """All weights 1/N."""
        return Cloud(x, torch.full((len(x),), 1 / len(x), dtype=torch.float64, device=x.device))


@dataclass(frozen=True)
class Advanced:
    """One observation on: the cloud, log p^(y_k | y_1 .. y_k-1) (-inf: all weights are 0), particles lost to NaN."""

    cloud: Cloud
    log_increment: float
    nonfinite: int


def effective(weights: Tensor) -> float:
    """1 / sum W^2, the effective sample size of weights of sum 1."""
    return 1 / float(torch.dot(weights, weights))


def ancestors(weights: Tensor, scheme: str, stream: Stream) -> Tensor:
    """Indices (N,) of the particles that are copied."""
    return torch.from_numpy(SCHEMES[scheme](weights.cpu().numpy(), stream.uniform)).to(weights.device)


class Proposal(Protocol):
    """How particles move towards an observation."""

    def predict(self, x: Tensor, stream: Stream) -> Tensor:
        """A draw of the transition, where nothing is observed."""
        ...

    def propose(self, x: Tensor, y: _Array, rows: tuple[int, ...], stream: Stream) -> tuple[Tensor, Tensor]:
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

    def advance(self, cloud: Cloud, observation: _Array, stream: Stream) -> Advanced:
        """Assimilate one observation."""
        cloud = self.resampled(cloud, stream)
        y, rows = seen(observation)
        if not rows:
            return Advanced(Cloud(self.proposal.predict(cloud.x, stream), cloud.weights), 0.0, 0)
        x, log_factor = self.proposal.propose(cloud.x, y, rows, stream)
        return weighed(x, cloud.weights, log_factor)

    def resampled(self, cloud: Cloud, stream: Stream) -> Cloud:
        """The same distribution with even weights, if they are uneven."""
        if effective(cloud.weights) > self.options.ess * len(cloud.weights):
            return cloud
        x = cloud.x[ancestors(cloud.weights, self.options.resampling, stream)]
        if self.options.jitter > 0:
            x = spread(x, cloud, self.options.jitter, stream)
        return Cloud.even(x)


def weighed(x: Tensor, weights: Tensor, log_factor: Tensor) -> Advanced:
    """Multiply weights by factors. A factor that is no number is 0, and counted; where all are 0 the cloud starts
    again with even weights and the evidence says so."""
    top, lost = float(log_factor.max()), 0
    if not math.isfinite(top):
        broken = torch.isnan(log_factor) | (log_factor == math.inf)
        lost, log_factor = int(broken.sum()), log_factor.masked_fill(broken, -math.inf)
        top = float(log_factor.max())
        if top == -math.inf:
            return Advanced(Cloud.even(x), top, lost)
        # What is not a number would spoil means even with weight 0.
        x = torch.where(broken[:, None], x[int(log_factor.argmax())], x)
    product = torch.exp(log_factor - top).mul_(weights)
    total = float(product.sum())
    if total < UNDERFLOW:
        # The largest factors fell on weights of nearly nothing.
        logs = log_factor + weights.log()
        top = float(logs.max())
        if top == -math.inf:
            return Advanced(Cloud.even(x), top, lost)
        product = torch.exp(logs - top)
        total = float(product.sum())
    return Advanced(Cloud(x, product.div_(total)), top + math.log(total), lost)


UNDERFLOW = 1e-200


def spread(x: Tensor, before: Cloud, jitter: float, stream: Stream) -> Tensor:
    """x + jitter h L e with L L^T the weighted covariance and h = (4/(d + 2) / N)^(1/(d + 4)) (Musso et al. 2001)."""
    n, d = x.shape
    lower = torch.linalg.cholesky_ex(weighted_covariance(before))[0].to(x.dtype)
    bandwidth = jitter * (4 / (d + 2) / n) ** (1 / (d + 4))
    noise = stream.normal(n, d, dtype=x.dtype)
    return torch.addmm(x, noise, lower.T, alpha=bandwidth)


def weighted_covariance(cloud: Cloud) -> Tensor:
    """sum W (x - mean)(x - mean)^T / (1 - sum W^2), float64 (d, d), a little on the diagonal against rounding.

    The divisor makes it unbiased for weights that do not depend on x; what matters more: of a cloud whose weight is
    nearly all on one particle it keeps the spread alive, without which a filter that is lost stays lost.
    """
    wide = cloud.x.double()
    centred = wide - cloud.weights @ wide
    covariance = (centred * cloud.weights[:, None]).T @ centred
    covariance = covariance / max(1 - 1 / effective(cloud.weights), 1e-12)
    little = 1e-12 * covariance.diagonal().mean()
    return covariance + little * torch.eye(len(covariance), dtype=torch.float64, device=cloud.x.device)
