"""Scaling laws: risk as a sum of powers of data and compute, fitted so that a few wild records do no harm.

    Risk(D, C) = A/D^a + B/C^b + E,

fitted in the logarithm with the loss of Huber (1964), minimising sum_i huber(log Risk(D_i, C_i) - log r_i) from many
starts (as Hoffmann et al., arXiv 2203.15556, section 3.3, with the *sum* and not the mean, so that tolerances of the
optimiser mean the same for any number of records). The corner of the loss is 1.35 median absolute deviations of the
residuals of a first fit.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

_Array = NDArray[np.float64]

EXPONENTS = (0.01, 3.0)
"""Where exponents are looked for."""
CORNER = 1.35
_FIRST_CORNER = 0.02
_LEAST_CORNER = 1e-4
_NOTHING = -60.0
"""The logarithm of a term that is not there."""


@dataclass(frozen=True, eq=False)
class Records:
    """Logarithms of what was measured; `data` or `compute` is None where the records do not have it or it never
    varies."""

    data: _Array | None
    compute: _Array | None
    risk: _Array

    def take(self, index: NDArray[np.int64]) -> Records:
        """Some of them, perhaps repeatedly."""
        data, compute = (None if axis is None else axis[index] for axis in (self.data, self.compute))
        return Records(data, compute, self.risk[index])

    @property
    def terms(self) -> int:
        return (self.data is not None) + (self.compute is not None)


@dataclass(frozen=True)
class Law:
    """`log_a`, `a`: of the data term; `log_b`, `b`: of the compute term; `log_floor`: of E. -60: it is absent."""

    log_a: float
    a: float
    log_b: float
    b: float
    log_floor: float

    def log_risk(self, data: _Array | float | None, compute: _Array | float | None) -> _Array:
        """log Risk at logarithms of data and compute."""
        parts = [np.asarray(self.log_floor, dtype=np.float64)]
        if data is not None:
            parts.append(self.log_a - self.a * np.asarray(data))
        if compute is not None:
            parts.append(self.log_b - self.b * np.asarray(compute))
        return np.logaddexp.reduce(np.stack(np.broadcast_arrays(*parts)), axis=0)


def fit(records: Records, *, floor: bool, start: Law | None = None) -> Law:
    """The law that fits best. `start`: begin there and nowhere else (resampled records, of which the fit is near)."""
    starts = [start] if start is not None else _starts(records, floor)
    corner = _FIRST_CORNER
    best = starts[0]
    for attempt in range(2):
        found = [_descend(records, each, floor, corner) for each in (starts if attempt == 0 else [best])]
        best = min(found, key=lambda pair: pair[1])[0]
        residual = best.log_risk(records.data, records.compute) - records.risk
        corner = max(CORNER * float(np.median(np.abs(residual - np.median(residual)))), _LEAST_CORNER)
    return best


def _starts(records: Records, floor: bool) -> list[Law]:
    lowest, middle = float(records.risk.min()), float(np.median(records.risk))
    exponents = [(0.2, 0.5, 1.0) if axis is not None else (1.0,) for axis in (records.data, records.compute)]
    floors = (lowest - 3.0, lowest - 0.7, lowest - 0.1) if floor else (_NOTHING,)
    found: list[Law] = []
    for a, b, log_floor in itertools.product(*exponents, floors):
        at = [0.0 if axis is None else float(np.median(axis)) for axis in (records.data, records.compute)]
        half = middle - (0.7 if records.terms == 2 else 0.0)
        found.append(Law(half + a * at[0], a, half + b * at[1], b, log_floor))
    return [_without_absent(law, records) for law in found]


def _without_absent(law: Law, records: Records) -> Law:
    law = law if records.data is not None else replace(law, log_a=_NOTHING, a=0.0)
    return law if records.compute is not None else replace(law, log_b=_NOTHING, b=0.0)


def _descend(records: Records, start: Law, floor: bool, corner: float) -> tuple[Law, float]:
    """A local minimum of the loss from `start`, and its value."""
    axes = [axis for axis in (records.data, records.compute) if axis is not None]
    centres = [float(axis.mean()) for axis in axes]
    given = [
        pair
        for pair, axis in (((start.log_a, start.a), records.data), ((start.log_b, start.b), records.compute))
        if axis is not None
    ]
    # Heights are taken at the middle of the records: there they hardly depend on the slopes.
    x0 = [v for (height, slope), c in zip(given, centres, strict=True) for v in (height - slope * c, slope)]
    bounds = [pair for _ in axes for pair in ((-80.0, 80.0), EXPONENTS)]
    if floor:
        x0.append(start.log_floor)
        bounds.append((-60.0, float(records.risk.max())))
    centred = [axis - c for axis, c in zip(axes, centres, strict=True)]

    def loss(x: _Array) -> tuple[float, _Array]:
        logs = np.stack([x[2 * i] - x[2 * i + 1] * axis for i, axis in enumerate(centred)])
        if floor:
            logs = np.vstack([logs, np.full(len(records.risk), x[-1])])
        total = np.logaddexp.reduce(logs, axis=0)
        residual = total - records.risk
        size = np.abs(residual)
        value = np.where(size <= corner, 0.5 * residual**2, corner * (size - 0.5 * corner)).sum()
        slope = np.clip(residual, -corner, corner) * np.exp(logs - total)
        gradient = [g for i, axis in enumerate(centred) for g in (slope[i].sum(), -(slope[i] * axis).sum())]
        return float(value) / corner, np.array([*gradient, *([slope[-1].sum()] if floor else [])]) / corner

    found = optimize.minimize(loss, x0, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
    x = [float(v) for v in found.x]
    pairs = [(x[2 * i] + x[2 * i + 1] * c, x[2 * i + 1]) for i, c in enumerate(centres)]
    log_a, a = pairs.pop(0) if records.data is not None else (_NOTHING, 0.0)
    log_b, b = pairs.pop(0) if records.compute is not None else (_NOTHING, 0.0)
    return Law(log_a, a, log_b, b, x[-1] if floor else _NOTHING), float(found.fun)
