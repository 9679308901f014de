"""Linear-quadratic-Gaussian control with a quadratic form: mu = 0, sigma = sqrt 2, F = -|z|^2/2, T = 1,
g = log((1 + x^T Q x)/2), Q = diag(1/2 + i/d) + 1 1^T/d.

Positive definite in every dimension (eigenvalues from 1/2 + 1/d to at most 5/2), neither the identity nor diagonal:
coordinates weigh differently and hang together. trace Q = d + 3/2. A method that treats x by its norm alone, or
coordinate by coordinate, cannot get it right. For Q = Id it is `hjb-log`.
"""

from __future__ import annotations

from burnish.wire.specs.surrogate import Equation
from burnish_workers.kinds.surrogate.catalogue import NamedEquation

FORM = "(dot(0.5 + i/d, x**2) + sum(x)**2/d)"
"""x^T Q x."""


def equation(dim: int) -> Equation:
    return Equation(
        dim=dim, horizon=1.0, diffusion="sqrt(2)", nonlinearity="-norm2(z)/2", terminal=f"log((1 + {FORM})/2)"
    )


ENTRY = NamedEquation(
    name="hjb-quadratic-form",
    summary="Hamilton-Jacobi-Bellman equation of LQG control, log of a quadratic form",
    dim=100,
    box=(-0.5, 0.5),
    equation=equation,
    source="after E, Han, Jentzen, Commun. Math. Stat. 5 (2017), 4.3, and arXiv 2504.16172; this Q is our own",
)
