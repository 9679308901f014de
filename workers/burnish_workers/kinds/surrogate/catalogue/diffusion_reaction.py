"""Diffusion-reaction with an oscillating solution: mu = 0, sigma = 1, F = min(1, (u - u*)^2), T = 1.

u*(t, x) = 1.6 + sin(sum x / 10) exp(d (t - 1)/200), which solves the heat equation, so that F vanishes on it.
The equation is made from its solution, which therefore stands in F: no estimator knows that it is one.
Source: Gobet and Turkedjian (SIAM J. Numer. Anal. 54, 2016), section 5, as used in arXiv 2504.16172.
"""

from __future__ import annotations

from burnish.wire.specs.surrogate import Equation
from burnish_workers.kinds.surrogate.catalogue import NamedEquation

SOLUTION = "(1.6 + sin(0.1*sum(x))*exp(0.005*d*(t - 1)))"


def equation(dim: int) -> Equation:
    return Equation(
        dim=dim,
        horizon=1.0,
        diffusion="1",
        nonlinearity=f"min(1, (u - {SOLUTION})**2)",
        terminal="1.6 + sin(0.1*sum(x))",
    )


ENTRY = NamedEquation(
    name="diffusion-reaction",
    summary="Diffusion-reaction with an oscillating solution",
    dim=100,
    box=(-0.5, 0.5),
    equation=equation,
    source="Gobet, Turkedjian, SIAM J. Numer. Anal. 54 (2016), 5; as used in arXiv 2504.16172",
)
