"""The methods, and which of them apply: each turns an equation into named independent components."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from burnish.wire.files import ModelReference
from burnish.wire.specs.surrogate import SurrogateSpec, ZeroSurrogate
from burnish_workers.core.expression import Expression
from burnish_workers.core.expression_tree import Apply, Node, children, variables_of
from burnish_workers.core.inputs import Inputs
from burnish_workers.kinds.surrogate.prices import Prices
from burnish_workers.kinds.surrogate.problem import Problem, SurrogateOf

LINEARISED, MARTINGALE, PICARD, PLAIN = "linearised", "martingale", "picard", "plain"

METHODS = {
    LINEARISED: "paths of the linearised defect equation, with the residual of the surrogate along them",
    MARTINGALE: "the same without second derivatives: terminal condition and a stochastic integral",
    PICARD: "full-history multilevel Picard iteration of the defect equation",
    PLAIN: "the same from u_hat = 0: no surrogate",
}

_BENT = frozenset({"abs", "min", "max", "where"})


@dataclass(frozen=True)
class Setting:
    """What decides which methods apply: the equation, whether u_hat has kinks or is 0, and what is wanted."""

    problem: Problem
    kinked: bool
    zero: bool
    value: bool
    gradient: bool
    prices: Prices

    @staticmethod
    def of(spec: SurrogateSpec, problem: Problem, surrogate: SurrogateOf, inputs: Inputs) -> Setting:
        """`surrogate`: what `surrogate_of` made of the spec."""
        kinked = isinstance(surrogate, Expression) and bent(surrogate, {"t", "x"})
        if isinstance(spec.surrogate, ModelReference):
            kinked = not inputs.card(spec.surrogate).get("curved", True)
        zero = isinstance(spec.surrogate, ZeroSurrogate)
        prices = Prices.of(spec, problem, surrogate, inputs)
        return Setting(problem, kinked, zero, "value" in spec.outputs, "gradient" in spec.outputs, prices)

    @property
    def width(self) -> int:
        """Outputs of a point: the value, and one component of sigma^T grad u for each Brownian motion."""
        return int(self.value) + self.gradient * self.problem.noise_dim

    def price(self, method: str) -> float:
        """Nominal seconds of an evaluation by a method."""
        prices = self.prices
        return prices.step + {MARTINGALE: prices.slope, PLAIN: 0.0}.get(method, prices.residual)

    def lightness(self, method: str) -> float:
        """The same in residuals."""
        return self.price(method) / self.price(LINEARISED)

    def levels_weighted(self) -> bool:
        """Whether Picard levels need Bismut weights."""
        return self.gradient or "z" in self.problem.nonlinearity.names


def nonlinear(problem: Problem) -> bool:
    """F depends on the solution: Picard iteration has something to iterate."""
    return bool(problem.nonlinearity.names & {"u", "z"})


def bent(expression: Expression, names: AbstractSet[str]) -> bool:
    """Whether the formula has kinks or jumps in `names`: abs, min, max or where of something that depends on them."""
    return bool(_bends(expression.tree, names))


def _bends(node: Node, names: AbstractSet[str], ops: AbstractSet[str] = _BENT) -> bool:
    here = isinstance(node, Apply) and node.op in ops and bool(variables_of(node) & names)
    return here or any(_bends(child, names, ops) for child in children(node))


def why_not(method: str, setting: Setting) -> tuple[str, str] | None:
    """(pointer, reason and cure) where a method cannot give what is wanted; None where it can."""
    checks = {
        LINEARISED: (_needs_curvature, _needs_smooth_paths, _needs_inverse_of_remainder),
        MARTINGALE: (_needs_smooth_slopes, _needs_smooth_paths, _needs_inverse_of_remainder),
        PICARD: (_needs_smooth_slopes_of_paths, _needs_continuous_paths, _needs_inverse_of_levels),
        PLAIN: (_needs_continuous_paths, _needs_inverse_of_levels),
    }
    return next((found for check in checks[method] if (found := check(setting)) is not None), None)


def _needs_curvature(setting: Setting) -> tuple[str, str] | None:
    if not setting.kinked:
        return None
    what = "linearised needs second derivatives, and this surrogate has kinks, whose curvature autograd does not see"
    return "/method", f"{what}: the answer would be biased unseen; method martingale needs none"


def _needs_smooth_slopes(setting: Setting) -> tuple[str, str] | None:
    """The pathwise derivative of z_hat along a path misses the jumps that kinks of u_hat make in it."""
    problem = setting.problem
    wanted = setting.gradient or not problem.linear
    if not (setting.kinked and wanted and "z" in problem.nonlinearity.names):
        return None
    what = "F depends on z, and the gradient of a surrogate with kinks jumps: martingale cannot differentiate its paths"
    return "/method", f"{what}; use picard or plain, or a smooth surrogate"


def _needs_smooth_slopes_of_paths(setting: Setting) -> tuple[str, str] | None:
    if not (setting.kinked and setting.gradient and "z" in setting.problem.nonlinearity.names):
        return None
    what = "F depends on z, and the gradient of a surrogate with kinks jumps: its paths cannot be differentiated"
    return "/outputs", f"{what}; use method plain, or a smooth surrogate"


def _needs_smooth_paths(setting: Setting) -> tuple[str, str] | None:
    if setting.gradient and bent(setting.problem.nonlinearity, {"u", "z"}):
        what = "the gradient along paths needs a smooth F, and abs, min, max or where of u or z makes F_u or F_z jump"
        return "/outputs", f"{what}; method picard does not differentiate them"
    return _needs_continuous_paths(setting)


def _needs_continuous_paths(setting: Setting) -> tuple[str, str] | None:
    if not setting.gradient:
        return None
    problem = setting.problem
    coefficients = [problem.drift, problem.nonlinearity, problem.terminal]
    if isinstance(problem.diffusion, Expression):
        coefficients.append(problem.diffusion)
    for expression in coefficients:
        if _bends(expression.tree, {"t", "x", "u", "z"}, frozenset({"where"})):
            what = f"the gradient along paths does not see jumps, and {expression.text!r:.60} may have one (where)"
            return "/outputs", f"{what}; write it with min, max, abs or sigmoid, or ask for the value alone"
    return None


def _needs_inverse_of_remainder(setting: Setting) -> tuple[str, str] | None:
    """Bismut weights of the remainder: its drift varies with z_hat."""
    if not setting.gradient or setting.problem.linear:
        return None
    return _needs_inverse(setting.problem, "the gradient of what linearising F left out")


def _needs_inverse_of_levels(setting: Setting) -> tuple[str, str] | None:
    problem = setting.problem
    if not (nonlinear(problem) and setting.levels_weighted()) or problem.steady:
        return None
    return _needs_inverse(problem, "the gradient of a Picard level")


def _needs_inverse(problem: Problem, why: str) -> tuple[str, str] | None:
    if isinstance(problem.diffusion, Expression):
        return None
    rows, columns = problem.diffusion.shape
    if rows == columns and np.linalg.matrix_rank(problem.diffusion) == rows:
        return None
    what = f"{why} divides by sigma (Bismut-Elworthy-Li), and this {rows} x {columns} matrix has no inverse"
    return "/problem/diffusion", f"{what}; ask for the value alone, or use a square diffusion of full rank"


def candidates(setting: Setting) -> list[str]:
    """The methods that `auto` compares, the usual winner first; empty where none applies."""
    problem = setting.problem
    order = [LINEARISED] if setting.zero else [LINEARISED, MARTINGALE]
    # Picard iterates leave a bias where linearising an affine F leaves none.
    if not nonlinear(problem) and not setting.zero:
        # A pilot that runs long leaves out the last: plain costs little to try, and may have no variance at all.
        order.insert(2 if setting.kinked else 1, PLAIN)
    elif not problem.linear:
        order += [PLAIN] if setting.zero else [PICARD, PLAIN]
    fit = [method for method in order if why_not(method, setting) is None]
    return fit or [method for method in (PICARD, PLAIN) if why_not(method, setting) is None]
