"""Linear-quadratic-Gaussian control: mu = 0, sigma = sqrt 2, F = -|z|^2/2, T = 1, g = log((1 + |x|^2)/2).

Source: E, Han, Jentzen (Commun. Math. Stat. 5, 2017), section 4.3, with lambda = 1.
"""

from __future__ import annotations

from burnish.wire.specs.surrogate import Equation
from burnish_workers.kinds.surrogate.catalogue import NamedEquation


def equation(dim: int) -> Equation:
    return Equation(
        dim=dim,
        horizon=1.0,
        diffusion="sqrt(2)",
        nonlinearity="-norm2(z)/2",
        terminal="log((1 + norm2(x))/2)",
    )


ENTRY = NamedEquation(
    name="hjb-log",
    summary="Hamilton-Jacobi-Bellman equation of LQG control, log terminal cost",
    dim=100,
    box=(-0.5, 0.5),
    equation=equation,
    source="E, Han, Jentzen, Commun. Math. Stat. 5 (2017), 4.3, with lambda = 1",
)
