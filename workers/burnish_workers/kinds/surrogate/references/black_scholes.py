"""References for the two Black-Scholes equations: finite differences for one asset, known values for a hundred.

One asset, in y = log x:  v_tau = s^2/2 (v_yy - v_y) + m v_y + F(v, s v_y),  v(0, y) = g(e^y). Central differences on a
uniform grid which has the kinks of g among its nodes, so that the error is regular, a h^2 + ..., and extrapolation,
(4 v_{h/2} - v_h)/3, takes its first term away. At both ends, 9 standard deviations away, v is linear in x, v_yy = v_y.
Radau in time (Hairer, Wanner, Solving Ordinary Differential Equations II, IV.8). Off by less than 1e-5 (a test).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline
from scipy.sparse import csc_matrix, diags

Floats = NDArray[np.float64]
Reaction = Callable[[Floats, Floats], tuple[Floats, Floats, Floats]]
"""F, F_u, F_z as functions of u and z (the sum of its coordinates)."""

PUBLISHED: dict[str, float] = {"black-scholes-default": 57.300, "black-scholes-two-rates": 21.299}
"""u(0, (100, ..., 100)) for d = 100 by multilevel Picard iteration, as E, Han, Jentzen (2017), 4.1 and 4.4, report it
from E, Hutzenthaler, Jentzen, Kruse (J. Sci. Comput. 79, 2019). The first is right; the second is 0.6 % too high."""

SIMULATED: dict[str, tuple[float, float]] = {
    "black-scholes-default": (57.2985, 0.0044),
    "black-scholes-two-rates": (21.176, 0.004),
}
"""The same and one standard error by `black_scholes_simulated`: Picard iteration with n = 3, M = 16 (57.3012 +- 0.0057)
and n = 4, M = 8 (57.2942 +- 0.0071); the borrowing policies of three linear prices, 32 times (21.174, 21.176; 8 times:
21.162, 21.167, 21.171). The policies of 4 % and of 6 % differ 2 % of the time, when 0.002 at most is at stake."""

SIGMA = 0.2
STEP = 0.004
_REACH = 9.0


@dataclass(frozen=True)
class _Line:
    """An equation for one asset: m, T, F and g; `anchor`: log x of one node, `unit`: between two kinks of g."""

    growth: float
    horizon: float
    reaction: Reaction
    terminal: Callable[[Floats], Floats]
    anchor: float
    unit: float


def _default_reaction(u: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
    intensity: Floats = np.clip(0.2 - 0.009 * (u - 50), 0.02, 0.2)
    rate: Floats = intensity / 3.0 + 0.02
    falls: Floats = np.where((u > 50) & (u < 70), 0.003, 0.0)
    none: Floats = np.zeros_like(u)
    return -rate * u, falls * u - rate, none


def _two_rates_reaction(u: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
    borrows = z / SIGMA > u
    value = -0.04 * u - 0.02 / SIGMA * z + np.where(borrows, 0.02 * (z / SIGMA - u), 0.0)
    by_u: Floats = np.where(borrows, -0.06, -0.04)
    return value, by_u, np.where(borrows, 0.0, -0.02 / SIGMA)


_DEFAULT = _Line(0.02, 1.0, _default_reaction, lambda x: x, np.log(100), 1.0)
_TWO_RATES = _Line(
    0.06,
    0.5,
    _two_rates_reaction,
    lambda x: np.maximum(x - 120, 0) - 2 * np.maximum(x - 150, 0),
    np.log(120),
    np.log(150 / 120),
)


def black_scholes_default(t: Floats, x: Floats, step: float = STEP) -> Floats:
    """u at times t (m,) and places x (m, 1), 10 <= x <= 1000."""
    return _values(_DEFAULT, t, x, step)


def black_scholes_two_rates(t: Floats, x: Floats, step: float = STEP) -> Floats:
    """u at times t (m,) and places x (m, 1), 10 <= x <= 1000."""
    return _values(_TWO_RATES, t, x, step)


def _values(line: _Line, t: Floats, x: Floats, step: float) -> Floats:
    if x.shape[1] != 1 or not ((x >= 10) & (x <= 1000)).all():
        raise ValueError(f"this reference is for one asset, 10 <= x <= 1000; got shape {x.shape}")
    coarse, fine = (_on_grid(line, t, np.log(x[:, 0]), h) for h in (step, step / 2))
    return (4 * fine - coarse) / 3


def _on_grid(line: _Line, t: Floats, y: Floats, step: float) -> Floats:
    found = [_solution(line, float(time), step)(place) for time, place in zip(t, y, strict=True)]
    return np.array(found, dtype=np.float64)


@lru_cache(maxsize=64)
def _solution(line: _Line, time: float, step: float) -> Callable[[Floats], Floats]:
    """v(time, .) as a function of y."""
    h = line.unit / round(line.unit / step)
    low, high = np.log(10) - _REACH * SIGMA, np.log(1000) + _REACH * SIGMA
    y = line.anchor + h * np.arange(np.floor((low - line.anchor) / h), np.ceil((high - line.anchor) / h) + 1)
    slope, generator = _differences(len(y), h)
    generator = generator + line.growth * slope
    start = line.terminal(np.exp(y))

    def derivative(tau: float, v: Floats) -> Floats:
        return generator @ v + line.reaction(v, SIGMA * (slope @ v))[0]

    def jacobian(tau: float, v: Floats) -> Any:
        _, by_u, by_z = line.reaction(v, SIGMA * (slope @ v))
        return csc_matrix(generator + diags(by_u) + diags(SIGMA * by_z) @ slope)

    if time >= line.horizon:
        return lambda y: line.terminal(np.exp(y))
    solved = solve_ivp(derivative, (0.0, line.horizon - time), start, "Radau", jac=jacobian, rtol=1e-8, atol=1e-8)
    return CubicSpline(y, solved.y[:, -1])


def _differences(nodes: int, h: float) -> tuple[Any, Any]:
    """d/dy and s^2/2 (d^2/dy^2 - d/dy), sparse; the latter vanishes at both ends, where the former is one-sided."""
    sparse: Any = diags  # whose types do not know that it takes lists
    slope = sparse([-1.0, 1.0], [-1, 1], shape=(nodes, nodes)).tolil() / (2 * h)
    slope[0, :3] = np.array([-3.0, 4.0, -1.0]) / (2 * h)
    slope[-1, -3:] = np.array([1.0, -4.0, 3.0]) / (2 * h)
    bend = sparse([1.0, -2.0, 1.0], [-1, 0, 1], shape=(nodes, nodes)).tolil() / h**2
    generator = (SIGMA**2 / 2 * (bend - slope)).tolil()
    generator[0, :] = generator[-1, :] = 0
    return csc_matrix(slope), csc_matrix(generator)
