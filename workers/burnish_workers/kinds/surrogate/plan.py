"""How a replicate is made up: which components an equation needs, how many samples of each, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from burnish_workers.core.estimator import Plan
from burnish_workers.core.guard import LEAST_REPLICATES
from burnish_workers.kinds.surrogate.methods import LINEARISED, MARTINGALE, bent, nonlinear
from burnish_workers.kinds.surrogate.picard_levels import level_evaluations, level_rows
from burnish_workers.kinds.surrogate.problem import Problem

PATH, STEP, REMAINDER = "path", "step", "remainder"

SURROGATE = "surrogate"
"""The constant part of the answer, u_hat itself: a component without variance."""

SECOND_ORDER = "step_second_order"
"""What the time-step correction leaves: measured with it, part of the interval and not of the answer."""

NOISE = "noise"
"""What noise in the last Picard iterate, or in the nested level of the remainder, does to F: taken out there by halves,
and measured where that may not take out all."""

LEVELS, BASIS, MOST_LEVELS, MOST_BASIS = 2, 10, 5, 64
"""n and M of multilevel Picard where neither the spec nor the pilot says, and the most that a spec may ask for."""

MOST_NESTED = 500_000
"""Paths nested in one sample of a Picard level: what a worker holds at once."""

STEPS, STRATA = 4, 4
"""Times of a path and antithetic pairs of a replicate, where neither the spec nor the pilot says."""

HEDGED_STEPS = 16
"""The same for the martingale form: what its stochastic integral leaves of the variance falls as 1/S."""

MOST_STEPS = 64
"""The pilot asks for no more times than this."""

LEAST_CRUDE = 4
"""Paths of at least so many times have a third level."""

FIRST_ORDER, SECOND_ORDER_LEFT = 0.01, 0.003
"""Shares of the defect that the time-step correction and what it leaves may have: beyond, the pilot asks for more
times."""

LEAST_SHARE, MOST_SHARE = 2, 64
"""Replicates for each sample of a correction: the optimum for the pilot's spreads lies between, or is taken there."""

_KEPT = 8
NESTED_COST = 5
"""A residual whose gradient is taken by autograd costs about as much as so many plain ones (measured on a 5x50 MLP)."""


