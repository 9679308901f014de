"""Is what was asked for achieved? Jobs with a tolerance, through the public API, against exact solutions.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/tolerance.py

Each job asks for a tolerance at POINTS points at once, relative to what is wrong with its surrogate, and stops by
itself. Reported: the largest half-width over the tolerance, and |error| over the tolerance at every point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from cells import Cell, cell, publish
from jobs import uncorrected
from problems import Case

from burnish import Burnish

POINTS, SEEDS, PATIENCE = 20, range(3), 60.0


@dataclass(frozen=True)
class Ask:
    """`shrink`: the tolerance as a share of the surrogate's root mean square error."""

    case: Case
    shrink: float


ASKS = (
    Ask(Case("viscous-burgers", 20, "pinn"), 0.1),
    Ask(Case("viscous-burgers", 20, "early"), 0.05),
    Ask(Case("viscous-burgers", 20, "gp"), 0.5),
    Ask(Case("viscous-burgers", 80, "pinn"), 0.4),
    Ask(Case("linear-convection-diffusion", 60, "pinn"), 0.05),
    Ask(Case("diffusion-reaction", 100, "pinn"), 0.8),
    Ask(Case("hjb-quadratic-form", 100, "pinn"), 0.1),
)


def run(client: Burnish, ask: Ask, seed: int) -> Cell:
    """One job, as a user would post it."""
    t, x = ask.case.draw(POINTS, 5_000 + seed)
    truth = ask.case.exact(t, x)
    named, inputs = ask.case.surrogate()
    value = uncorrected(named, inputs, t, x)
    tolerance = ask.shrink * float(np.sqrt(np.mean((value - truth) ** 2)))
    budget: dict[str, Any] = {"abs_tol": tolerance, "worker_seconds": PATIENCE}
    job = client.surrogate(
        problem=ask.case.named,
        surrogate=client.upload_model(ask.case.file),
        points=x,
        t=t.tolist(),
        budget=budget,
        seed=seed,
    ).wait()
    last = job.snapshot.last_refinement
    assert last is not None
    error = np.abs(np.array(last.estimate.value, dtype=float) - truth) / tolerance
    widths = None
    if last.interval is not None:
        pairs = zip(last.interval.lower, last.interval.upper, strict=True)
        widths = [np.nan if low is None or high is None else (high - low) / 2 / tolerance for low, high in pairs]
    return {
        "stopped_by": job.snapshot.stopped_by,
        "refused": None if last.refused is None else last.refused.code,
        "points_refused": 0 if last.refused is None else len(last.refused.outputs or range(POINTS)),
        "tolerance": tolerance,
        "half_width": None if widths is None else float(np.max(widths)),
        "errors": [float(e) for e in error],
        "worker_seconds": job.snapshot.spent.worker_seconds,
    }


def rows() -> list[Cell]:
    """One row per ask."""
    found: list[Cell] = []
    with Burnish.local(workers=1) as client:
        for ask in ASKS:
            if not ask.case.file.exists():
                continue
            runs = [
                cell("tolerance", f"{ask.case.key}-{ask.shrink}-s{s}", lambda a=ask, s=s: run(client, a, s))
                for s in SEEDS
            ]
            found.append(summary(ask, runs))
            print({name: value for name, value in found[-1].items() if name != "errors"}, flush=True)
    return found


def summary(ask: Ask, runs: list[Cell]) -> Cell:
    """Over the seeds; `met`: jobs whose last intervals are all within tolerance, `within`: points within it."""
    met = [run for run in runs if run["half_width"] is not None and run["half_width"] <= 1]
    errors = [e for run in met for e in run["errors"]]
    return {
        "case": ask.case.label,
        "asked": ask.shrink,
        "jobs": len(runs),
        "met": len(met),
        "stopped_by": sorted({str(run["stopped_by"]) for run in runs}),
        "half_width": max((run["half_width"] for run in met), default=None),
        "points": len(errors),
        "within": float(np.mean(np.array(errors) <= 1)) if errors else None,
        "error_median": float(np.median(errors)) if errors else None,
        "error_largest": max(errors, default=None),
        "errors": errors,
        "worker_seconds": float(np.mean([run["worker_seconds"] for run in runs])),
    }


def main() -> None:
    """Run what is missing and print a row per ask."""
    torch.set_num_threads(1)
    publish("tolerance", "python benchmarks/surrogate/tolerance.py", rows(), points=POINTS)


if __name__ == "__main__":
    main()
