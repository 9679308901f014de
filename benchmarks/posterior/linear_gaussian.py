"""A chain whose evidence is known exactly: is E[Z^] = Z, and how much does log Z^ vary, by proposal and potential?

    OMP_NUM_THREADS=1 python benchmarks/posterior/linear_gaussian.py

Prior N(mu, C) in 8 dimensions by 50 Euler steps of the variance-preserving SDE; two numbers are seen, with noise of 0.5
or 0.1; 32 particles an island. The evidence is that of the chain's own last state.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cells import Cell, cell, publish
from jobs import Array, resolved, run

from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import log_evidence
from burnish_workers.kinds.posterior.chain import vp_euler
from burnish_workers.kinds.posterior.references.chain import chain_law

DIM, STEPS, PARTICLES = 8, 50, 32
SIGMAS = (0.5, 0.1)
FORMULA = ["sum(sin(i)*x)/2", "sum(cos(i)*x)/2"]
PROPOSALS: dict[str, dict[str, Any]] = {
    "none": {"guidance": {"type": "none"}},
    "gradient": {"guidance": {"type": "gradient"}},
    "kalman": {"guidance": {"type": "kalman"}},
    "ensemble": {"guidance": {"type": "ensemble"}},
    "urge": {"method": "urge"},
}
WAYS: dict[str, dict[str, Any]] = {
    "ESS": {"resampling": {"threshold": 0.5}, "potential": {"tempering": "none"}},
    "every step": {"resampling": {"threshold": 1.0}, "potential": {"tempering": "none"}},
    "adaptive": {"resampling": {"threshold": 0.5}, "potential": {"tempering": "adaptive"}},
}
ISLANDS = {"none": 1_200, "ensemble": 800, "urge": 1_600}
"""Of a case, 400 where nothing is said."""


def numbers() -> dict[str, Array]:
    rng = np.random.default_rng(123)
    mean, root = rng.standard_normal(DIM), rng.standard_normal((DIM, DIM)) / DIM**0.5
    i = np.arange(1, DIM + 1)
    matrix = np.stack([np.sin(i), np.cos(i)]) / 2
    y = matrix @ mean + rng.standard_normal(2)
    return {"mean": mean, "covariance": root @ root.T + 0.1 * np.eye(DIM), "matrix": matrix, "y": y}


def body(sigma: float, proposal: str, way: str) -> dict[str, Any]:
    n = numbers()
    black_box = {"type": "expression", "expression": FORMULA}
    operator = black_box if proposal == "ensemble" else {"type": "matrix", "matrix": n["matrix"].tolist()}
    mixture = {"means": [n["mean"].tolist()], "covariances": n["covariance"].tolist()}
    return {
        "prior": {"mixture": mixture},
        "chain": {"scheduler": "vp", "steps": STEPS, "start": "normal"},
        "observation": {"operator": operator, "y": n["y"].tolist(), "sigma": sigma},
        "outputs": ["log_evidence"],
        "particles": PARTICLES,
        **PROPOSALS[proposal],
        **(WAYS[way] if proposal != "urge" else {}),
    }


def exact(sigma: float) -> float:
    n = numbers()
    law = chain_law(vp_euler(STEPS), n["mean"], n["covariance"])
    return law.log_evidence(n["matrix"], n["y"], np.full(2, sigma**2))


def one(sigma: float, proposal: str, way: str) -> Cell:
    count, truth = ISLANDS.get(proposal, 400), exact(sigma)
    done = run(resolved(body(sigma, proposal, way)), count, seed=3, block=100)
    found = done.islands.log_weight
    four = np.array([log_evidence(Islands.of(each, np.zeros((4, 0)))) for each in found.reshape(-1, 4)])
    shares = [np.exp(values - truth) for values in (found, four)]
    return {
        "islands": count,
        "share": [[float(z.mean()), float(z.std(ddof=1) / len(z) ** 0.5)] for z in shares],
        "spread": float(found[np.isfinite(found)].std(ddof=1)),
        "mean": float(found[np.isfinite(found)].mean() - truth),
        "seconds": done.seconds / count,
    }


def main() -> None:
    """All cells, then the results."""
    rows: list[Cell] = []
    for sigma in SIGMAS:
        for proposal in PROPOSALS:
            for way in WAYS if proposal != "urge" else ["every step"]:
                key = f"{sigma}-{proposal}-{way}"
                done = cell("linear_gaussian", key, lambda s=sigma, p=proposal, w=way: one(s, p, w))
                rows.append({"sigma": sigma, "proposal": proposal, "way": way, **done})
    publish("linear_gaussian", "python benchmarks/posterior/linear_gaussian.py", rows, particles=PARTICLES)


if __name__ == "__main__":
    main()
