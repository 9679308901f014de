"""Foldable statistics of islands: replicates with weights, each an unbiased estimate of a normalising constant.

An island b of N particles returns log Z_b, with E Z_b = Z, and its own weighted means f_b, with E Z_b f_b = Z pi(f).
So the answer is the ratio f = sum_b Z_b f_b / sum_b Z_b (Whiteley, Lee and Heine, Bernoulli 22, 2016); the plain mean
of the f_b stays biased however many islands there are. An island all of whose particles died has Z_b = 0: it is kept,
because leaving it out would select on value and make the mean of Z_b too large.

Rows are kept one by one, since no fixed number of sums allows to leave each island out in turn. Beyond `most_rows`
neighbours are merged in pairs: aligned ones, so that the result is a pure function of the sequence of islands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from burnish_workers.core.sketches import LEVELS, Mixture, mid_levels

_Array = NDArray[np.float64]

MOST, FEWEST, LARGEST = 4096, 512, 2**22
"""Rows that are kept: at most 4,096, fewer where they would be more than 2^22 numbers (32 MB), but never under 512."""


@dataclass(frozen=True, eq=False)
class Islands:
    """R rows, in the order of the islands; a row stands for one island, or for 2, 4, 8, ... neighbours together.

    Attributes:
        log_weight: log Z_b, of several islands the log of their mean Z, shape (R,); -inf where all particles died.
        values: weighted means f_b, shape (R, m); 0 where the weight is 0.
        sketch: mid-quantiles of q coordinates of the weighted particles, see `core.sketches`, shape (R, q, L).
        notes: numbers that an island tells of itself, of several islands their mean; nan where there is none, (R, c).
        size: islands in each row, shape (R,).
    """

    log_weight: _Array
    values: _Array
    sketch: _Array
    notes: _Array
    size: _Array

    @staticmethod
    def empty(values: int, sketched: int = 0, notes: int = 0, levels: int = LEVELS) -> Islands:
        """No island yet, of so many values, sketched coordinates and notes."""
        shapes = (0,), (0, values), (0, sketched, levels), (0, notes), (0,)
        return Islands(*(np.zeros(shape) for shape in shapes))

    @staticmethod
    def of(
        log_weight: ArrayLike, values: ArrayLike, sketch: ArrayLike | None = None, notes: ArrayLike | None = None
    ) -> Islands:
        """R islands: log Z_b (R,), means (R, m), sketches (R, q, L) and notes (R, c), none where they are not given.

        Raises:
            ValueError: shapes that do not fit, or a weight that is nan or infinite.
        """
        lw, v = np.asarray(log_weight, np.float64), np.asarray(values, np.float64)
        r = len(lw) if lw.ndim == 1 else -1
        s = np.zeros((max(r, 0), 0, LEVELS)) if sketch is None else np.asarray(sketch, np.float64)
        n = np.zeros((max(r, 0), 0)) if notes is None else np.asarray(notes, np.float64)
        if r < 0 or (v.ndim, s.ndim, n.ndim) != (2, 3, 2) or {len(v), len(s), len(n)} != {r}:
            found = f"log_weight {lw.shape}, values {v.shape}, sketch {s.shape}, notes {n.shape}"
            raise ValueError(f"{found}: give (R,), (R, m), (R, q, L) and (R, c)")
        if np.isnan(lw).any() or (lw == np.inf).any():
            raise ValueError("a log weight is nan or +inf: an island without a usable particle has weight -inf")
        dead = np.isneginf(lw)
        v, s = np.where(dead[:, None], 0.0, v), np.where(dead[:, None, None], 0.0, s)
        return Islands(lw, v, s, n, np.ones(r))

    def __len__(self) -> int:
        """R."""
        return len(self.log_weight)

    @property
    def count(self) -> int:
        """Number of islands, dead ones included."""
        return int(self.size.sum())

    @property
    def live(self) -> NDArray[np.bool_]:
        """Rows with a weight, shape (R,)."""
        return ~np.isneginf(self.log_weight)

    def rows(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Islands:
        """These rows alone."""
        return Islands(*(array[index] for array in self.to_arrays().values()))

    def to_arrays(self) -> dict[str, _Array]:
        """The arrays by name, to store or to hash."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Islands:
        """Inverse of `to_arrays`."""
        return Islands(**{field.name: np.asarray(arrays[field.name], np.float64) for field in fields(Islands)})

    def summary(self) -> tuple[float, float]:
        """Mean over islands of what they found (log Z_b and f_b, averaged), and its root mean square as a scale."""
        found = np.column_stack([self.log_weight, self.values])[self.live]
        return (float(found.mean()), float(np.sqrt((found**2).mean()))) if found.size else (0.0, 0.0)


