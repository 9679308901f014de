"""Surrogate, simulation alone and corrected surrogate at the paper's sample counts, and whether the intervals hold.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/accuracy.py [--only VB] [--points 1000]

At most 410 evaluations of the residual per point (n = 2, M = 10 of multilevel Picard), all components counted, for
points drawn as in the paper. Each run streams intervals at its looks; a point is covered when no interval published
for it misses. The points of a job use independent randomness: they are independent trials, given the surrogate.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from cells import Cell, cell, publish
from jobs import Array, body, looks, uncorrected, within
from problems import Case, cases, relative

from burnish_workers.core.inputs import NOTHING, Inputs

EVALUATIONS = 410
PLAIN = "plain"
SEEDS = range(5)
POINTS = 1_000
"""Of a run: five runs are 5,000."""


def run(case: Case, method: str, seed: int, points: int, bare: bool = False) -> Cell:
    """One job: errors over its points, coverage over its looks."""
    t, x = case.draw(points, 1_000 + seed)
    surrogate, inputs = case.surrogate() if not bare else ({"zero": True}, NOTHING)
    return observed(case.named, surrogate, inputs, t, x, case.exact(t, x), seed, method, EVALUATIONS)


def observed(
    problem: dict[str, Any],
    surrogate: dict[str, Any],
    inputs: Inputs,
    t: Array,
    x: Array,
    truth: Array,
    seed: int,
    method: str,
    evaluations: int,
) -> Cell:
    """Run a job of so many evaluations and compare every interval with the exact solution."""
    spec = within(body(problem, surrogate, t, x, seed=seed, method=method), inputs, evaluations)
    covered, published, refused, seen = np.ones(len(t), dtype=bool), 0, 0, None
    for seen in looks(spec, inputs):
        error = np.abs(seen.answer.combined.value - truth)
        shown = np.isfinite(seen.report.half_width)
        covered &= ~shown | (error <= seen.report.half_width)
        published, refused = published + int(shown.sum()), refused + int((~shown).sum())
    assert seen is not None
    assert spec.resolution is not None
    answer = seen.answer
    return {
        "method": spec.resolution.estimator,
        "surrogate_error": relative(uncorrected(surrogate, inputs, t, x), truth),
        "error": relative(answer.combined.value, truth),
        "shrunk": relative(np.array(answer.diagnostics["shrinkage"]["estimate"], dtype=float), truth),
        "evaluations": answer.diagnostics["evaluations_per_point"],
        "replicates": seen.replicates,
        "seconds": seen.seconds,
        "points": len(t),
        "covered": int(covered.sum()),
        "published": published,
        "refused": refused,
        "bias_share": float(np.mean(answer.bias / np.where(seen.unguarded > 0, seen.unguarded, 1.0))),
    }


def summary(case: Case, ours: list[Cell], plain: list[Cell]) -> Cell:
    """A row of the table: means and standard deviations over the seeds."""
    total = sum(each["points"] for each in ours)
    return {
        "case": case.label,
        "problem": case.problem,
        "dim": case.dim,
        "model": case.model,
        "surrogate": _spread([each["surrogate_error"] for each in ours]),
        "plain": _spread([each["error"] for each in plain]),
        "corrected": _spread([each["error"] for each in ours]),
        "shrunk": _spread([each["shrunk"] for each in ours]),
        "ratio": _spread([each["error"] / each["surrogate_error"] for each in ours]),
        "published": case.published,
        "methods": sorted({each["method"] for each in ours}),
        "evaluations": max(each["evaluations"] for each in ours),
        "replicates": min(each["replicates"] for each in ours),
        "points": total,
        "covered": sum(each["covered"] for each in ours) / total,
        "refused": sum(e["refused"] for e in ours) / max(1, sum(e["refused"] + e["published"] for e in ours)),
        "bias_share": float(np.mean([each["bias_share"] for each in ours])),
        "train_seconds": case.about.get("cpu_seconds"),
        "seconds_per_1000_points": 1_000 * sum(each["seconds"] for each in ours) / total,
    }


def _spread(values: list[float]) -> list[float]:
    return [float(np.mean(values)), float(np.std(values, ddof=1))]


def rows(only: str = "", points: int = POINTS, method: str = "auto") -> Iterator[Cell]:
    """All cases that have a model file, those with `only` in their label."""
    for case in cases():
        if not case.file.exists() or only not in case.label:
            continue

        def each(how: str, bare: bool = False, case: Case = case, count: int = points) -> list[Cell]:
            key = f"{case.key}-{how}-{bare}-{count}"
            return [cell("accuracy", f"{key}-s{s}", lambda s=s: run(case, how, s, count, bare)) for s in SEEDS]

        yield summary(case, each(method), each(PLAIN, bare=True))


def line(row: Cell) -> str:
    """A row in one line."""
    ours, published = row["corrected"], row["published"]
    beside = "" if published is None else "   published " + " -> ".join(f"{value:.1e}" for value in published)
    return (
        f"{row['case']:16}{row['surrogate'][0]:9.1e}{row['plain'][0]:9.1e}{ours[0]:9.1e} +- {ours[1]:.0e}"
        f"  ratio {row['ratio'][0]:.3f}, shrunk {row['shrunk'][0]:.1e}"
        f"  {'/'.join(row['methods'])}, {row['evaluations']} evaluations,"
        f" R = {row['replicates']}, covered {row['covered']:.3f}, refused {row['refused']:.3f},"
        f" bias {row['bias_share']:.2f}, {row['seconds_per_1000_points']:.2f} s{beside}"
    )


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of a label, such as 'VB' or 'VB 20'")
    parser.add_argument("--points", type=int, default=POINTS, help="of every run")
    parser.add_argument("--method", default="auto")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: list[Cell] = []
    for row in rows(arguments.only, arguments.points, arguments.method):
        found.append(row)
        print(line(row), flush=True)
    if not arguments.only and arguments.points == POINTS and arguments.method == "auto":
        publish("accuracy", "python benchmarks/surrogate/accuracy.py", found)


if __name__ == "__main__":
    main()
