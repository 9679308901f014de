"""Black-Scholes with one rate for lending and another for borrowing: mu = 0.06 x, sigma_i = s x_i with s = 0.2,

    F = -R_l u - (0.06 - R_l)/s sum z + (R_b - R_l) max(0, sum z/s - u),   R_l = 0.04, R_b = 0.06,   T = 1/2,
    g = max(max x - 120, 0) - 2 max(max x - 150, 0).

sum z/s = sum x_i d_i u is what a hedge holds in assets: beyond u it is borrowed. F and g have kinks.
Source: E, Han, Jentzen (Commun. Math. Stat. 5, 2017), section 4.4; Bergman (Rev. Financ. Stud. 8, 1995).
"""

from __future__ import annotations

from burnish.wire.specs.surrogate import Equation
from burnish_workers.kinds.surrogate.catalogue import NamedEquation


def equation(dim: int) -> Equation:
    return Equation(
        dim=dim,
        horizon=0.5,
        drift="0.06*x",
        diffusion="0.2*x",
        nonlinearity="-0.04*u - 0.1*sum(z) + 0.02*max(0, 5*sum(z) - u)",
        terminal="max(max(x) - 120, 0) - 2*max(max(x) - 150, 0)",
    )


ENTRY = NamedEquation(
    name="black-scholes-two-rates",
    summary="Black-Scholes equation with two interest rates, call spread on the best of d assets",
    dim=100,
    box=(90.0, 110.0),
    equation=equation,
    source="E, Han, Jentzen, Commun. Math. Stat. 5 (2017), 4.4",
)