def most_rows(width: int) -> int:
    """Rows of so many numbers that are kept before neighbours are merged: a power of two."""
    fitting = 2 ** int(np.log2(max(LARGEST // max(width, 1), 1)))
    return min(MOST, max(FEWEST, fitting))


def append(a: Islands, b: Islands) -> Islands:
    """The islands of `a` and then those of `b`; associative, to the bit, where `b` is made of single islands.

    Raises:
        ValueError: the two differ in the number of values, sketched coordinates, levels or notes.
    """
    shapes = [(part.values.shape[1:], part.sketch.shape[1:], part.notes.shape[1:]) for part in (a, b)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"(values, sketch, notes) are {shapes[0]} and {shapes[1]}: only equal ones can be appended")
    joined, span = _joined(a, b), 1
    most = most_rows(sum(int(np.prod(shape)) for shape in shapes[0]))
    while span * most < joined.count:
        joined, span = _halved(joined, span), 2 * span
    return joined


def _joined(a: Islands, b: Islands) -> Islands:
    return Islands(*map(np.concatenate, zip(a.to_arrays().values(), b.to_arrays().values(), strict=True)))


def _halved(rows: Islands, size: int) -> Islands:
    """Neighbours of `size` islands each merged, those that begin at a multiple of 2 size."""
    begin = np.cumsum(rows.size) - rows.size
    alike = (rows.size[:-1] == size) & (rows.size[1:] == size) & (begin[:-1] % (2 * size) == 0)
    first = np.flatnonzero(alike)
    if not len(first):
        return rows
    merged, rest = _pairs(rows, first), np.delete(np.arange(len(rows)), np.concatenate([first, first + 1]))
    order = np.argsort(np.concatenate([first, rest]), kind="stable")
    return _joined(merged, rows.rows(rest)).rows(order)


def _pairs(rows: Islands, first: NDArray[np.intp]) -> Islands:
    """Rows `first` and the ones after them, together: both stand for equally many islands."""
    second = first + 1
    one, two = rows.log_weight[first], rows.log_weight[second]
    total = np.logaddexp(one, two)
    with np.errstate(invalid="ignore"):
        share = np.where(np.isneginf(total), 0.5, np.exp(one - total))[:, None]
    values = share * rows.values[first] + (1 - share) * rows.values[second]
    left, right = rows.notes[first], rows.notes[second]
    notes = np.where(np.isnan(left), right, np.where(np.isnan(right), left, (left + right) / 2))
    sketch = _mixture(rows.sketch[first], rows.sketch[second], share[:, 0])
    return Islands(total - np.log(2), values, sketch, notes, rows.size[first] + rows.size[second])


def _mixture(one: _Array, two: _Array, share: _Array) -> _Array:
    """Sketches of mixtures, `share` of the first: (n, q, L) and (n, q, L), (n,) -> (n, q, L)."""
    count = one.shape[2]
    atoms, weight = np.concatenate([one, two], axis=2), np.repeat(np.stack([share, 1 - share], axis=1), count, axis=1)
    mixed = [Mixture.of(*pair).quantiles(mid_levels(count)).T for pair in zip(atoms, weight, strict=True)]
    return np.array(mixed).reshape(one.shape)
