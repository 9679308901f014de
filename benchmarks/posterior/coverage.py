"""Do 95 % intervals from 16 islands hold in 95 % of jobs?

    OMP_NUM_THREADS=1 python benchmarks/posterior/coverage.py

400 jobs of a mixture in two dimensions whose posterior is known; one look, at the end: the interval of a plan that ends
with 16 islands, as the engine would publish it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cells import Cell, cell, publish
from jobs import KIND, resolved
from scipy.stats import binomtest

from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key
from burnish_workers.core.report import report, schedule_of
from burnish_workers.kinds.posterior.references.mixture import Gaussians

JOBS, ISLANDS = 400, 16
MEANS, WEIGHTS = [[-3.0, -3.0], [0.0, 3.0], [3.0, 0.0]], [1.0, 2.0, 1.0]
MATRIX, Y, SIGMA = [[0.8, 0.6]], [1.0], 0.5
SIZES = (16, 64)
"""Particles of an island."""


def body(particles: int) -> dict[str, Any]:
    return {
        "prior": {"mixture": {"means": MEANS, "weights": WEIGHTS}},
        "observation": {"operator": {"type": "matrix", "matrix": MATRIX}, "y": Y, "sigma": SIGMA},
        "outputs": ["mean", "std", "log_evidence"],
        "particles": particles,
        "interval": "fixed",
    }


def exact() -> np.ndarray:
    prior = Gaussians.of(np.array(MEANS), np.array(WEIGHTS))
    seen = np.array(MATRIX), np.array(Y), np.array([SIGMA**2])
    posterior = prior.posterior(*seen)
    return np.concatenate([posterior.mean, posterior.std, [prior.log_evidence(*seen)]])


def one(particles: int) -> Cell:
    spec, truth = resolved(body(particles)), exact()
    changed = {"block": ISLANDS, "first_block": ISLANDS, "tail": 8}
    spec = spec.model_copy(update={"resolution": spec.resolution.model_copy(update=changed)})  # pyright: ignore
    simulator, statistics = KIND.load()(spec, "cpu", NOTHING), KIND.statistics(spec, NOTHING)
    hits, refused, spread = [], 0, []
    for job in range(JOBS):
        _, block = simulator.advance({}, block_key(job, 0, 0), 0, ISLANDS)
        answer = statistics.answer(statistics.fold(statistics.empty(), block))
        found = report(spec, schedule_of(spec), statistics, answer, 1, ends=True)
        spread.append(answer.diagnostics["sd_log_evidence"])
        if found.interval is None or any(low is None for low in found.interval.lower):
            refused += 1
            continue
        lower, upper = (np.array(side, float) for side in (found.interval.lower, found.interval.upper))
        hits.append(((lower <= truth) & (truth <= upper)).tolist())
    return {"hits": np.mean(hits, axis=0).tolist(), "kept": len(hits), "refused": refused, "spread": np.mean(spread)}


def rows() -> list[Cell]:
    names = ("mean 1", "mean 2", "std 1", "std 2", "log evidence")
    found: list[Cell] = []
    for particles in SIZES:
        done = cell("coverage", f"{particles}", lambda n=particles: one(n))
        for name, share in zip(names, done["hits"], strict=True):
            limits = binomtest(round(share * done["kept"]), done["kept"]).proportion_ci(0.95)
            found.append(
                {
                    "particles": particles,
                    "output": name,
                    "covered": share,
                    "limits": [limits.low, limits.high],
                    "refused": done["refused"] / JOBS,
                    "spread": done["spread"],
                }
            )
    return found


def main() -> None:
    """All cells, then the results."""
    publish("coverage", "python benchmarks/posterior/coverage.py", rows(), jobs=JOBS, islands=ISLANDS)


if __name__ == "__main__":
    main()
