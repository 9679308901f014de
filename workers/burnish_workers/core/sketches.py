"""Sketches of weighted samples: L mid-quantiles stand for a distribution, and mixtures of sketches are sketched again.

The sketch of a distribution function F is (F^-1((j + 1/2)/L)), j = 0 .. L - 1: L atoms of weight 1/L. Between its atoms
F is linear, and half a step beyond the outermost ones: so no quantile below 1/(2L) or above 1 - 1/(2L) can be told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Array = NDArray[np.float64]

LEVELS = 64
"""L of a sketch that is asked for: quantiles from 1 to 99 per cent."""


def mid_levels(count: int) -> _Array:
    """(j + 1/2)/L for j = 0 .. L - 1, shape (L,)."""
    return (np.arange(count) + 0.5) / count


@dataclass(frozen=True, eq=False)
class Mixture:
    """Distributions of q coordinates, given by weighted atoms.

    With atoms in ascending order and weights that add up to 1, the distribution function at atom i is
    sum_{j <= i} w_j - w_i/2; it is linear in between and constant beyond. Atoms of weight 0 have no part in it.

    Attributes:
        curves: for each coordinate the values of the function and the atoms; both nan where nothing has a weight.
    """

    curves: tuple[tuple[_Array, _Array], ...]

    @staticmethod
    def of(atoms: _Array, weight: _Array) -> Mixture:
        """Atoms (q, A) with weights >= 0, shape (A,)."""
        kept = weight > 0
        if not kept.any():
            return Mixture((_UNKNOWN,) * len(atoms))
        return Mixture(tuple(_curve(row[kept], weight[kept]) for row in atoms))

    @staticmethod
    def pooled(sketch: _Array, weight: _Array) -> Mixture:
        """The mixtures of R sketches with weights (R,), for each of q coordinates: (R, q, L)."""
        r, q, count = sketch.shape
        return Mixture.of(np.moveaxis(sketch, 1, 0).reshape(q, r * count), np.repeat(weight, count))

    def quantiles(self, levels: ArrayLike) -> _Array:
        """At levels (p,), alike for all coordinates, or (p, q): shape (p, q)."""
        given = np.asarray(levels, np.float64)
        at = np.broadcast_to(given.reshape(len(given), -1), (len(given), len(self.curves)))
        found = [np.interp(at[:, i], *curve) for i, curve in enumerate(self.curves)]
        return np.stack(found, axis=1) if found else np.zeros(at.shape)


_UNKNOWN = (np.array([np.nan]), np.array([np.nan]))


def _curve(atoms: _Array, weight: _Array) -> tuple[_Array, _Array]:
    if np.isnan(atoms).any():
        return _UNKNOWN
    order = np.argsort(atoms, kind="stable")
    total = np.cumsum(weight[order])
    return (total - weight[order] / 2) / total[-1], atoms[order]


def distribution(sketch: _Array, x: ArrayLike) -> _Array:
    """F_b(x) of each of R sketches, coordinate by coordinate: (R, q, L), x (q,) -> (R, q).

    Linear between atoms, and on along the outermost gaps to 0 and to 1; where F jumps at x, the middle of the jump.
    """
    at, count = np.asarray(x, np.float64)[:, None], sketch.shape[2]
    below: _Array = (sketch < at).sum(axis=2, dtype=np.float64)
    through: _Array = (sketch <= at).sum(axis=2, dtype=np.float64)
    gap = np.clip(below.astype(np.int64) - 1, 0, count - 2)
    left, right = (np.take_along_axis(sketch, (gap + i)[:, :, None], axis=2)[:, :, 0] for i in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where(right > left, gap + 0.5 + (at[:, 0] - left) / (right - left), below)
    level = np.where(through > below, (below + through) / 2, between)
    return np.where(np.isnan(sketch).any(axis=2), np.nan, np.clip(level / count, 0.0, 1.0))
