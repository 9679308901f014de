"""What the blocks of kind `surrogate` add up to. Torch-free: this runs where jobs are conducted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire import OutputPart
from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.components import Combined, combine
from burnish_workers.core.decisions import Ahead, Decision
from burnish_workers.core.estimator import Answer, Arrays, Plan, State, unflatten
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import COMPARED, resolution_of
from burnish_workers.core.moments import Moments, merge
from burnish_workers.kinds.surrogate.allotment import Allotment, hardest
from burnish_workers.kinds.surrogate.bias import Bias, Columns, measure, relative
from burnish_workers.kinds.surrogate.methods import Setting
from burnish_workers.kinds.surrogate.plan import (
    NOISE,
    PATH,
    REMAINDER,
    SECOND_ORDER,
    STEP,
    SURROGATE,
    Composition,
    steps_for,
)
from burnish_workers.kinds.surrogate.problem import points_of, problem_of, surrogate_of

ROUNDING = 2.0**-23
"""Spacing of single-precision numbers, relative to their size."""

LISTED = 64
"""Up to so many outputs the parts of the error are told for each."""


@dataclass(frozen=True)
class SurrogateStatistics:
    """Sums of independent component means, one column per output, outputs of a point side by side.

    Points share no randomness with each other, outputs of one point do.
    """

    outputs: int
    tail: int
    composition: Composition
    setting: Setting
    allotment: Allotment
    steps_given: bool = False
    compared: str | None = None
    shrinkage: bool = False

    @property
    def leading(self) -> str:
        return PATH

    @property
    def independent(self) -> bool:
        return self.setting.width == 1

    @property
    def points(self) -> int:
        """m, of which each has `width` outputs."""
        return self.outputs // self.setting.width

    @cached_property
    def _alike(self) -> list[NDArray[np.intp]]:
        """Outputs on one scale: the values, the gradients."""
        place = np.arange(self.outputs) % self.setting.width
        values = place < int(self.setting.value)
        return [np.flatnonzero(chosen) for chosen in (values, ~values) if chosen.any()]

    def empty(self) -> State:
        labels = [label for name in self.composition.components for label in self.composition.measured(name)]
        parts = {label: Moments.empty(self.outputs, self.tail) for label in labels}
        return {SURROGATE: Moments.empty(self.outputs, 1), **parts}

    def fold(self, state: State, stats: Arrays) -> State:
        block = unflatten(stats)
        return {name: merge(part, block[name].with_tail(part.tail)) for name, part in state.items()}

    def units(self, replicates: int) -> int:
        composition = self.composition
        return self.points * sum(
            composition.paths(name) * composition.samples(name, replicates) for name in composition.components
        )

    def cost(self, replicates: int) -> float:
        return self.composition.cost_of(replicates) * self.setting.lightness(self.composition.method)

    def tuned(self, state: State) -> Plan:
        """More times where the time-step correction is no small one; shares of the corrections by Neyman's rule."""
        composition, plan = self.composition, Plan()
        if STEP in state and not self.steps_given:
            steps = max(self._steps(state, alike) for alike in self._alike)
            composition = composition.with_steps(steps)
            plan |= {"steps": steps, "outer_steps": composition.outer_steps, "inner_steps": composition.inner_steps}
        for name in composition.components[1:]:
            # A correction proportional to the step has a spread proportional to it.
            shrunk = self.composition.steps / composition.steps if name == STEP else 1.0
            spreads = [(_spread(state[name], alike), _spread(state[PATH], alike)) for alike in self._alike]
            plan[f"{name}_share"] = min(composition.share(name, shrunk * own, path) for own, path in spreads)
        return plan

    def decide(self, state: State, ahead: Ahead) -> Decision:
        names, scale = self.composition.components, [_spread(state[PATH], alike) or 1.0 for alike in self._alike]
        pairs = list(zip(self._alike, scale, strict=True))
        spreads = {name: max(_spread(state[name], alike) / own for alike, own in pairs) for name in names}
        return self.allotment.decide(self.answer(state), spreads, ahead)

    def foreseen(self, state: State, plan: Plan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What a pilot with these statistics lets expect of a plan that was tuned by it: the variance of the answer
        times the number of replicates, and the bias, of each output."""
        variance = np.zeros(self.outputs)
        finer = self.composition.steps / int(plan["steps"])
        for name in self.composition.components:
            share = 1 if name == PATH else int(plan[f"{name}_share"])
            variance += np.nan_to_num(state[name].variance) * share * (finer**2 if name == STEP else 1.0)
        left = self._left(state)
        return variance, left.by_step * finer**2 + left.by_order

    def _left(self, state: State) -> Bias:
        degree = self.setting.problem.nonlinearity.degree_in({"u", "z"})
        quadratic = degree is not None and degree <= 2
        defect = self._summed(state).value - state[SURROGATE].mean
        return measure(state, defect, self.composition, quadratic, self._alike)

    def _rounding(self, size: NDArray[np.float64]) -> NDArray[np.float64]:
        """What paths in single precision do not resolve. A value near 0 is a difference of larger ones: the root mean
        square over the outputs stands for those. Sums over d coordinates round sqrt d times as much."""
        scale = size.copy()
        for alike in self._alike:
            scale[alike] = np.maximum(size[alike], _rms(size[alike]))
        return ROUNDING * np.sqrt(self.setting.problem.dim) * scale

    def _steps(self, state: State, alike: NDArray[np.intp]) -> int:
        defect = (self._summed(state).value - state[SURROGATE].mean)[alike]
        first, second = (relative(Columns.of(state[name], alike), defect) for name in (STEP, SECOND_ORDER))
        return steps_for(self.composition.steps, first, second)

    def _summed(self, state: State) -> Combined:
        # Corrections begin with the first look: before it the estimate is the uncorrected one, without an interval.
        beside = (SECOND_ORDER, NOISE)
        begun = {name: part for name, part in state.items() if name not in beside and part.count.max(initial=0) > 0}
        return combine(begun, leading=PATH)

    def answer(self, state: State) -> Answer:
        combined = self._summed(state)
        parts = {name: part for name, part in state.items() if name in self.composition.components}
        defect = combined.value - state[SURROGATE].mean
        known = all(bool((part.count >= 2).all()) for part in parts.values())
        left = self._left(state)
        rounding = self._rounding(np.abs(combined.value) + np.abs(state[SURROGATE].mean))
        beyond = left.by_step + left.by_order + rounding
        found = Answer(
            combined=combined,
            bias=beyond,
            bias_known=known,
            parts=parts,
            floor=float(beyond.max()) if known else None,
            bias_error=left.error if len(parts) > 1 and known else None,
            remedy=lambda target: remedy(self.composition, left.by_step, left.by_order, target),
            layout=_parts(self.setting, self.points),
            diagnostics={
                "estimator": self.composition.method,
                **({COMPARED: self.compared} if self.compared else {}),
                **_layout(self.setting),
                "defect_rms": _finite(_rms(defect)),
                "evaluations_per_point": sum(
                    int(part.count.max(initial=0)) * self.composition.evaluations(name) for name, part in parts.items()
                ),
                **_sizes(parts),
                **({"next_order_bias": _finite(_rms(beyond))} if len(parts) > 1 else {}),
                "error": _split(combined, left, rounding, known, len(parts) > 1),
                **({"shrinkage": _shrunk(combined, state[SURROGATE].mean)} if self.shrinkage else {}),
            },
        )
        if self.points > 1 and known:
            found.diagnostics["hardest"] = hardest(found, self.setting.width)
        return found


def remedy(
    composition: Composition,
    by_step: NDArray[np.float64],
    by_order: NDArray[np.float64],
    target: NDArray[np.float64],
) -> str:
    """How to get the bias of every output below its tolerance. What is left of the time step falls as 1/steps^2."""
    steps, room = composition.steps, target - by_order
    if not (room > 0).all():
        if composition.levels:
            more = f"ask for more Picard levels ({len(composition.levels) + 2}) or a larger basis"
            return f"{more}: what the iteration leaves exceeds the tolerance"
        return "fit a surrogate that is closer to the solution: what its linearisation leaves exceeds the tolerance"
    wanted = steps * float(np.sqrt(np.max(by_step / room)))
    enough = 2 ** int(np.ceil(np.log2(max(wanted, 2.0 * steps))))
    return f"take steps = {enough}: what the time step leaves at {steps} falls as 1/steps^2"


def _spread(part: Moments, alike: NDArray[np.intp]) -> float:
    """Root mean square over the outputs of a sample's standard deviation."""
    return _rms(np.sqrt(np.nan_to_num(part.variance[alike])))


def _parts(setting: Setting, points: int) -> tuple[OutputPart, ...]:
    """The value and the gradient at all points; at each point its outputs stand side by side."""
    width, after = setting.width, int(setting.value)
    value = OutputPart(name="value", start=0, shape=[points], strides=[width])
    shape, strides = [points, setting.problem.noise_dim], [width, 1]
    gradient = OutputPart(name="gradient", start=after, shape=shape, strides=strides)
    return (value,) * setting.value + (gradient,) * setting.gradient


def _layout(setting: Setting) -> dict[str, Any]:
    """How the outputs of each point stand side by side, where there are several."""
    if not setting.gradient:
        return {}
    components = [f"z[{i}]" for i in range(setting.problem.noise_dim)]
    return {"outputs": (["value"] if setting.value else []) + components}


def _split(
    combined: Combined, left: Bias, rounding: NDArray[np.float64], known: bool, corrected: bool
) -> dict[str, Any]:
    """The parts of the error by their causes: root mean squares, and each output's own where there are few.

    `sampling` is a standard error; the others are added to every half-width and do not shrink with sampling.
    """
    parts = {"sampling": combined.standard_error}
    if corrected:
        # What has not been measured yet is not known to be nothing.
        unknown = np.full_like(rounding, np.nan)
        parts |= {"truncation": left.by_order if known else unknown, "time_step": left.by_step if known else unknown}
    parts["rounding"] = rounding
    rms = {name: _finite(_rms(values)) for name, values in parts.items()}
    if len(rounding) > LISTED:
        return rms
    return {**rms, "outputs": {name: [_finite(float(v)) for v in values] for name, values in parts.items()}}


def _shrunk(combined: Combined, surrogate: NDArray[np.float64]) -> dict[str, Any]:
    """u_hat + kappa v with kappa = max(0, 1 - se^2/v^2) (James and Stein 1961, each output on its own): often closer
    than the estimate where the correction drowns in noise, but biased towards the surrogate: it has no interval."""
    defect, error = combined.value - surrogate, combined.standard_error
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = np.where(defect == 0, 0.0, np.maximum(0.0, 1 - error**2 / defect**2))
    return {
        "estimate": [_finite(float(v)) for v in surrogate + kappa * defect],
        "kappa_mean": _finite(float(np.mean(kappa))),
        "note": "a second estimate, drawn towards the surrogate; the interval is not its own",
    }


def _sizes(state: Mapping[str, Moments]) -> dict[str, Any]:
    """Root mean squares over the outputs of the corrections and of their standard errors: part of the error, named."""
    labels = {STEP: "time_step_correction", REMAINDER: "remainder"}
    return {
        labels.get(name, f"picard_{name}"): {
            "rms": _finite(_rms(part.mean)),
            "standard_error": _finite(_rms(part.standard_error)),
            "replicates": int(part.count.min()),
        }
        for name, part in state.items()
        if name != PATH
    }


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def statistics(spec: SurrogateSpec, inputs: Inputs) -> SurrogateStatistics:
    """The statistics of a resolved spec."""
    resolution, problem = resolution_of(spec), problem_of(spec)
    points = points_of(spec, problem.dim, problem.horizon, inputs)
    setting = Setting.of(spec, problem, surrogate_of(spec, problem.dim, inputs), inputs)
    compared = resolution.plan.get(COMPARED)
    composition = Composition.of(problem, resolution.estimator, resolution.plan, setting.gradient)
    return SurrogateStatistics(
        outputs=len(points.t) * setting.width,
        tail=resolution.tail,
        composition=composition,
        setting=setting,
        allotment=Allotment(setting.width, spec.budget, composition),
        steps_given=spec.steps is not None,
        compared=compared if isinstance(compared, str) else None,
        shrinkage=spec.shrinkage,
    )
