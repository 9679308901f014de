"""How heavy is a tail? The shape of a generalised Pareto distribution fitted to the largest values of a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]

LEAST = 8
"""Fewer exceedances than this say nothing about a shape."""
_PRIOR = 10
"""Weight of the prior at 1/2, in exceedances, as in PSIS: it never moves an estimate across 1/2."""
_CHUNK = 8
"""Outputs treated at a time, so that the working set of a chunk stays in the cache."""


@dataclass(frozen=True, eq=False)
class Tail:
    """A generalised Pareto tail above a threshold u for each of m outputs, all of shape (m,): `size` samples exceed u,
    P(X > u + y | X > u) = (1 + k y/sigma)^(-1/k) with `shape` k and `scale` sigma; nan where it cannot be told."""

    shape: _Array
    scale: _Array
    threshold: _Array
    size: NDArray[np.int64]


def pareto_k(upper: _Array, count: NDArray[np.int64]) -> _Array:
    """Posterior mean of the tail shape k for each of m outputs: moments of order 1/k and above are infinite.

    See `pareto_tail`. Returns k, shape (m,); nan where fewer than 8 of the top values exceed their threshold, as for
    few distinct values.
    """
    return pareto_tail(upper, count).shape


def pareto_tail(upper: _Array, count: NDArray[np.int64]) -> Tail:
    """Fit the upper tail of each of m outputs.

    Zhang and Stephens, "A new and efficient estimation method for the generalized Pareto distribution", Technometrics
    51 (2009), with the weak prior of Vehtari et al., "Pareto smoothed importance sampling" (JMLR 25, 2024), on the
    top M = ceil(min(n/5, 3 sqrt n)) values, fewer where fewer are kept.

    Args:
        upper: the largest values, descending, shape (m, tail), padded with nan; for a lower tail pass minus `low`.
        count: n, size of the samples they come from, shape (m,).
    """
    n = count.astype(np.float64)
    top = np.minimum(np.ceil(np.minimum(n / 5, 3 * np.sqrt(n))), upper.shape[1] - 1).astype(np.int64)
    threshold = upper[np.arange(len(upper)), top]
    excess = upper - threshold[:, None]
    size = (excess > 0).sum(axis=1)
    shape, scale = np.full(len(upper), np.nan), np.full(len(upper), np.nan)
    for q in np.unique(size[size >= LEAST]):
        rows = np.flatnonzero(size == q)
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            shape[chunk], scale[chunk] = _fit(excess[chunk, :q])
    return Tail(shape, scale, threshold, size)


def _fit(x: _Array) -> tuple[_Array, _Array]:
    """Shape and scale for each row of positive exceedances, descending, all of the same number q: (r, q) -> (r,)."""
    q = x.shape[1]
    points = 30 + int(np.sqrt(q))
    largest, quartile = x[:, :1], x[:, q - int(q / 4 + 0.5), None]
    with np.errstate(all="ignore"):
        b = 1 / largest + (1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))) / (3 * quartile)
        k = np.log1p(-b[:, :, None] * x[:, None, :]).mean(axis=2)
        likelihood = q * (np.log(-b / k) - k - 1)  # nan where b is exactly 0: that grid point is left out
        weight = np.exp(likelihood - np.nanmax(likelihood, axis=1, keepdims=True))
        best = np.nansum(weight * b, axis=1) / np.nansum(weight, axis=1)
        shape = np.log1p(-best[:, None] * x).mean(axis=1)
        scale = -shape / best
    return (q * shape + _PRIOR / 2) / (q + _PRIOR), scale


def weight_index(log_weight: _Array) -> float:
    """k-hat of importance weights exp(l_i), shape (n,): above 0.7 their mean is not to be trusted (PSIS).

    nan where fewer than 8 exceed the threshold, as for weights that are all equal.
    """
    finite = log_weight[np.isfinite(log_weight)]
    if len(finite) <= LEAST:
        return float("nan")
    weight = np.sort(np.exp(finite - finite.max()))[::-1]
    return float(pareto_k(weight[None], np.array([len(log_weight)]))[0])