@dataclass(frozen=True)
class Composition:
    """`steps`: times of a path; `strata`: pairs of a replicate; `outer_steps`, `inner_steps`: of nested levels;
    `basis`: M of Picard levels; `shares`: replicates for each sample of a correction; `gradient`: whether paths are
    differentiated; `bent`: whether F has kinks in u or z."""

    method: str
    steps: int
    strata: int
    outer_steps: int
    inner_steps: int
    basis: int
    shares: dict[str, int]
    components: tuple[str, ...]
    gradient: bool = False
    bent: bool = False

    @staticmethod
    def of(problem: Problem, method: str, plan: Plan, gradient: bool = False) -> Composition:
        names = components(problem, method, int(plan.get("levels", LEVELS)))
        return Composition(
            method=method,
            steps=int(plan["steps"]),
            strata=int(plan["strata"]),
            outer_steps=int(plan["outer_steps"]),
            inner_steps=int(plan["inner_steps"]),
            basis=int(plan.get("basis", BASIS)),
            shares={name: int(plan[f"{name}_share"]) for name in names if name != PATH},
            components=names,
            gradient=gradient,
            bent=bent(problem.nonlinearity, {"u", "z"}),
        )

    @property
    def levels(self) -> tuple[str, ...]:
        """The Picard levels above the first iterate, which is `path` (with `step`)."""
        return tuple(name for name in self.components if is_level(name))

    def measured(self, component: str) -> tuple[str, ...]:
        """What one sample of a component gives."""
        noisy = self.levels[-1] if self.levels else REMAINDER if self.bent else None
        extra = (SECOND_ORDER,) if component == STEP else (NOISE,) if component == noisy else ()
        return component, *extra

    def samples(self, component: str, replicates: int) -> int:
        """Samples of a component per output among the first `replicates` replicates of a job.

        Corrections begin with the first look: two at least, for their spread must be known there.
        """
        if component == PATH:
            return replicates
        return 0 if replicates < LEAST_REPLICATES else max(2, replicates // self.shares[component])

    def paths(self, component: str) -> int:
        """Paths simulated for one sample: mirrored strata, coupled pairs, an outer path with two inner pairs, or what
        is nested in a Picard level."""
        if is_level(component):
            return level_evaluations(level_of(component), self.basis)
        return {PATH: 2 * self.strata, STEP: self._coupled, REMAINDER: 10 if self.gradient else 5}[component]

    def rows(self, component: str) -> int:
        """Rows of tensors that one sample needs at once."""
        rows = level_rows(level_of(component), self.basis) if is_level(component) else 2 * self.strata
        # Differentiated paths are kept whole, with all that their derivatives need.
        return rows * (_KEPT if self.gradient else 1)

    @property
    def _coupled(self) -> int:
        """A pair, its two coarse partners (one for paths of one time) and its crude one."""
        return 8 if self.steps >= LEAST_CRUDE else 6 if self.steps > 1 else 4

    def evaluations(self, component: str) -> int:
        """Evaluations of the surrogate for one sample (most of them residuals), those at the starting points
        included."""
        if is_level(component):
            return level_evaluations(level_of(component), self.basis)
        nested = self.outer_steps + 1 + 4 * (self.inner_steps + 1)
        return {
            PATH: 2 * self.strata * self.steps + 1,
            STEP: self._coupled * self.steps + 1,
            REMAINDER: 2 * nested if self.gradient else nested,
        }[component]

    def cost(self, component: str) -> float:
        """Nominal cost of one sample, in evaluations of the method's kind."""
        if component == REMAINDER:
            pairs = 2 if self.gradient else 1
            return self.evaluations(component) + pairs * 4 * (self.inner_steps + 1) * (NESTED_COST - 1)
        pathwise = self.gradient and not is_level(component)
        return self.evaluations(component) * (NESTED_COST if pathwise else 1)

    def cost_of(self, replicates: int) -> float:
        """The same of the first `replicates` replicates of a job, per point."""
        return sum(self.cost(name) * self.samples(name, replicates) for name in self.components)

    def with_steps(self, steps: int) -> Composition:
        """The same with other times of a path, and those of nested levels in proportion."""
        return replace(self, **_times(steps))

    def share(self, component: str, spread: float, leading_spread: float) -> int:
        """Replicates for each sample of a correction that minimise variance for a given cost (Neyman 1934):
        n_path / n_c = (s_path / s_c) sqrt(cost_c / cost_path)."""
        if spread <= 0:
            return MOST_SHARE
        optimum = leading_spread / spread * (self.cost(component) / self.cost(PATH)) ** 0.5
        return int(min(max(optimum, LEAST_SHARE), MOST_SHARE))


def is_level(component: str) -> bool:
    """Whether a component is a Picard level."""
    return component.startswith("level_")


def level_of(component: str) -> int:
    """l of `level_l`."""
    return int(component.removeprefix("level_"))


def components(problem: Problem, method: str = LINEARISED, levels: int = LEVELS) -> tuple[str, ...]:
    """The independent parts of the answer: corrections only where there is something to correct."""
    if method in (LINEARISED, MARTINGALE):
        step = () if problem.exact_paths else (STEP,)
        remainder = () if problem.linear else (REMAINDER,)
        return (PATH, *step, *remainder)
    step = () if problem.steady else (STEP,)
    above = range(1, levels) if nonlinear(problem) else ()
    return (PATH, *step, *(f"level_{number}" for number in above))


def default_plan(
    problem: Problem, steps: int | None, method: str = LINEARISED, levels: int = LEVELS, basis: int = BASIS
) -> Plan:
    """The numbers of a composition before its pilot, as they are written into the resolution.

    `steps`: those the spec asks for; no fewer than a third level takes, where there is a time-step bias to measure.
    `levels`, `basis`: n and M of Picard iteration.
    """
    names = components(problem, method, levels)
    chosen = steps or (HEDGED_STEPS if method == MARTINGALE else STEPS)
    plan: Plan = {**_times(max(chosen, LEAST_CRUDE) if STEP in names else chosen), "strata": STRATA}
    if method in (LINEARISED, MARTINGALE):
        return plan | {f"{STEP}_share": LEAST_SHARE, f"{REMAINDER}_share": LEAST_SHARE}
    return plan | {"levels": levels, "basis": basis} | {f"{name}_share": LEAST_SHARE for name in names if name != PATH}


def _times(steps: int) -> dict[str, int]:
    return {"steps": steps, "outer_steps": max(1, steps // 4), "inner_steps": max(1, steps // 8)}


def steps_for(steps: int, first_order: float, second_order: float) -> int:
    """Times that make the time-step correction and what it leaves, shares of the defect at `steps` times, harmless.

    What is left falls as 1/S^2. A power of two times `steps`, up to MOST_STEPS.
    """
    wanted = steps * math.sqrt(max(first_order / FIRST_ORDER, second_order / SECOND_ORDER_LEFT))
    while steps < min(wanted, MOST_STEPS):
        steps *= 2
    return steps
