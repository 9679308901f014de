"""The lower half of a digit from its upper half: does the evidence vary little, and do different proposals agree?

    OMP_NUM_THREADS=1 python benchmarks/posterior/inpainting.py

Prior `digits`, 60 steps, 32 of 64 pixels seen with noise of 0.3. The exact answer is not known; what is known is that
islands of every proposal have the same mean of Z^. FK steering forgets weights, and its Z^ shows by how much.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cells import Cell, cell, publish
from jobs import resolved, run

from burnish_workers.core.jackknife import evidence, log_evidence, pseudo_values
from burnish_workers.kinds.posterior.train import pictures

SIGMA, SHOWN = 0.3, 3
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "kalman, 1024": ({"guidance": {"type": "kalman"}, "particles": 1024}, 5),
    "kalman, 256": ({"guidance": {"type": "kalman"}, "particles": 256}, 8),
    "gradient, 256": ({"guidance": {"type": "gradient"}, "particles": 256}, 8),
    "gradient times 0.25, 256": ({"guidance": {"type": "gradient", "strength": 0.25}, "particles": 256}, 8),
    "none, 256": ({"guidance": {"type": "none"}, "particles": 256}, 8),
    "fk_steering, 256": ({"method": "fk_steering", "particles": 256}, 4),
}
"""What is asked for, and islands."""


def body() -> dict[str, Any]:
    """The upper half of a picture, with noise."""
    picture = pictures().x[SHOWN].reshape(-1).double().numpy()
    y = picture[:32] + SIGMA * np.random.default_rng(0).standard_normal(32)
    mask = [[1.0] * 8 if row < 4 else [0.0] * 8 for row in range(8)]
    operator = {"type": "inpaint", "mask": mask}
    return {
        "prior": {"name": "digits"},
        "chain": {"steps": 60},
        "observation": {"operator": operator, "y": y.tolist(), "sigma": SIGMA},
        "outputs": ["mean"],
    }


def one(more: dict[str, Any], islands: int) -> Cell:
    found = run(resolved({**body(), **more}), islands, seed=1, block=1)
    error = pseudo_values(found.islands, evidence).std(ddof=1) / islands**0.5
    return {
        "islands": islands,
        "log_evidence": log_evidence(found.islands),
        "error": float(error),
        "spread": float(found.islands.log_weight.std(ddof=1)),
        "seconds": found.seconds / islands,
    }


def main() -> None:
    """All cells, then the results."""
    rows = [
        {"case": name, "particles": more["particles"], **cell("inpainting", name, lambda m=more, n=count: one(m, n))}
        for name, (more, count) in CASES.items()
    ]
    publish("inpainting", "python benchmarks/posterior/inpainting.py", rows)


if __name__ == "__main__":
    main()
