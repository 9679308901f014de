"""A point estimate where the variance may be infinite: no interval comes with it, and it says how it was made.

Above a threshold u that M of n samples exceed, a tail of shape k < 1 is taken to be generalised Pareto, with mean
excess sigma/(1 - k); the samples above are replaced by what that says (Johansson, Extremes 6, 2003):

    mean = (sum of the samples below u)/n + (M/n) (u + sigma/(1 - k)).

Beside it a mean with the five most extreme samples of each heavy tail pulled in to the sixth: biased, but with little
variance. Where the two disagree by more than the spread between them explains, neither deserves trust.

Neither is given where k comes out at 0.95 or more. Its standard error is 0.1 or so, and 1/(1 - k) blows up: of 4,000
Pareto variables of shape 0.91, the corrected mean was off by up to 0.7 of the truth at k-hat in [0.9, 0.95), by up to
forty times the truth above. And such a k is what a rare event looks like, a bounded quantity that a few samples have
met: pulling in the largest takes away the event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.moments import Moments
from burnish_workers.core.tail_index import Tail, pareto_tail

_Array = NDArray[np.float64]

HEAVY = 0.5
"""Tail shape from which on the mean of the samples is not the best estimate."""
WILD = 0.95
"""Tail shape from which on nothing is known of the mean."""
PULLED = 5
"""Samples that the cross-check pulls in."""


@dataclass(frozen=True, eq=False)
class Robust:
    """`value`: tail-corrected mean, `truncated`: cross-check, both (m,); `shape`: of the heavier tail, (m,).

    nan in both where a tail has shape >= 0.95, where the mean cannot be told and may not exist, and where no tail is
    heavy.
    """

    value: _Array
    truncated: _Array
    shape: _Array


def robust_mean(moments: Moments) -> Robust:
    """Robust means of those of m outputs whose heavier tail has a shape in [1/2, 0.95); nan for the others."""
    upper = pareto_tail(moments.high, moments.count)
    lower = pareto_tail(-moments.low, moments.count)
    shape = np.fmax(upper.shape, lower.shape)
    heavy = (shape >= HEAVY) & (shape < WILD)
    n = np.maximum(moments.count, 1)
    value = moments.mean + (_correction(moments.high, upper) - _correction(-moments.low, lower)) / n
    truncated = moments.mean + (_pulled(moments.high, upper) - _pulled(-moments.low, lower)) / n
    return Robust(np.where(heavy, value, np.nan), np.where(heavy, truncated, np.nan), shape)


def _correction(top: _Array, tail: Tail) -> _Array:
    """What the model of a heavy upper tail adds to the sum of the samples; 0 where it is not, nan for k >= 0.95."""
    columns = np.arange(top.shape[1], dtype=np.int64)
    among = columns[None, :] < tail.size[:, None]
    above = np.where(among, np.nan_to_num(top), 0.0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        modelled = tail.size * (tail.threshold + tail.scale / (1 - tail.shape))
    added = np.where(tail.shape < WILD, modelled - above, np.nan)
    return np.where(tail.shape >= HEAVY, added, 0.0)


def _pulled(top: _Array, tail: Tail) -> _Array:
    """What pulling the largest samples in to the next one adds to their sum; 0 where the tail is not heavy."""
    if top.shape[1] <= PULLED:
        return np.zeros(len(top))
    moved = (top[:, PULLED, None] - top[:, :PULLED]).sum(axis=1)
    return np.where(tail.shape >= HEAVY, np.nan_to_num(moved), 0.0)
