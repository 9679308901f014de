"""What would more compute buy? Replicates to a target, and the error at a multiple of today's compute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from burnish_workers.core.decisions import MOST
from burnish_workers.core.guard import MAX_TO_SUM
from burnish_workers.core.schedule import Look, Schedule

_Array = NDArray[np.float64]

_NORMAL_95 = 1.959963984540054
_HEAVY_RANGE = (0.5, 3.0)
"""Range to publish where the tail is heavy, in multiples of the forecast."""
_RUNGS = 40
"""Rungs of the ladder that are searched: 4**40 times the first budget is for nobody."""


@dataclass(frozen=True)
class TargetForecast:
    """When every half-width will be at most its tolerance.

    Attributes:
        replicates: N, where the half-width meets the tolerance between looks.
        low, high: N's range of about 95 %, from the error of the standard deviation it rests on.
        units: N in units (replicates times units per replicate), with `units_low` and `units_high`.
        at_look: blocks of the first look that meets the tolerance; None where no look of this job will, N then being
            what a new job planned for this tolerance would need.
    """

    replicates: float
    low: float
    high: float
    units: float
    units_low: float
    units_high: float
    at_look: int | None


@dataclass(frozen=True)
class ErrorForecast:
    """Root mean squared error at a multiple of today's compute.

    Attributes:
        multiple: of today's compute.
        statistical: standard error there, by the rate 1/2.
        floor: what more compute cannot reduce; None where it is not known, never 0 for that.
        total: sqrt(statistical^2 + floor^2); None where the floor is not known.
    """

    multiple: float
    statistical: float
    floor: float | None
    total: float | None


def units_to_target(
    schedule: Schedule,
    *,
    deviation: ArrayLike,
    tolerance: ArrayLike,
    replicates: ArrayLike,
    kurtosis: ArrayLike,
    max_to_sum: ArrayLike,
    blocks: int = 0,
    units_per_replicate: float = 1.0,
) -> TargetForecast:
    """Replicates and units until the half-width of every one of m outputs is at most its tolerance.

    Before n_max the half-width c s/sqrt(n) (n_max/n)^(1/4) falls as n^(-3/4), so N = (c s/tol)^(4/3) n_max^(1/3); where
    no look suffices, N = (c s/tol)^2 for a job with n_max = N. The error of s makes N uncertain by the relative
    (2/3) 1.96 sqrt((kurtosis - 1)/n) (times 3/2 for the square); where the tail is heavy the range is [0.5, 3] N.

    Args:
        schedule: the looks of the job.
        deviation: s = standard error times sqrt(n), shape (m,) or scalar, as all that follow.
        tolerance: largest half-width allowed, max(abs_tol, rel_tol |estimate|), positive.
        replicates: n so far, from which s was estimated.
        kurtosis: n m4/m2^2 of the replicates, not the excess.
        max_to_sum: largest squared deviation over their sum.
        blocks: K so far; earlier looks are gone.
        units_per_replicate: cost of one replicate in units.
    """
    s, tol = np.atleast_1d(np.asarray(deviation, float)), np.asarray(tolerance, float)
    if not bool(np.all(tol > 0)):
        raise ValueError(f"tolerance {tolerance} must be positive: a half-width never reaches 0")
    ratio = shared_need(s / tol) if schedule.adaptive else s / tol
    at = _first_sufficient(schedule, float(ratio.max()), blocks)
    each, power = _between_looks(schedule, at, ratio)
    low, high = _range(each, power, *(np.asarray(a, float) for a in (replicates, kurtosis, max_to_sum)))
    counts = [float(np.max(x)) for x in (each, low, high)]
    return TargetForecast(*counts, *(units_per_replicate * x for x in counts), at_look=at.blocks if at else None)


def shared_need(ratio: _Array) -> _Array:
    """s/tol of m outputs that share their samples by need, n_i ~ ratio_i^2: what each would be if all were alike.

    N = sum_i N_i over m outputs is that of equal ratios sqrt(mean ratio^2); an output has at most MOST times an even
    share, so that none counts for less than ratio_i/sqrt(MOST).
    """
    return np.maximum(np.sqrt(np.mean(ratio**2)), ratio / np.sqrt(MOST))


def error_at(multiple: float, standard_error: float, floor: float | None) -> ErrorForecast:
    """Error at `multiple` times today's compute: err^2 = standard_error^2/multiple + floor^2.

    Args:
        multiple: of today's compute, positive.
        standard_error: today's.
        floor: bias that stays however much is computed, as measured or declared; None where it is not known.
    """
    if multiple <= 0:
        raise ValueError(f"multiple is {multiple}: give a positive multiple of today's compute")
    statistical = standard_error / multiple**0.5
    total = None if floor is None else float(np.hypot(statistical, floor))
    return ErrorForecast(multiple, statistical, floor, total)


def _first_sufficient(schedule: Schedule, ratio: float, blocks: int) -> Look | None:
    """The first look at or after `blocks` with z_j s/sqrt(n_j) <= tol, where ratio is s/tol."""
    place = schedule.next_look(max(blocks, 1) - 1)
    while place is not None and place <= schedule.blocks_max * 4**_RUNGS:
        look = schedule.look(place)
        if look is not None and look.critical * ratio <= np.sqrt(look.replicates):
            return look
        place = schedule.next_look(place)
    return None


def _between_looks(schedule: Schedule, at: Look | None, ratio: _Array) -> tuple[_Array, float]:
    """N for each output, and the power of s with which it grows."""
    top = schedule.look(schedule.blocks_max * 4 ** (at.epoch if at else 0))
    if top is None:
        raise ValueError(f"{schedule} has no look at the end of an epoch")
    if at is None or schedule.kind != "stream":
        return (top.critical * ratio) ** 2, 2.0
    return (top.critical * ratio) ** (4 / 3) * top.replicates ** (1 / 3), 4 / 3


def _range(each: _Array, power: float, n: _Array, kurtosis: _Array, max_to_sum: _Array) -> tuple[_Array, _Array]:
    # N goes as s^power and the relative variance of s^2 is (kurtosis - 1)/n.
    relative = power / 2 * _NORMAL_95 * np.sqrt(np.maximum(kurtosis - 1, 0) / n)
    heavy = ~(max_to_sum <= MAX_TO_SUM) | ~np.isfinite(relative)
    low = np.where(heavy, _HEAVY_RANGE[0], np.maximum(1 - relative, 0)) * each
    return low, np.where(heavy, _HEAVY_RANGE[1], 1 + relative) * each
