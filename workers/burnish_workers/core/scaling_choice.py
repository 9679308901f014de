"""What a fitted law is good for: floor or none, how sure, and how to split a budget."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from burnish_workers.core.scaling_law import Law, Records, fit

_Array = NDArray[np.float64]

ORIGINS = (0.5, 0.6, 0.7, 0.8)
"""Shares of the records, smallest first, from which the others are foretold."""
CLEARLY = 0.95
"""A floor must foretell better than none by this factor: it is one more thing to be wrong about."""
RESAMPLES = 160
WIDER = 2.0
"""By how much the spread of resampled fits is widened, so that intervals cover (measured in the tests)."""


@dataclass(frozen=True)
class Choice:
    """Median errors in log risk when larger records are foretold from smaller ones; nan where there are too few."""

    floor: bool
    with_floor: float
    without_floor: float


def choose(records: Records) -> Choice:
    """With a floor, if larger records are foretold better with one."""
    size = np.zeros(len(records.risk))
    for axis in (records.data, records.compute):
        size = size + (0.0 if axis is None else (axis - axis.mean()) / axis.std())
    order = np.argsort(size, kind="stable")
    errors = {True: list[float](), False: list[float]()}
    for share in ORIGINS:
        known = round(share * len(order))
        small, large = records.take(order[:known]), records.take(order[known:])
        if known < 2 * records.terms + 3 or not _vary(small):
            continue
        for floor, found in errors.items():
            law = fit(small, floor=floor)
            found += np.abs(law.log_risk(large.data, large.compute) - large.risk).tolist()
    median = {floor: float(np.median(found)) if found else float("nan") for floor, found in errors.items()}
    return Choice(bool(median[True] < CLEARLY * median[False]), median[True], median[False])


def _vary(records: Records) -> bool:
    return all(axis is None or np.ptp(axis) > 0 for axis in (records.data, records.compute))


def resampled(records: Records, law: Law, *, floor: bool, seed: int = 0) -> list[Law]:
    """Fits to records drawn with replacement: how far the law might be off."""
    rng, n, found = np.random.default_rng(seed), len(records.risk), list[Law]()
    while len(found) < RESAMPLES:
        drawn = records.take(rng.integers(0, n, n))
        if _vary(drawn):
            found.append(fit(drawn, floor=floor, start=law))
    return found


def limits(centre: float, spread: _Array, level: float) -> tuple[float, float]:
    """Limits around `centre` from the values of resampled fits, widened to each side."""
    low, high = np.quantile(spread, [(1 - level) / 2, (1 + level) / 2])
    return centre - WIDER * max(centre - float(low), 0.0), centre + WIDER * max(float(high) - centre, 0.0)


def best_split(law: Law, budget: float, price_data: float, price_compute: float) -> tuple[float, float]:
    """(D, C) of least Risk with price_data D + price_compute C = budget.

    There a A D^(-a-1)/price_data = b B C^(-b-1)/price_compute.
    """

    def risk(log_share: float) -> float:
        share = float(np.exp(log_share))
        return float(law.log_risk(np.log(budget * share / price_data), np.log(budget * (1 - share) / price_compute)))

    grid = np.log(np.concatenate([np.geomspace(1e-9, 0.5, 200), 1 - np.geomspace(1e-9, 0.5, 200)[::-1]]))
    near = int(np.argmin([risk(float(g)) for g in grid]))
    around = (float(grid[max(near - 1, 0)]), float(grid[min(near + 1, len(grid) - 1)]))
    found = optimize.minimize_scalar(risk, bounds=around, method="bounded", options={"xatol": 1e-12})
    share = float(np.exp(found.x))
    return budget * share / price_data, budget * (1 - share) / price_compute
