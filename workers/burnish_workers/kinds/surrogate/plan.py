"""How a replicate is made up: which components an equation needs, how many samples of each, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from burnish.wire import Resolution
from burnish_workers.core.guard import LEAST_REPLICATES
from burnish_workers.kinds.surrogate.problem import Problem

PATH, STEP, REMAINDER = "path", "step", "remainder"

SURROGATE = "surrogate"
"""The constant part of the answer, u_hat itself: a component without variance."""

SECOND_ORDER = "step_second_order"
"""What the time-step correction leaves: measured with it, part of the interval and not of the answer."""

MEASURED: dict[str, tuple[str, ...]] = {PATH: (PATH,), STEP: (STEP, SECOND_ORDER), REMAINDER: (REMAINDER,)}
"""What one sample of each component gives."""

STEPS, STRATA = 4, 4
"""Times of a path and antithetic pairs of a replicate, where neither the spec nor the pilot says."""

MOST_STEPS = 64
"""The pilot asks for no more times than this."""

LEAST_CRUDE = 4
"""Paths of at least so many times have a third level."""

FIRST_ORDER, SECOND_ORDER_LEFT = 0.01, 0.003
"""Shares of the defect that the time-step correction and what it leaves may have: beyond, the pilot asks for more
times."""

LEAST_SHARE, MOST_SHARE = 2, 64
"""Replicates for each sample of a correction: the optimum for the pilot's spreads lies between, or is taken there."""

NESTED_COST = 5
"""A residual whose gradient is taken by autograd costs about as much as so many plain ones (measured on a 5x50 MLP)."""


@dataclass(frozen=True)
class Composition:
    """`steps`: times of a path; `strata`: pairs of a replicate; `outer_steps`, `inner_steps`: of the remainder's two
    levels; `shares`: replicates for each sample of a correction."""

    steps: int
    strata: int
    outer_steps: int
    inner_steps: int
    shares: dict[str, int]
    components: tuple[str, ...]

    @staticmethod
    def of(problem: Problem, resolution: Resolution) -> Composition:
        plan = resolution.plan
        return Composition(
            steps=int(plan["steps"]),
            strata=int(plan["strata"]),
            outer_steps=int(plan["outer_steps"]),
            inner_steps=int(plan["inner_steps"]),
            shares={name: int(plan[f"{name}_share"]) for name in (STEP, REMAINDER)},
            components=components(problem),
        )

    def samples(self, component: str, replicates: int) -> int:
        """Samples of a component per output among the first `replicates` replicates of a job.

        Corrections begin with the first look: two at least, for their spread must be known there.
        """
        if component == PATH:
            return replicates
        return 0 if replicates < LEAST_REPLICATES else max(2, replicates // self.shares[component])

    def paths(self, component: str) -> int:
        """Paths simulated for one sample: mirrored strata, coupled pairs, or an outer path with two inner pairs."""
        return {PATH: 2 * self.strata, STEP: self._coupled, REMAINDER: 5}[component]

    @property
    def _coupled(self) -> int:
        """A pair, its two coarse partners (one for paths of one time) and its crude one."""
        return 8 if self.steps >= LEAST_CRUDE else 6 if self.steps > 1 else 4

    def evaluations(self, component: str) -> int:
        """Residuals of the surrogate evaluated for one sample, those at the starting points included."""
        return {
            PATH: 2 * self.strata * self.steps + 1,
            STEP: self._coupled * self.steps + 1,
            REMAINDER: self.outer_steps + 1 + 4 * (self.inner_steps + 1),
        }[component]

    def cost(self, component: str) -> float:
        """Nominal cost of one sample, in residuals."""
        nested = 4 * (self.inner_steps + 1) * (NESTED_COST - 1) if component == REMAINDER else 0
        return self.evaluations(component) + nested

    def with_steps(self, steps: int) -> Composition:
        """The same with other times of a path, and those of the remainder in proportion."""
        return replace(self, **_times(steps))

    def share(self, component: str, spread: float, leading_spread: float) -> int:
        """Replicates for each sample of a correction that minimise variance for a given cost (Neyman 1934):
        n_path / n_c = (s_path / s_c) sqrt(cost_c / cost_path)."""
        if spread <= 0:
            return MOST_SHARE
        optimum = leading_spread / spread * (self.cost(component) / self.cost(PATH)) ** 0.5
        return int(min(max(optimum, LEAST_SHARE), MOST_SHARE))


def components(problem: Problem) -> tuple[str, ...]:
    """The independent parts of the answer: corrections only where there is something to correct."""
    step = () if problem.exact_paths else (STEP,)
    remainder = () if problem.linear else (REMAINDER,)
    return (PATH, *step, *remainder)


def default_plan(problem: Problem, steps: int | None) -> dict[str, int | float | str | bool]:
    """The numbers of a composition before its pilot, as they are written into the resolution.

    `steps`: those the spec asks for; no fewer than a third level takes, where there is a time-step bias to measure.
    """
    chosen = steps or STEPS
    return {
        **_times(max(chosen, LEAST_CRUDE) if STEP in components(problem) else chosen),
        "strata": STRATA,
        f"{STEP}_share": LEAST_SHARE,
        f"{REMAINDER}_share": LEAST_SHARE,
    }


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
