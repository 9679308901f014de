"""What sampling does not remove: what the corrections for time step, linearisation or Picard iteration still miss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.estimator import State
from burnish_workers.core.moments import Moments
from burnish_workers.kinds.surrogate.plan import NOISE, PATH, REMAINDER, SECOND_ORDER, STEP, Composition

_Array = NDArray[np.float64]
_Chosen = NDArray[np.intp]

ORDERS = 5.0
"""Over q: how fast successive orders of the remainder are taken to shrink, see `of_remainder`."""

TAIL = 2.0
"""Over the geometric tail of Picard levels: their measured ratio is taken to be off by no more than this makes up."""

LEAST_CONTRACTION = 0.95
"""Ratios of successive levels above this are taken as this: the tail is then 38 times the last level."""

NOISE_LEFT = 1.5
"""What halving leaves of the bias by noise, over what it removes: sqrt(1/2)/(1 - sqrt(1/2)) - 1 = 1.41 at a kink of F,
less where F is smooth, nothing where it is quadratic."""


@dataclass(frozen=True, eq=False)
class Bias:
    """Per output, in the units of the answer. `error`: the standard error of the sum, to first order."""

    by_step: _Array
    by_order: _Array
    error: _Array


def measure(state: State, defect: _Array, composition: Composition, quadratic: bool, kinds: list[_Chosen]) -> Bias:
    """What the answer may still miss. `kinds`: indices of the outputs that are alike (values, gradients), over which
    ratios are taken; `quadratic`: F is a polynomial of degree 2 at most in (u, z)."""
    by_step, by_order = of_step(state, composition.steps, len(defect)), np.zeros(len(defect))
    for alike in kinds:
        parts = {name: Columns.of(part, alike) for name, part in state.items()}
        by_order[alike] = (
            of_levels(parts, defect[alike], composition, quadratic)
            if composition.levels
            else of_remainder(parts, defect[alike], composition)
        )
    return Bias(by_step, by_order, _error(state, composition, len(defect)))


@dataclass(frozen=True, eq=False)
class Columns:
    """Means, their standard errors, and standard deviations of samples, of some outputs of a component."""

    mean: _Array
    error: _Array
    deviation: _Array
    begun: bool

    @staticmethod
    def of(part: Moments, chosen: _Chosen) -> Columns:
        spread = np.sqrt(part.variance[chosen])
        return Columns(part.mean[chosen], part.standard_error[chosen], spread, bool(part.count.max(initial=0)))


def of_step(state: State, steps: int, outputs: int) -> _Array:
    """Time step C: what a third level shows, net of its noise, and |C|/2S, because a bias need not arise evenly over
    the path."""
    step = state.get(STEP)
    return np.zeros(outputs) if step is None else net(state[SECOND_ORDER]) + net(step) / (2 * steps)


def of_remainder(parts: Mapping[str, Columns], defect: _Array, composition: Composition) -> _Array:
    """Remainder C: |C| (5 q + q'), where q = rms C / rms v measures the factor by which successive orders in the defect
    v shrink (up to 4.8 q on Burgers' equation), and q' the relative Euler bias of the short paths on which the
    remainder is computed, by the first-order law from that of the long ones. At kinks of F, what halving leaves of the
    bias by noise."""
    remainder = parts.get(REMAINDER)
    if remainder is None:
        return np.zeros_like(defect)
    ratio = min(1.0, ORDERS * relative(remainder, defect) + _coarse(parts, defect, composition))
    noise = NOISE_LEFT * _net(parts[NOISE]) if composition.bent else 0.0
    return np.abs(remainder.mean) * ratio + noise


def of_levels(parts: Mapping[str, Columns], defect: _Array, composition: Composition, quadratic: bool) -> _Array:
    """Picard iteration: a geometric tail C 2 q/(1 - q) for the last level C; what halving leaves of the bias by noise;
    and the Euler bias of the short paths, as for the remainder.

    C is the root mean square of a point's own level and of all points' together: a level may pass through 0 where the
    next does not. q is the largest ratio of successive levels in root mean square. A single level has none
    above it to compare with, and its mean hides what cancels in it: there q is that of its samples, not their mean.
    """
    last = parts[composition.levels[-1]]
    below = [parts[PATH], *(parts[name] for name in composition.levels[:-1])]
    # Net above and raw below: noise that looks like a level must not make the next one look larger than it.
    pairs = zip(below, (parts[name] for name in composition.levels), strict=True)
    ratios = [_size(b) / _rms(a.mean) if _rms(a.mean) > 0 else 1.0 for a, b in pairs]
    if len(composition.levels) == 1 and _rms(parts[PATH].mean) > 0:
        ratios.append(_rms(np.hypot(last.mean, np.nan_to_num(last.deviation))) / _rms(parts[PATH].mean))
    q = min(max(ratios), LEAST_CONTRACTION)
    tail = np.sqrt((last.mean**2 + np.mean(last.mean**2)) / 2) * TAIL * q / (1 - q)
    noise = 0.0 if quadratic else NOISE_LEFT * _net(parts[NOISE])
    coarse = min(1.0, _coarse(parts, defect, composition))
    shortened = np.sum([np.abs(parts[name].mean) for name in composition.levels], axis=0)
    return tail + noise + coarse * shortened


def _coarse(parts: Mapping[str, Columns], defect: _Array, composition: Composition) -> float:
    return composition.steps / composition.inner_steps * relative(parts.get(STEP), defect)


def _error(state: State, composition: Composition, outputs: int) -> _Array:
    """Standard error of what `measure` adds up, to first order: its ratios are averages over all points."""
    total = np.zeros(outputs)
    if STEP in state:
        scaled = state[STEP].standard_error / (2 * composition.steps)
        total = total + np.nan_to_num(state[SECOND_ORDER].standard_error) ** 2 + np.nan_to_num(scaled) ** 2
    for name in (REMAINDER, *composition.levels[-1:]):
        if name in state:
            total = total + np.nan_to_num(state[name].standard_error) ** 2
    return np.sqrt(total)


def relative(correction: Columns | None, defect: _Array) -> float:
    """rms C / rms v over all points, net of Monte Carlo noise, at most 1; 0 where there is no correction."""
    scale = _rms(defect)
    if correction is None or not correction.begun:
        return 0.0
    return min(1.0, _size(correction) / scale) if scale > 0 and np.isfinite(scale) else 1.0


def net(part: Moments) -> _Array:
    """|mean| of each point less what noise adds to it: sqrt(max(0, mean^2 - standard error^2))."""
    return np.sqrt(np.maximum(0.0, part.mean**2 - np.nan_to_num(part.standard_error) ** 2))


def _size(part: Columns) -> float:
    """Root mean square of a correction, net of its noise."""
    return float(np.sqrt(max(0.0, float(np.mean(part.mean**2 - _square(part))))))


def _net(part: Columns) -> _Array:
    return np.sqrt(np.maximum(0.0, part.mean**2 - _square(part)))


def _square(part: Columns) -> _Array:
    return np.nan_to_num(part.error) ** 2


def _rms(values: _Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
