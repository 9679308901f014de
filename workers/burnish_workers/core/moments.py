"""Foldable statistics of m outputs: moments to fourth order and the most extreme values of each side.

Central sums are merged by the formulas of Chan, Golub and LeVeque (1983), to fourth order as in Pebay (2008). Every
output counts for itself, since a sample may be non-finite in one output and finite in the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Array = NDArray[np.float64]
_Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Statistics of the finite samples of each of m outputs.

    Attributes:
        count: n, number of finite samples, shape (m,).
        mean: mean of the samples, shape (m,); 0 where count is 0.
        m2, m3, m4: central sums, sum (x - mean)^p for p = 2, 3, 4, shape (m,); not divided by n.
        low: the smallest values, ascending, shape (m, tail), padded with nan at the end.
        high: the largest values, descending, shape (m, tail), padded with nan at the end.
        nonfinite: number of samples that were nan or infinite and are in none of the above, shape (m,).
    """

    count: _Counts
    mean: _Array
    m2: _Array
    m3: _Array
    m4: _Array
    low: _Array
    high: _Array
    nonfinite: _Counts

    @staticmethod
    def empty(outputs: int, tail: int) -> Moments:
        """No samples of `outputs` outputs; `tail` >= 1 extremes of each side will be kept."""
        if tail < 1:
            raise ValueError(f"tail is {tail}: keep at least one value of each side, the guard needs the extremes")
        none, zero = np.full((outputs, tail), np.nan), np.zeros(outputs)
        counts = np.zeros(outputs, dtype=np.int64)
        return Moments(counts, zero, zero, zero, zero, none, none, counts)

    @staticmethod
    def of(samples: ArrayLike, tail: int, present: NDArray[np.bool_] | None = None) -> Moments:
        """Statistics of samples of shape (n, m); mean and central sums in two passes, in float64.

        `present` (n, m): which of the places hold a sample, all where None: outputs may have different numbers.
        """
        x = np.asarray(samples, dtype=np.float64)
        if x.ndim != 2:
            raise ValueError(f"samples have shape {x.shape}: give (replicates, outputs)")
        if len(x) == 0:
            return Moments.empty(x.shape[1], tail)
        finite = np.isfinite(x) if present is None else np.isfinite(x) & present
        given = len(x) if present is None else present.sum(axis=0, dtype=np.int64)
        count = finite.sum(axis=0, dtype=np.int64)
        n = np.maximum(count, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.where(finite, x, 0.0).sum(axis=0) / n
            mean = mean + np.where(finite, x - mean, 0.0).sum(axis=0) / n
            d = np.where(finite, x - mean, 0.0)
            square = d * d
            m2, m3, m4 = square.sum(axis=0), (square * d).sum(axis=0), (square * square).sum(axis=0)
        kept = np.where(finite, x, np.nan).T
        low, high = _smallest(kept, tail), -_smallest(-kept, tail)
        return Moments(count, mean, m2, m3, m4, low, high, given - count)

    def with_tail(self, tail: int) -> Moments:
        """The same with room for more extremes: a block need not carry padding to be merged into a job."""
        missing = tail - self.tail
        if missing < 0:
            raise ValueError(f"{self.tail} extremes are kept, {tail} would drop some of them")
        low, high = (np.pad(a, ((0, 0), (0, missing)), constant_values=np.nan) for a in (self.low, self.high))
        return replace(self, low=low, high=high)

    @property
    def outputs(self) -> int:
        """m."""
        return len(self.count)

    @property
    def tail(self) -> int:
        """How many values of each side are kept."""
        return self.low.shape[1]

    @property
    def variance(self) -> _Array:
        """Unbiased variance m2/(n - 1), shape (m,); nan where n < 2."""
        return _ratio(self.m2, np.where(self.count > 1, self.count - 1, 0))

    @property
    def standard_error(self) -> _Array:
        """sqrt(variance/n), shape (m,); nan where n < 2."""
        return np.sqrt(_ratio(self.variance, self.count))

    @property
    def skewness(self) -> _Array:
        """sqrt(n) m3/m2^1.5, shape (m,); nan where all values are equal."""
        return _ratio(np.sqrt(self.count) * self.m3, self.m2**1.5)

    @property
    def kurtosis(self) -> _Array:
        """n m4/m2^2, not the excess over 3, shape (m,); nan where all values are equal."""
        return _ratio(self.count * self.m4, self.m2**2)

    @property
    def max_squared_deviation(self) -> _Array:
        """max (x - mean)^2, exact from the two extremes, shape (m,); nan where n is 0."""
        with np.errstate(over="ignore"):
            return np.maximum((self.low[:, 0] - self.mean) ** 2, (self.high[:, 0] - self.mean) ** 2)

    def summary(self) -> tuple[float, float]:
        """Mean and standard deviation of the samples (with n in the denominator), averaged over the outputs."""
        deviation = np.sqrt(self.m2 / np.maximum(self.count, 1))
        return float(np.nan_to_num(self.mean).mean()), float(np.nan_to_num(deviation).mean())

    def to_arrays(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """The arrays by name, to store or to hash."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[np.float64] | NDArray[np.int64]]) -> Moments:
        """Inverse of `to_arrays`."""
        integers = ("count", "nonfinite")
        return Moments(
            **{f.name: np.asarray(arrays[f.name], np.int64 if f.name in integers else None) for f in fields(Moments)}
        )


def merge(a: Moments, b: Moments) -> Moments:
    """Statistics of the samples of `a` and `b` together; the bits depend on the order, so fold in index order.

    Raises:
        ValueError: the two differ in the number of outputs or of kept extremes.
    """
    if a.low.shape != b.low.shape:
        raise ValueError(f"(outputs, tail) are {a.low.shape} and {b.low.shape}: only equal ones can be merged")
    count = a.count + b.count
    n = np.maximum(count, 1)
    wa, wb = a.count / n, b.count / n
    with np.errstate(over="ignore", invalid="ignore"):
        d = b.mean - a.mean
        nd = n * wa * wb * d
        mean = a.mean + d * wb
        m2 = a.m2 + b.m2 + nd * d
        m3 = a.m3 + b.m3 + nd * d**2 * (wa - wb) + 3 * d * (wa * b.m2 - wb * a.m2)
        m4 = a.m4 + b.m4 + nd * d**3 * (wa**2 - wa * wb + wb**2)
        m4 += 6 * d**2 * (wa**2 * b.m2 + wb**2 * a.m2) + 4 * d * (wa * b.m3 - wb * a.m3)
    width = min(int(b.count.max(initial=0)), b.tail)
    low = _smallest(np.concatenate([a.low, b.low[:, :width]], axis=1), a.tail)
    high = -_smallest(-np.concatenate([a.high, b.high[:, :width]], axis=1), a.tail)
    return Moments(count, mean, m2, m3, m4, low, high, a.nonfinite + b.nonfinite)


def _smallest(values: _Array, keep: int) -> _Array:
    """The `keep` smallest of each row in ascending order, nan last, as padding too: (m, k) -> (m, keep)."""
    if values.shape[1] > keep:
        values = np.partition(values, keep - 1, axis=1)[:, :keep]
    values = np.sort(values, axis=1)
    missing = keep - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan) if missing else values


def _ratio(numerator: _Array, denominator: _Array | _Counts) -> _Array:
    """numerator/denominator, nan where the denominator is 0 or either is not finite."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        quotient = numerator / denominator
    return np.where((denominator == 0) | ~np.isfinite(quotient), np.nan, quotient)
