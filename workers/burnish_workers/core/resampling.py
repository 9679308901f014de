"""Drawing particles anew in proportion to their weights: ancestors a_1 .. a_N with E #{i: a_i = j} = N W_j.

Systematic resampling by default: one uniform, the least variance of the four in most uses; there is no law of large
numbers for it that holds for every order of the particles (Douc, Cappe, Moulines, ISPA 2005), so multinomial is there
too. Cumulative sums in double precision: in single precision the last of 10^5 particles may never be drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]
_Indices = NDArray[np.int64]


def normalised(log_weight: _Array) -> _Array:
    """W_i = exp(l_i) / sum_j exp(l_j), shape (N,); equal where every log weight is -inf."""
    top = float(np.max(log_weight))
    if not np.isfinite(top):
        return np.full(len(log_weight), 1 / len(log_weight))
    weight = np.exp(log_weight - top)
    return weight / weight.sum()


def log_mean(log_weight: _Array) -> float:
    """log (1/N sum_i exp(l_i)); -inf where every log weight is."""
    top = float(np.max(log_weight))
    if not np.isfinite(top):
        return -np.inf
    return top + float(np.log(np.exp(log_weight - top).mean()))


def effective_size(weight: _Array) -> float:
    """Kish's effective sample size 1 / sum W_i^2 of normalised weights, between 1 and N."""
    return float(1 / np.square(weight).sum())


def systematic(weight: _Array, generator: np.random.Generator) -> _Indices:
    """Ancestors at the points (u + i)/N with one uniform u.

    Without searching: ceil(N C - u) of the points lie below a cumulative weight C.
    """
    size = len(weight)
    total = np.cumsum(weight)
    total *= size / total[-1]
    total -= generator.random()
    below = np.clip(np.ceil(total, out=total), 0, size).astype(np.int64)
    return np.repeat(np.arange(size), np.diff(below, prepend=0))


def stratified(weight: _Array, generator: np.random.Generator) -> _Indices:
    """Ancestors at the points (u_i + i)/N with a uniform for each."""
    return _at(weight, (generator.random(len(weight)) + np.arange(len(weight))) / len(weight))


def multinomial(weight: _Array, generator: np.random.Generator) -> _Indices:
    """Independent ancestors."""
    return _at(weight, generator.random(len(weight)))


def residual(weight: _Array, generator: np.random.Generator) -> _Indices:
    """floor(N W_j) copies of each, and independent draws by what is left of the weights."""
    size = len(weight)
    copies = np.floor(size * weight).astype(np.int64)
    sure = np.repeat(np.arange(size), copies)
    missing = size - len(sure)
    if missing == 0:
        return sure
    rest = size * weight - copies
    return np.concatenate([sure, _at(rest / rest.sum(), generator.random(missing))])


SCHEMES: Mapping[str, Callable[[_Array, np.random.Generator], _Indices]] = {
    "systematic": systematic,
    "stratified": stratified,
    "residual": residual,
    "multinomial": multinomial,
}


def _at(weight: _Array, points: _Array) -> _Indices:
    """The particle under each point of [0, 1), the weights laid end to end."""
    total = np.cumsum(weight)
    scaled: _Array = points * total[-1]
    found = np.searchsorted(total, scaled, side="right")
    last = int(np.flatnonzero(weight)[-1])  # rounding must not draw a particle of no weight
    return np.minimum(found, last).astype(np.int64)
