"""The solution of the catalogue's Allen-Cahn equation, which depends on q = |x|^2 alone, in any dimension.

With tau = T - t:  phi_tau = 4 q phi_qq + 2 d phi_q + phi - phi^3,  phi(0, q) = s(q) = 1/(2 + 0.4 q).
In s, which takes [0, inf) to (0, 1/2], phi is smooth up to both ends, where the equation degenerates and needs no
boundary condition: phi_q = -0.4 s^2 phi_s, phi_qq = 0.16 s^4 phi_ss + 0.32 s^3 phi_s, q = (1/s - 2)/0.4. Chebyshev
collocation in s (Trefethen, Spectral Methods in MATLAB, 2000, chapter 6), Radau in tau.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import BarycentricInterpolator

HORIZON = 0.3
NODES = 40


def allen_cahn(t: NDArray[np.float64], x: NDArray[np.float64], nodes: int = NODES) -> NDArray[np.float64]:
    """u at times t (m,) and places x (m, d)."""
    s = 1 / (2 + 0.4 * np.einsum("md,md->m", x, x))
    found = [
        float(BarycentricInterpolator(_chebyshev(nodes)[0], _solution(x.shape[1], float(time), nodes))(place))
        for time, place in zip(t, s, strict=True)
    ]
    return np.array(found)


@lru_cache(maxsize=256)
def _solution(dim: int, time: float, nodes: int) -> NDArray[np.float64]:
    """phi at the nodes."""
    s, slope = _chebyshev(nodes)
    # 4 q phi_qq + 2 d phi_q, with the poles of q at s = 0 multiplied out.
    second = 1.6 * (s**3 - 2 * s**4)
    first = 3.2 * (s**2 - 2 * s**3) - 0.8 * dim * s**2
    linear = second[:, None] * (slope @ slope) + first[:, None] * slope + np.eye(nodes)

    def derivative(tau: float, phi: NDArray[np.float64]) -> NDArray[np.float64]:
        return linear @ phi - phi**3

    def jacobian(tau: float, phi: NDArray[np.float64]) -> NDArray[np.float64]:
        return linear - np.diag(3 * phi**2)

    if time >= HORIZON:
        return s
    solved = solve_ivp(derivative, (0.0, HORIZON - time), s, "Radau", jac=jacobian, rtol=1e-10, atol=1e-13)
    return solved.y[:, -1]


@lru_cache(maxsize=8)
def _chebyshev(nodes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Chebyshev points on [0, 1/2] and the matrix that differentiates there."""
    k = np.arange(nodes)
    x = np.cos(np.pi * k / (nodes - 1))
    c = np.where((k == 0) | (k == nodes - 1), 2.0, 1.0) * (-1.0) ** k
    matrix = np.outer(c, 1 / c) / (x[:, None] - x + np.eye(nodes))
    matrix -= np.diag(matrix.sum(axis=1))
    return (x + 1) / 4, 4 * matrix
