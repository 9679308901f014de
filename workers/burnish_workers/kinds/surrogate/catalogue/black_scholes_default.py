"""Black-Scholes with default risk: mu = 0.02 x, sigma_i = 0.2 x_i, F = -((1 - 2/3) Q(u) + 0.02) u, T = 1, g = min x_i.

u is the price of the worst of d assets from a seller who may default, with intensity Q(u): 0.2 below u = 50, 0.02 above
u = 70, a straight line between. On default 2/3 of the value is recovered. F has kinks at 50 and 70.
Source: E, Han, Jentzen (Commun. Math. Stat. 5, 2017), section 4.1.
"""

from __future__ import annotations

from burnish.wire.specs.surrogate import Equation
from burnish_workers.kinds.surrogate.catalogue import NamedEquation

INTENSITY = "min(0.2, max(0.02, 0.2 - 0.009*(u - 50)))"


def equation(dim: int) -> Equation:
    return Equation(
        dim=dim,
        horizon=1.0,
        drift="0.02*x",
        diffusion="0.2*x",
        nonlinearity=f"-({INTENSITY}/3 + 0.02)*u",
        terminal="min(x)",
    )


ENTRY = NamedEquation(
    name="black-scholes-default",
    summary="Black-Scholes equation with default risk, worst of d assets",
    dim=100,
    box=(90.0, 110.0),
    equation=equation,
    source="E, Han, Jentzen, Commun. Math. Stat. 5 (2017), 4.1",
)
