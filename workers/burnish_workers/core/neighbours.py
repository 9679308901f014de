"""Regression by the k nearest neighbours: no smoothness is assumed and none beyond the first derivative is used."""

# scipy comes without type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportAttributeAccessIssue=false
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NearestNeighbours:
    """h(x) = mean of the values at the k points nearest to x in Euclidean distance.

    For Lipschitz f on a bounded domain in R^d, f - h is of order n^(-1/d) in every L^r; a smoother f gains nothing.

    Attributes:
        points: shape (n, d).
        values: f at the points, shape (n,).
        k: neighbours that are averaged, 1 <= k <= n.
        tree: scipy's cKDTree of the points.
    """

    points: _Array
    values: _Array
    k: int
    tree: Any

    def __call__(self, x: _Array) -> _Array:
        """h at places of shape (m, d): shape (m,)."""
        _, found = cast("tuple[_Array, NDArray[np.int64]]", self.tree.query(x, k=[*range(1, self.k + 1)]))
        return self.values[found].mean(axis=1)

    def unit_interval_mean(self) -> float:
        """The integral of h over [0, 1], exact up to rounding, for d = 1 and points in [0, 1].

        In order, the neighbours of a place are k points in a row, and the run that begins with the i-th gives way to
        the next at the middle between points i and i + k.

        Raises:
            ValueError: d is not 1 or a point lies outside [0, 1].
        """
        if self.points.shape[1] != 1:
            raise ValueError(f"the points have d = {self.points.shape[1]}: only d = 1 is exact, elsewhere sample h")
        order = np.argsort(self.points[:, 0], kind="stable")
        x, y = self.points[order, 0], self.values[order]
        if x[0] < 0 or x[-1] > 1:
            raise ValueError(f"points range over [{x[0]:g}, {x[-1]:g}]: the mean is over the unit interval")
        edges = np.concatenate([[0.0], (x[: -self.k] + x[self.k :]) / 2, [1.0]])
        runs = np.lib.stride_tricks.sliding_window_view(y, self.k).mean(axis=1)
        return float(np.diff(edges) @ runs)


def nearest_neighbours(k: int = 1) -> Callable[[_Array, _Array], NearestNeighbours]:
    """How to fit: a function of points (n, d) and values (n,). Raises ValueError where k is not in 1 ... n."""

    def fit(points: _Array, values: _Array) -> NearestNeighbours:
        if not 1 <= k <= len(points):
            raise ValueError(f"{k} neighbours of {len(points)} points: give 1 <= k <= {len(points)}")
        return NearestNeighbours(points, values, k, cKDTree(points))

    return fit
