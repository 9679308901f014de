"""Resampling: how often each particle is copied, unbiased given the weights, E[count_i] = N W_i.

N. Chopin and O. Papaspiliopoulos, An Introduction to Sequential Monte Carlo (2020), chapter 9.
"""

from __future__ import annotations

import torch
from torch import Tensor


def effective(weights: Tensor) -> float:
    """1 / sum W^2, the effective sample size of weights of sum 1."""
    return 1 / float(torch.dot(weights, weights))


def ancestors(weights: Tensor, scheme: str, generator: torch.Generator) -> Tensor:
    """Indices (N,), ascending, of the particles that are copied; `weights` (N,) float64, of sum 1."""
    return torch.repeat_interleave(_SCHEMES[scheme](weights, generator), output_size=len(weights))


def systematic(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Counts (N,): how many of the points (i + u)/N, one u for all, lie under each weight."""
    start = torch.rand(1, dtype=torch.float64, generator=generator, device=weights.device)
    return _counts(weights, start)


def _counts(weights: Tensor, start: Tensor) -> Tensor:
    """Without sorting or searching: the points below a cumulative weight C are ceil(N C - u) in number."""
    n = len(weights)
    cumulative = weights.cumsum(0)
    below = cumulative.mul_(n / cumulative[-1]).sub_(start).ceil_().clamp_(0, n).long()
    below[-1] = n
    return torch.diff(below, prepend=below.new_zeros(1))


def stratified(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Counts (N,): of the points (i + u_i)/N, each with its own u_i."""
    n = len(weights)
    draws = torch.rand(n, dtype=torch.float64, generator=generator, device=weights.device)
    points = (torch.arange(n, dtype=torch.float64, device=weights.device) + draws) / n
    return _under(points, weights)


def multinomial(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Counts (N,) of N independent draws."""
    draws = torch.rand(len(weights), dtype=torch.float64, generator=generator, device=weights.device)
    return _under(draws, weights)


def residual(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Counts (N,): the whole part of N W_i for certain, the rest drawn independently by what is left."""
    n = len(weights)
    expected = weights * (n / weights.sum())
    certain = expected.floor()
    left = n - int(certain.sum())
    if left == 0:
        return certain.long()
    draws = torch.rand(left, dtype=torch.float64, generator=generator, device=weights.device)
    return certain.long() + _under(draws, expected - certain)


def _under(points: Tensor, weights: Tensor) -> Tensor:
    """How many points in [0, 1) lie under each weight. The last weight above 0 takes what rounding leaves over."""
    cumulative = weights.cumsum(0)
    places = torch.searchsorted(cumulative, points * cumulative[-1], right=True)
    last = int(weights.nonzero()[-1, 0])
    return torch.bincount(places.clamp_(max=last), minlength=len(weights))


_SCHEMES = {
    "systematic": systematic,
    "stratified": stratified,
    "residual": residual,
    "multinomial": multinomial,
}
