"""Viscous Burgers: mu = -(1/d + s^2/2), sigma = s = 0.25, F = s u sum z, T = 1/2, g = sigmoid(T + sum x).

Source: Fan, Sun, Yang, Lu (arXiv 2504.16172), whose text says sigma = sqrt 2 but whose figures are for 0.25. Here
z = sigma^T grad u, so that F = s^2 u sum_i d_i u.
"""

from __future__ import annotations

from burnish.wire.specs.surrogate import Equation
from burnish_workers.kinds.surrogate.catalogue import NamedEquation

SIGMA = 0.25
HORIZON = 0.5


def equation(dim: int) -> Equation:
    return Equation(
        dim=dim,
        horizon=HORIZON,
        drift=f"-(1/d + {SIGMA}**2/2)",
        diffusion=f"{SIGMA}",
        nonlinearity=f"{SIGMA}*u*sum(z)",
        terminal=f"sigmoid({HORIZON} + sum(x))",
    )


ENTRY = NamedEquation(
    name="viscous-burgers",
    summary="Viscous Burgers, travelling wave, sigma = 0.25",
    dim=20,
    box=(-0.5, 0.5),
    equation=equation,
    source="Fan, Sun, Yang, Lu, arXiv 2504.16172, 4",
)
