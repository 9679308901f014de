"""Allen-Cahn: mu = 0, sigma = sqrt 2, F = u - u^3, T = 0.3, g = 1/(2 + 0.4 |x|^2).

Source: E, Han, Jentzen (Commun. Math. Stat. 5, 2017), section 4.2.
"""

from __future__ import annotations

from burnish.wire.specs.surrogate import Equation
from burnish_workers.kinds.surrogate.catalogue import NamedEquation


def equation(dim: int) -> Equation:
    return Equation(dim=dim, horizon=0.3, diffusion="sqrt(2)", nonlinearity="u - u**3", terminal="1/(2 + 0.4*norm2(x))")


ENTRY = NamedEquation(
    name="allen-cahn",
    summary="Allen-Cahn equation, radial terminal condition",
    dim=100,
    box=(-0.5, 0.5),
    equation=equation,
    source="E, Han, Jentzen, Commun. Math. Stat. 5 (2017), 4.2",
)
