"""Linear convection-diffusion: mu = -1/d, sigma = sqrt 2, F = 0, T = 1/2, g = T + sum x.

Source: Fan, Sun, Yang, Lu (arXiv 2504.16172), section 4. The solution is linear: whatever an estimator is wrong by here
is its own doing.
"""

from __future__ import annotations

from burnish.wire.specs.surrogate import Equation
from burnish_workers.kinds.surrogate.catalogue import NamedEquation

HORIZON = 0.5


def equation(dim: int) -> Equation:
    return Equation(dim=dim, horizon=HORIZON, drift="-1/d", diffusion="sqrt(2)", terminal=f"{HORIZON} + sum(x)")


ENTRY = NamedEquation(
    name="linear-convection-diffusion",
    summary="Linear convection-diffusion with a linear solution",
    dim=60,
    box=(-0.5, 0.5),
    equation=equation,
    source="Fan, Sun, Yang, Lu, arXiv 2504.16172, 4",
)
