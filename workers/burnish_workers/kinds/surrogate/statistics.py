"""What the blocks of kind `surrogate` add up to. Torch-free: this runs where jobs are conducted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.components import Combined, combine
from burnish_workers.core.estimator import Answer, Arrays, Plan, State, unflatten
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.moments import Moments, merge
from burnish_workers.kinds.surrogate.plan import (
    MEASURED,
    PATH,
    REMAINDER,
    SECOND_ORDER,
    STEP,
    SURROGATE,
    Composition,
    steps_for,
)
from burnish_workers.kinds.surrogate.problem import points_of, problem_of

ORDERS = 5.0
"""Over q: how fast successive orders of the remainder are taken to shrink, see `_beyond`."""


ROUNDING = 2.0**-23
"""Spacing of single-precision numbers, relative to their size."""


@dataclass(frozen=True)
class SurrogateStatistics:
    """Sums of independent component means, one column per point. Points share no randomness with each other."""

    outputs: int
    tail: int
    composition: Composition
    steps_given: bool = False

    @property
    def leading(self) -> str:
        return PATH

    @property
    def independent(self) -> bool:
        return True

    def empty(self) -> State:
        labels = [label for name in self.composition.components for label in MEASURED[name]]
        parts = {label: Moments.empty(self.outputs, self.tail) for label in labels}
        return {SURROGATE: Moments.empty(self.outputs, 1), **parts}

    def fold(self, state: State, stats: Arrays) -> State:
        block = unflatten(stats)
        return {name: merge(part, block[name].with_tail(part.tail)) for name, part in state.items()}

    def units(self, replicates: int) -> int:
        composition = self.composition
        return self.outputs * sum(
            composition.paths(name) * composition.samples(name, replicates) for name in composition.components
        )

    def cost(self, replicates: int) -> float:
        composition = self.composition
        return sum(composition.cost(name) * composition.samples(name, replicates) for name in composition.components)

    def tuned(self, state: State) -> Plan:
        """More times where the time-step correction is no small one; shares of the corrections by Neyman's rule."""
        composition, plan = self.composition, Plan()
        if STEP in state and not self.steps_given:
            defect = self._summed(state).value - state[SURROGATE].mean
            steps = steps_for(composition.steps, _relative(state[STEP], defect), _relative(state[SECOND_ORDER], defect))
            composition = composition.with_steps(steps)
            plan |= {"steps": steps, "outer_steps": composition.outer_steps, "inner_steps": composition.inner_steps}
        path = _spread(state[PATH])
        for name in (STEP, REMAINDER):
            if name in state:
                # A correction proportional to the step has a spread proportional to it.
                shrunk = self.composition.steps / composition.steps if name == STEP else 1.0
                plan[f"{name}_share"] = composition.share(name, shrunk * _spread(state[name]), path)
        return plan

    def _summed(self, state: State) -> Combined:
        # Corrections begin with the first look: before it the estimate is the uncorrected one, without an interval.
        begun = {name: part for name, part in state.items() if name != SECOND_ORDER and part.count.max(initial=0) > 0}
        return combine(begun, leading=PATH)

    def answer(self, state: State) -> Answer:
        combined = self._summed(state)
        parts = {name: part for name, part in state.items() if name not in (SURROGATE, SECOND_ORDER)}
        defect = combined.value - state[SURROGATE].mean
        known = all(bool((part.count >= 2).all()) for part in parts.values())
        by_step, by_remainder = self._beyond(state, defect)
        # Paths are simulated in single precision, which resolves no more than this.
        beyond = by_step + by_remainder + ROUNDING * (np.abs(combined.value) + np.abs(state[SURROGATE].mean))
        return Answer(
            combined=combined,
            bias=beyond,
            bias_known=known,
            parts=parts,
            floor=float(beyond.max()) if known else None,
            bias_error=self._beyond_error(state) if len(parts) > 1 and known else None,
            remedy=lambda target: remedy(self.composition.steps, by_step, by_remainder, target),
            diagnostics={
                "estimator": "linearised",
                "defect_rms": _finite(_rms(defect)),
                "evaluations_per_point": sum(
                    int(part.count.max(initial=0)) * self.composition.evaluations(name) for name, part in parts.items()
                ),
                **_sizes(parts),
                **({"next_order_bias": _finite(_rms(beyond))} if len(parts) > 1 else {}),
            },
        )

    def _beyond(self, state: State, defect: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What the corrections for the time step and for the remainder may still miss, per point: the sum of both is
        added to every half-width.

        Time step C: what a third level shows, net of its noise, and |C|/2S, because a bias need not arise evenly over
        the path. Remainder C: |C| (5 q + q'), where q = rms C / rms v measures the factor by which successive orders
        in the defect v shrink (up to 4.8 q on Burgers' equation), and q' the relative Euler bias of the short paths on
        which the remainder is computed, by the first-order law from that of the long ones.
        """
        step, remainder, none = state.get(STEP), state.get(REMAINDER), np.zeros_like(defect)
        by_step = none if step is None else _net(state[SECOND_ORDER]) + _net(step) / (2 * self.composition.steps)
        if remainder is None:
            return by_step, none
        coarser = self.composition.steps / self.composition.inner_steps
        ratio = min(1.0, ORDERS * _relative(remainder, defect) + coarser * _relative(step, defect))
        return by_step, np.abs(remainder.mean) * ratio

    def _beyond_error(self, state: State) -> NDArray[np.float64]:
        """Standard error of what `_beyond` adds up, to first order: its ratio is an average over all points."""
        total = np.zeros(self.outputs)
        if STEP in state:
            scaled = state[STEP].standard_error / (2 * self.composition.steps)
            total = total + np.nan_to_num(state[SECOND_ORDER].standard_error) ** 2 + np.nan_to_num(scaled) ** 2
        if REMAINDER in state:
            total = total + np.nan_to_num(state[REMAINDER].standard_error) ** 2
        return np.sqrt(total)


def remedy(
    steps: int, by_step: NDArray[np.float64], by_remainder: NDArray[np.float64], target: NDArray[np.float64]
) -> str:
    """How to get the bias of every point below its tolerance. What is left of the time step falls as 1/steps^2."""
    room = target - by_remainder
    if not (room > 0).all():
        return "fit a surrogate that is closer to the solution: what its linearisation leaves exceeds the tolerance"
    wanted = steps * float(np.sqrt(np.max(by_step / room)))
    enough = 2 ** int(np.ceil(np.log2(max(wanted, 2.0 * steps))))
    return f"take steps = {enough}: what the time step leaves at {steps} falls as 1/steps^2"


def _relative(correction: Moments | None, defect: NDArray[np.float64]) -> float:
    """rms C / rms v over all points, net of Monte Carlo noise, at most 1; 0 where there is no correction."""
    scale = _rms(defect)
    if correction is None or correction.count.max(initial=0) == 0:
        return 0.0
    noise = np.nan_to_num(correction.standard_error) ** 2
    size = float(np.sqrt(max(0.0, float(np.mean(correction.mean**2 - noise)))))
    return min(1.0, size / scale) if scale > 0 and np.isfinite(scale) else 1.0


def _spread(part: Moments) -> float:
    """Root mean square over the points of a sample's standard deviation."""
    return _rms(np.sqrt(np.nan_to_num(part.variance)))


def _net(part: Moments) -> NDArray[np.float64]:
    """|mean| of each point less what noise adds to it: sqrt(max(0, mean^2 - standard error^2))."""
    return np.sqrt(np.maximum(0.0, part.mean**2 - np.nan_to_num(part.standard_error) ** 2))


def _sizes(state: Mapping[str, Moments]) -> dict[str, Any]:
    """Root mean squares over the points of the corrections and of their standard errors: part of the error, named."""
    labels = {STEP: "time_step_correction", REMAINDER: "remainder"}
    return {
        label: {
            "rms": _finite(_rms(state[name].mean)),
            "standard_error": _finite(_rms(state[name].standard_error)),
            "replicates": int(state[name].count.min()),
        }
        for name, label in labels.items()
        if name in state
    }


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def statistics(spec: SurrogateSpec, inputs: Inputs) -> SurrogateStatistics:
    """The statistics of a resolved spec."""
    resolution, problem = resolution_of(spec), problem_of(spec)
    points = points_of(spec, problem.dim, problem.horizon, inputs)
    return SurrogateStatistics(
        len(points.t), resolution.tail, Composition.of(problem, resolution), spec.steps is not None
    )
