"""The Cole-Hopf solutions of `hjb-log` and `hjb-quadratic-form` to machine precision, in any dimension.

With F = -|z|^2/2 and sigma = sqrt 2, exp(-u) solves the heat equation: with tau = T - t and g = log((1 + x^T Q x)/2),
exp(-u(t, x)) = E[2 / (1 + Y^T Q Y)], Y = x + sqrt(2 tau) N. From 1/a = int_0^inf e^{-a y} dy and the Laplace transform
of a quadratic form in normal variables, with Q = V diag(l) V^T and z = V^T x,

    exp(-u) = 2 int_0^inf e^{-a} prod_i (1 + 4 a tau l_i)^{-1/2} exp(-a sum_i l_i z_i^2 / (1 + 4 a tau l_i)) da.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad

Floats = NDArray[np.float64]


def _one(tau: float, values: Floats, squares: Floats) -> float:
    """u for eigenvalues l_i and squared coordinates z_i^2 in the basis of eigenvectors."""
    weights = values * squares
    scale = 2 * tau * values.sum() + weights.sum() + 1  # the integrand lives on a ~ 1/scale

    def integrand(y: float) -> float:
        a = y / scale
        spread = 1 + 4 * a * tau * values
        return 2 * math.exp(-a - 0.5 * np.log(spread).sum() - a * (weights / spread).sum()) / scale

    pieces = ((0.0, 10.0), (10.0, 60.0), (60.0, 2000.0))
    return -math.log(sum(quad(integrand, *piece, epsabs=0, epsrel=1e-12, limit=400)[0] for piece in pieces))


def log_quadratic(t: Floats, x: Floats, form: Floats, horizon: float = 1.0) -> Floats:
    """u at times t (m,) and places x (m, d) for a positive semidefinite Q (d, d)."""
    values, basis = np.linalg.eigh(form)
    squares = (x @ basis) ** 2
    return np.array([_one(horizon - float(s), values, row) for s, row in zip(t, squares, strict=True)])


def hjb_log(t: Floats, x: Floats, horizon: float = 1.0) -> Floats:
    """u at times t (m,) and places x (m, d): Q = Id."""
    return log_quadratic(t, x, np.eye(x.shape[1]), horizon)


def quadratic_form(dim: int) -> Floats:
    """Q = diag(1/2 + i/d) + 1 1^T/d of the catalogue."""
    return np.diag(0.5 + np.arange(1, dim + 1) / dim) + np.full((dim, dim), 1 / dim)


def hjb_quadratic_form(t: Floats, x: Floats) -> Floats:
    """u at times t (m,) and places x (m, d)."""
    return log_quadratic(t, x, quadratic_form(x.shape[1]))
