"""Tapers that cut off sample covariances between distant coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


def distances(a: NDArray[np.intp], b: NDArray[np.intp], dim: int, ring: bool) -> _Array:
    """|a_i - b_j| between coordinates counted in a row, or around a ring of `dim`."""
    apart = np.abs(a[:, None] - b[None, :])
    return np.minimum(apart, dim - apart).astype(np.float64) if ring else apart.astype(np.float64)


def between(distance: _Array, half_width: float) -> _Array:
    """The compactly supported correlation of G. Gaspari and S. E. Cohn (1999), equation 4.10: 0 from 2 c on."""
    r = distance / half_width
    inner = 1 - 5 / 3 * r**2 + 5 / 8 * r**3 + r**4 / 2 - r**5 / 4
    away = np.maximum(r, 1.0)
    outer = 4 - 5 * away + 5 / 3 * away**2 + 5 / 8 * away**3 - away**4 / 2 + away**5 / 12 - 2 / (3 * away)
    return np.where(r <= 1, inner, np.where(r < 2, np.maximum(outer, 0.0), 0.0))
