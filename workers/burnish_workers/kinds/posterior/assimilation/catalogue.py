"""Dynamics known by name: what the front must know of them. Their rates are in `dynamics`. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """dx/dt = f(x; parameters). `dim`: the usual one; `least`: the smallest that makes sense; `fixed`: no other."""

    summary: str
    dim: int
    least: int
    fixed: bool
    dt: float
    parameters: Mapping[str, float]
    source: str


CATALOGUE: Mapping[str, Known] = {
    "lorenz63": Known(
        "x' = sigma (y - x), y' = x (rho - z) - y, z' = x y - beta z; chaotic, three coordinates",
        3,
        3,
        True,
        0.01,
        {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3},
        "E. N. Lorenz, Deterministic nonperiodic flow, J. Atmos. Sci. 20 (1963)",
    ),
    "lorenz96": Known(
        "x_i' = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + forcing on a ring; chaotic from forcing 8 on",
        40,
        4,
        False,
        0.05,
        {"forcing": 8.0},
        "E. N. Lorenz, Predictability: a problem partly solved, ECMWF seminar (1996)",
    ),
}
