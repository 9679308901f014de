"""A mixture of 40 modes in 30 dimensions tilted by a reward: our islands beside URGE as described, and exact draws.

    OMP_NUM_THREADS=1 python benchmarks/posterior/tilted_mixture.py

R(x) = -|x - 2|^2/(2 v), means uniform in (-10, 10)^30. Sliced 2-Wasserstein distance over 100 directions of 5,000
draws to as many exact ones. The proposal is the one that a pilot of 16 islands of 64 particles chooses.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cells import Cell, cell, publish
from jobs import piloted, run, sliced
from mixtures import tilted

DIM, MODES, SEEDS, DRAWS = 30, 40, 5, 5_000
VARIANCES = (200.0, 40.0, 10.0)
METHODS: dict[str, tuple[dict[str, Any], int]] = {
    "ours": ({"particles": 512}, 16),
    "urge": ({"method": "urge", "particles": 512}, 8),
}
"""What is asked for, and islands."""


def one(variance: float, seed: int) -> Cell:
    problem, rng = tilted(DIM, MODES, variance, seed), np.random.default_rng(1_000 + seed)
    exact = problem.posterior.draw(DRAWS, rng)
    found: Cell = {"floor": sliced(problem.posterior.draw(DRAWS, rng), exact, rng)}
    for name, (more, islands) in METHODS.items():
        spec, pilot = piloted({**problem.body, "outputs": ["mean", "samples"], **more}, seed)
        done = run(spec, islands, seed)
        live = done.islands.log_weight[done.islands.live]
        found[name] = {
            "distance": sliced(done.draws(DRAWS, seed), exact, rng),
            "seconds": pilot + done.build + done.seconds,
            "spread": float(live.std(ddof=1)),
        }
    return found


def row(variance: float) -> Cell:
    found = [cell("tilted_mixture", f"{variance:g}-{seed}", lambda s=seed: one(variance, s)) for seed in range(SEEDS)]
    mean = lambda values: float(np.mean(values))  # noqa: E731
    return {
        "variance": variance,
        "seeds": SEEDS,
        "floor": mean([each["floor"] for each in found]),
        **{
            name: {key: mean([each[name][key] for each in found]) for key in ("distance", "seconds", "spread")}
            for name in METHODS
        },
    }


def main() -> None:
    """All cells, then the results."""
    publish("tilted_mixture", "python benchmarks/posterior/tilted_mixture.py", [row(v) for v in VARIANCES], draws=DRAWS)


if __name__ == "__main__":
    main()
