"""Dynamics known by name: what the front must know of them. Their rates are in `dynamics`. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from burnish.wire import CatalogueEntry


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

LINEAR = "linear-gaussian"
"""The dynamics that have a name and bring no numbers: A comes with the job."""


def entries() -> list[CatalogueEntry]:
    """The dynamics for the service's catalogue."""
    return [*(_entry(name, known) for name, known in CATALOGUE.items()), _linear()]


def _entry(name: str, known: Known) -> CatalogueEntry:
    details = {
        "dim": known.dim,
        "least_dim": known.least,
        "fixed_dim": known.fixed,
        "dt": known.dt,
        "parameters": dict(known.parameters),
        "source": known.source,
    }
    return CatalogueEntry(kind="posterior", type="dynamics", name=name, summary=known.summary, details=details)


def _linear() -> CatalogueEntry:
    source = "R. E. Kalman, A new approach to linear filtering and prediction problems, J. Basic Eng. 82 (1960)"
    return CatalogueEntry(
        kind="posterior",
        type="dynamics",
        name=LINEAR,
        summary="x' = matrix x + offset + N(0, noise); the job states the matrix, d x d, and may state an offset",
        details={"least_dim": 1, "fixed_dim": False, "required": ["matrix"], "source": source},
    )
