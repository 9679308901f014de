"""Weighted samples: particles of all islands with their weights, as they go into an artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.resampling import effective_size, normalised

MOST = 2**22
"""Numbers that a job keeps of its samples, 16 MB in single precision."""

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Samples:
    """Particles x (n, d) in single precision, log weights (n,), and the island that each belongs to (n,).

    Of the weights of all islands together: exp(log_weight) is in proportion to Z_b W_i.
    """

    x: NDArray[np.float32]
    log_weight: _Array
    island: NDArray[np.int64]

    @staticmethod
    def empty(dim: int) -> Samples:
        """None yet."""
        return Samples(np.zeros((0, dim), np.float32), np.zeros(0), np.zeros(0, np.int64))

    @staticmethod
    def of(x: _Array, log_weight: _Array, log_evidence: _Array, kept: int, first: int) -> Samples:
        """`kept` particles of each island: x (b, n, d), log weights (b, n), log Z_b (b,); `first`: number of the first.

        All n where kept is n; else those that lie evenly in the cumulative weights, each with weight Z_b/kept.
        """
        rows, weights, owners = list[Any](), list[Any](), list[Any]()
        for i, (points, log_w, log_z) in enumerate(zip(x, log_weight, log_evidence, strict=True)):
            chosen, log_share = _chosen(log_w, kept)
            rows.append(points[chosen].astype(np.float32))
            weights.append(log_share + log_z)
            owners.append(np.full(len(chosen), first + i))
        return Samples(np.concatenate(rows), np.concatenate(weights), np.concatenate(owners))

    def __len__(self) -> int:
        return len(self.log_weight)

    def append(self, other: Samples) -> Samples:
        """These and those after them, as many as MOST allows: the first ones are as good as any."""
        room = max(0, MOST // max(self.x.shape[1], 1) - len(self))
        parts = (np.concatenate([getattr(self, f.name), getattr(other, f.name)[:room]]) for f in fields(Samples))
        return Samples(*parts)

    @property
    def weights(self) -> _Array:
        """Normalised, (n,)."""
        return normalised(self.log_weight)

    @property
    def effective(self) -> float:
        """Effective sample size; 0 where nothing is alive."""
        return effective_size(self.weights) if np.isfinite(self.log_weight).any() else 0.0

    def summary(self) -> tuple[float, float]:
        """Mean and root mean square of all numbers."""
        return (float(self.x.mean()), float(np.sqrt(np.square(self.x).mean()))) if self.x.size else (0.0, 0.0)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, to store or to send."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Samples:
        """Inverse of `to_arrays`."""
        return Samples(arrays["x"].astype(np.float32), arrays["log_weight"], arrays["island"])


def _chosen(log_weight: _Array, kept: int) -> tuple[NDArray[np.int64], _Array]:
    size = len(log_weight)
    if kept >= size:
        return np.arange(size), np.log(np.maximum(normalised(log_weight), 1e-300))
    total = np.cumsum(normalised(log_weight))
    points: _Array = (np.arange(kept) + 0.5) / kept * total[-1]
    index = np.searchsorted(total, points)
    return np.minimum(index, size - 1).astype(np.int64), np.full(kept, -np.log(kept))
