"""The Cole-Hopf solution of `hjb-log` to machine precision, in any dimension.

With F = -|z|^2/2 and sigma = sqrt 2, exp(-u) solves the heat equation: with tau = T - t,
exp(-u(t, x)) = E[2 / (1 + |x + sqrt(2 tau) N|^2)]. From 1/a = int_0^inf e^{-a y} dy and the Laplace transform of a
non-central chi-square,

    exp(-u) = 2 int_0^inf e^{-a} (1 + 4 a tau)^{-d/2} exp(-a |x|^2 / (1 + 4 a tau)) da.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad


def _one(tau: float, squared_norm: float, dim: int) -> float:
    scale = 2 * dim * tau + squared_norm + 1  # the integrand lives on a ~ 1/scale

    def integrand(y: float) -> float:
        a = y / scale
        spread = 1 + 4 * a * tau
        return 2 * math.exp(-a - dim / 2 * math.log(spread) - a * squared_norm / spread) / scale

    pieces = ((0.0, 10.0), (10.0, 60.0), (60.0, 2000.0))
    return -math.log(sum(quad(integrand, *piece, epsabs=0, epsrel=1e-12, limit=400)[0] for piece in pieces))


def hjb_log(t: NDArray[np.float64], x: NDArray[np.float64], horizon: float = 1.0) -> NDArray[np.float64]:
    """u at times t (m,) and places x (m, d)."""
    squares = np.einsum("md,md->m", x, x)
    return np.array([_one(horizon - float(s), float(q), x.shape[1]) for s, q in zip(t, squares, strict=True)])
