"""Regress or truncate? The rule for a known smoothness, its data-driven form, and the truncated mean.

f in the Sobolev space W^{s,p} of a d-dimensional domain need be integrable only to the power p* with 1/p* = 1/p - s/d
(Sobolev's embedding), so that Y = f(X)^q, X uniform, can have a tail as heavy as P(|Y| > y) ~ y^(-1/k) with

    k = q (1/p - s/d).

k < 1/2: the variance is finite and a regression-adjusted control variate (`regression_control`) is optimal. k > 1/2:
it need not be; then no control variate improves the rate, and the mean of Y truncated at about n^k, beyond which a few
of n samples lie, is optimal. Either way the worst error is n^max(k - 1, -1/2 - s/d), and k is what the tail index of
the samples estimates.

Source: Blanchet, Chen, Lu, Ying, "When can regression-adjusted control variates help?", NeurIPS 2023, where p > 2 and
q < p < 2q, X is uniform on the unit cube and f is observed without noise. Elsewhere the formulas are the same here,
but not their theorem; the error of truncation needs no more than the tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from burnish_workers.core.guard import TAIL_INDEX
from burnish_workers.core.moments import Moments
from burnish_workers.core.tail_index import pareto_k

_Array = NDArray[np.float64]


class Regime(StrEnum):
    """What to do with the samples."""

    REGRESS = "regress"
    TRUNCATE = "truncate"
    UNKNOWN = "unknown"
    """Too few distinct values above a threshold to tell a tail."""


@dataclass(frozen=True)
class Sobolev:
    """f in W^{s,p} of a d-dimensional domain, of which the mean of f^q is wanted.

    Attributes:
        s: order of smoothness, >= 0.
        p: integrability of the derivatives of order s, >= 1, may be infinite.
        d: dimension, >= 1.
        q: moment, >= 1.

    Raises:
        ValueError: out of range, or k >= 1: then f^q need not have a mean.
    """

    s: float
    p: float
    d: int
    q: float = 1.0

    def __post_init__(self) -> None:
        if not (self.s >= 0 and self.p >= 1 and self.d >= 1 and self.q >= 1):
            raise ValueError(f"{self}: give s >= 0, p >= 1, d >= 1 and q >= 1")
        if self.tail_index >= 1:
            raise ValueError(f"{self}: f^q need not be integrable, as q (1/p - s/d) = {self.tail_index:g} >= 1")

    @property
    def tail_index(self) -> float:
        """k = q (1/p - s/d), the heaviest tail that f^q can have; <= 0 where f is bounded (up to a logarithm at 0)."""
        return self.q * (1 / self.p - self.s / self.d)

    @property
    def regime(self) -> Regime:
        """Regress where s/d > 1/p - 1/(2q), that is k < 1/2; truncate elsewhere."""
        return Regime.REGRESS if self.tail_index < TAIL_INDEX else Regime.TRUNCATE

    @property
    def rate(self) -> float:
        """The power of n with which the error of the best estimator falls in the worst case: max(k - 1, -1/2 - s/d)."""
        return max(self.tail_index - 1, -0.5 - self.s / self.d)

    def level(self, n: int, scale: float = 1.0) -> float:
        """Where to truncate the values of f^q: `scale` n^k. The rate holds for any scale, the constant does not.

        Raises:
            ValueError: the regime is to regress, where truncation only adds bias, or n or the scale is not positive.
        """
        if self.regime is not Regime.TRUNCATE:
            raise ValueError(f"{self}: the variance of f^q is finite (k = {self.tail_index:g} < 1/2), do not truncate")
        if n < 1 or scale <= 0:
            raise ValueError(f"n = {n}, scale = {scale}: both must be positive")
        return scale * n**self.tail_index


def diagnosed(samples: Moments) -> list[Regime]:
    """The regime of each of m outputs by the Pareto shape of its heavier tail: truncate where it is >= 1/2.

    Of the samples of f^q, or of the corrections f - h, which inherit the tail. It judges what was sampled: an event
    that has not occurred has no tail yet, and a rare event of a bounded f looks like a heavy tail, which it has not.
    """
    shape = np.fmax(pareto_k(samples.high, samples.count), pareto_k(-samples.low, samples.count))
    return [_regime(k) for k in shape]


def _regime(shape: float) -> Regime:
    if np.isnan(shape):
        return Regime.UNKNOWN
    return Regime.TRUNCATE if shape >= TAIL_INDEX else Regime.REGRESS


class Truncated(NamedTuple):
    """A mean of clipped values: its standard error leaves out the bias, so it makes no interval.

    `clipped` is how many of the values lay outside.
    """

    value: float
    standard_error: float
    clipped: int


def truncated_mean(y: ArrayLike, level: float) -> Truncated:
    """Mean of min(max(y, -level), level) over values of shape (n,), n >= 2.

    For tails with index k it is off by E(|Y| - level)+, of order level^(1 - 1/k), with a variance of order
    level^(2 - 1/k)/n: both squared are n^(2k - 2) at level ~ n^k.

    Raises:
        ValueError: the level is not positive, or y is not finite or not of that shape.
    """
    values = np.asarray(y, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values have shape {values.shape}: give (n,) with n >= 2")
    if not level > 0:
        raise ValueError(f"level is {level}: values are clipped to [-level, level], so it must be positive")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite: an infinite one says nothing that clipping it would tell")
    kept = np.clip(values, -level, level)
    error = float(kept.std(ddof=1) / np.sqrt(len(kept)))
    return Truncated(float(kept.mean()), error, int((np.abs(values) > level).sum()))
