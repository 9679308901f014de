"""What the blocks of kind `surrogate` add up to. Torch-free: this runs where jobs are conducted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.components import combine
from burnish_workers.core.estimator import Answer, Arrays, Plan, State, unflatten
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.moments import Moments, merge
from burnish_workers.kinds.surrogate.plan import PATH, REMAINDER, STEP, SURROGATE, Composition
from burnish_workers.kinds.surrogate.problem import points_of, problem_of


@dataclass(frozen=True)
class SurrogateStatistics:
    """Sums of independent component means, one column per point. Points share no randomness with each other."""

    outputs: int
    tail: int
    composition: Composition

    @property
    def leading(self) -> str:
        return PATH

    def empty(self) -> State:
        parts = {name: Moments.empty(self.outputs, self.tail) for name in self.composition.components}
        return {SURROGATE: Moments.empty(self.outputs, 1), **parts}

    def fold(self, state: State, stats: Arrays) -> State:
        block = unflatten(stats)
        return {name: merge(part, block[name]) for name, part in state.items()}

    def units(self, replicates: int) -> int:
        composition = self.composition
        return self.outputs * sum(
            composition.paths(name) * composition.samples(name, replicates) for name in composition.components
        )

    def cost(self, replicates: int) -> float:
        composition = self.composition
        return sum(composition.cost(name) * composition.samples(name, replicates) for name in composition.components)

    def tuned(self, state: State) -> Plan:
        """Shares of the corrections by Neyman's rule; more steps where the time-step correction is no small one."""
        path = _rms(np.sqrt(np.nan_to_num(state[PATH].variance)))
        plan: Plan = {}
        for name in (STEP, REMAINDER):
            if name in state:
                spread = _rms(np.sqrt(np.nan_to_num(state[name].variance)))
                plan[f"{name}_share"] = self.composition.share(name, spread, path)
        return plan

    def answer(self, state: State) -> Answer:
        # Corrections begin with the first look: before it the estimate is the uncorrected one, without an interval.
        begun = {name: part for name, part in state.items() if part.count.max(initial=0) > 0}
        combined = combine(begun, leading=PATH)
        parts = {name: part for name, part in state.items() if name != SURROGATE}
        defect = combined.value - state[SURROGATE].mean
        beyond = sum((_next_order(begun.get(name), defect) for name in (STEP, REMAINDER)), np.zeros_like(defect))
        return Answer(
            combined=combined,
            bias=beyond,
            bias_known=all(bool((part.count >= 2).all()) for part in parts.values()),
            parts=parts,
            floor=0.0 if tuple(parts) == (PATH,) else None,
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


def _next_order(correction: Moments | None, defect: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a first-order correction C may still miss: |C| q, with q = rms C / rms v.

    The remainder is computed to second order in the defect v, the time-step correction to first order in the step.
    Successive orders shrink by about the same factor, which q estimates over all points, net of Monte Carlo noise.
    Added to every half-width, so that an interval is wide where the correction is no small one.
    """
    if correction is None:
        return np.zeros_like(defect)
    noise = np.nan_to_num(correction.standard_error) ** 2
    size = float(np.sqrt(max(0.0, float(np.mean(correction.mean**2 - noise)))))
    scale = _rms(defect)
    ratio = min(1.0, size / scale) if scale > 0 and np.isfinite(scale) else 1.0
    return np.abs(correction.mean) * ratio


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


def statistics(spec: SurrogateSpec) -> SurrogateStatistics:
    """The statistics of a resolved spec."""
    resolution, problem = resolution_of(spec), problem_of(spec)
    points = points_of(spec, problem.dim, problem.horizon)
    return SurrogateStatistics(len(points.t), resolution.tail, Composition.of(problem, resolution))
