"""The inverse problems of MCGDiff with 25 modes: distance to the exact posterior, beside what exact draws have.

    OMP_NUM_THREADS=1 python benchmarks/posterior/mcgdiff_mixture.py

Sliced 2-Wasserstein distance over 100 directions of 5,000 draws to as many exact ones: of our islands, of MCGDiff
(128 particles and 100 steps, as its authors run it; all particles of all runs) and of another exact sample: the floor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cells import Cell, cell, publish
from jobs import resolved, run, sliced
from mixtures import Problem, inverse

ROWS, DRAWS = (1, 2, 4), 5_000
SEEDS = {8: 20, 80: 20, 800: 20}
"""Problems, by d."""
THEIRS: dict[str, Any] = {"method": "mcgdiff", "particles": 128, "chain": {"scheduler": "ddpm", "steps": 100}}
THEIR_RUNS = 40
OURS: dict[int, tuple[int, int]] = {8: (16, 512), 80: (16, 512), 800: (8, 256)}
"""Islands and particles, by d."""


def distance(problem: Problem, more: dict[str, Any], islands: int, seed: int) -> tuple[float, float, float]:
    """Distance, CPU-seconds, and sd of log Z^."""
    found = run(resolved({**problem.body, "outputs": ["mean", "samples"], **more}), islands, seed)
    rng = np.random.default_rng(seed)
    exact = problem.posterior.draw(DRAWS, rng)
    spread = float(found.islands.log_weight.std(ddof=1))
    return sliced(found.draws(DRAWS, seed), exact, rng), found.build + found.seconds, spread


def one(dim: int, rows: int, seed: int) -> Cell:
    problem, rng = inverse(dim, rows, seed), np.random.default_rng(1_000 + seed)
    islands, particles = OURS[dim]
    ours = distance(problem, {"particles": particles}, islands, seed)
    runs = THEIR_RUNS if dim < 800 else THEIR_RUNS // 4
    theirs = distance(problem, THEIRS, runs, seed)
    floor = sliced(problem.posterior.draw(DRAWS, rng), problem.posterior.draw(DRAWS, rng), rng)
    names = ("distance", "seconds", "spread")
    return {
        "floor": floor,
        "ours": dict(zip(names, ours, strict=True)),
        "theirs": dict(zip(names, theirs, strict=True)),
    }


def _over(found: list[Cell], who: str, name: str) -> list[float]:
    """Mean over seeds and its standard error."""
    values = np.array([each[who][name] for each in found])
    return [float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)]


def row(dim: int, rows: int, seeds: int) -> Cell:
    found = [cell("mcgdiff_mixture", f"{dim}-{rows}-{seed}", lambda s=seed: one(dim, rows, s)) for seed in range(seeds)]
    floors = np.array([each["floor"] for each in found])
    islands, particles = OURS[dim]
    return {
        "dim": dim,
        "rows": rows,
        "seeds": seeds,
        "floor": [float(floors.mean()), float(floors.std(ddof=1) / seeds**0.5)],
        "islands": islands,
        "particles": particles,
        "ours": _over(found, "ours", "distance"),
        "theirs": _over(found, "theirs", "distance"),
        "seconds": [_over(found, who, "seconds")[0] for who in ("ours", "theirs")],
        "spread": [_over(found, who, "spread")[0] for who in ("ours", "theirs")],
    }


def main() -> None:
    """All cells; results after every row, since the last ones take longest."""
    found: list[Cell] = []
    for dim, seeds in SEEDS.items():
        for rows in ROWS:
            found.append(row(dim, rows, seeds))
            publish("mcgdiff_mixture", "python benchmarks/posterior/mcgdiff_mixture.py", found, draws=DRAWS)


if __name__ == "__main__":
    main()
