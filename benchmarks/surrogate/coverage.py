"""Do the intervals that a watcher sees hold? Joint coverage over all looks, point by point.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/coverage.py

A point is covered when no interval that was published for it, at any look, misses. Two kinds of jobs: those of
`accuracy.py`, whose few replicates are what a job of 1,000 points has after some seconds; and jobs that go on to some
hundred replicates, with the guard's full tests. A look may refuse a point; such looks are counted apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accuracy import SEEDS, observed, rows
from cells import Cell, cell, publish
from jobs import Array
from problems import Case
from scipy.stats import beta

from burnish_workers.core.inputs import NOTHING, Inputs
from burnish_workers.kinds.surrogate.references import hjb_log, viscous_burgers

POINTS = 200


@dataclass(frozen=True)
class Long:
    """A job of so many evaluations per point; `surrogate`: as posted, with what was uploaded."""

    name: str
    problem: dict[str, Any]
    surrogate: Callable[[], tuple[dict[str, Any], Inputs]]
    horizon: float
    exact: Callable[[Array, Array], Array]
    evaluations: int


def _expression(text: str) -> Callable[[], tuple[dict[str, Any], Inputs]]:
    return lambda: ({"expression": text}, NOTHING)


LONG = (
    Long(
        "VB 20, early, long",
        {"name": "viscous-burgers", "dim": 20},
        Case("viscous-burgers", 20, "early").surrogate,
        0.5,
        viscous_burgers,
        8_000,
    ),
    Long(
        "VB 20, 8 % off, long",
        {"name": "viscous-burgers", "dim": 20},
        _expression("sigmoid(t + sum(x))*(1 + 0.08*cos(sum(x)))"),
        0.5,
        viscous_burgers,
        8_000,
    ),
    Long(
        "hjb-log 20, 10 % off, long",
        {"name": "hjb-log", "dim": 20},
        _expression("1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)"),
        1.0,
        hjb_log,
        16_000,
    ),
)


def run(long: Long, seed: int) -> Cell:
    """One job of POINTS points."""
    rng, dim = np.random.default_rng(3_000 + seed), long.problem["dim"]
    t, x = rng.uniform(0, long.horizon, POINTS), rng.uniform(-0.5, 0.5, (POINTS, dim))
    surrogate, inputs = long.surrogate()
    return observed(long.problem, surrogate, inputs, t, x, long.exact(t, x), seed, "auto", long.evaluations)


def limits(covered: int, points: int) -> list[float]:
    """95 % limits of a share (Clopper and Pearson 1934)."""
    low = float(beta.ppf(0.025, covered, points - covered + 1)) if covered else 0.0
    return [low, float(beta.ppf(0.975, covered + 1, points - covered)) if covered < points else 1.0]


def long_row(long: Long) -> Cell:
    runs = [cell("coverage", f"{long.name.replace(' ', '-')}-s{s}", lambda s=s: run(long, s)) for s in SEEDS]
    covered, points = (sum(each[name] for each in runs) for name in ("covered", "points"))
    looks = sum(each["published"] + each["refused"] for each in runs)
    return {
        "case": long.name,
        "methods": sorted({each["method"] for each in runs}),
        "replicates": min(each["replicates"] for each in runs),
        "points": points,
        "covered": covered / points,
        "limits": limits(covered, points),
        "refused": sum(each["refused"] for each in runs) / looks,
        "bias_share": float(np.mean([each["bias_share"] for each in runs])),
        "ratio": float(np.mean([each["error"] / each["surrogate_error"] for each in runs])),
    }


def short_row(row: Cell) -> Cell:
    kept = ("case", "methods", "replicates", "points", "covered", "refused", "bias_share")
    share = limits(round(row["covered"] * row["points"]), row["points"])
    return {**{name: row[name] for name in kept}, "limits": share, "ratio": row["ratio"][0]}


def main() -> None:
    """Run what is missing and print one row per kind of job."""
    torch.set_num_threads(1)
    found = [*map(short_row, rows()), *map(long_row, LONG)]
    for row in found:
        print(row, flush=True)
    publish("coverage", "python benchmarks/surrogate/coverage.py", found)


if __name__ == "__main__":
    main()
