"""What a watcher of a job sees, point by point, against the exact solution."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish_workers.kinds.surrogate.references import hjb_log, viscous_burgers

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "surrogate"))

from watch import Array, looks, posted, resolved

__all__ = ["CASES", "WAVY", "draw_points", "looks", "posted", "resolved", "watch"]


def draw_points(count: int, dim: int, horizon: float, seed: int) -> tuple[Array, Array]:
    """t ~ U[0, T) and x ~ U[-1/2, 1/2]^d."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, horizon, count), rng.uniform(-0.5, 0.5, (count, dim))


BURGERS = {"name": "viscous-burgers", "dim": 20}
WAVY = {"expression": "sigmoid(t + sum(x))*(1 + 0.08*cos(sum(x)))"}
EARLY = {"name": "viscous-burgers-pinn-d20-early"}
LQG = {"name": "hjb-log", "dim": 20}
TOO_HIGH = {"expression": "1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)"}
LEVEL = 0.95


@dataclass(frozen=True)
class Case:
    """A job of so many points that is to reach so many replicates."""

    name: str
    problem: dict[str, Any]
    surrogate: dict[str, Any]
    horizon: float
    exact: Callable[[Array, Array], Array]
    points: int
    replicates: int


CASES = (
    Case("wavy", BURGERS, WAVY, 0.5, viscous_burgers, 1_000, 96),
    Case("wavy", BURGERS, WAVY, 0.5, viscous_burgers, 300, 1_600),
    Case("early", BURGERS, EARLY, 0.5, viscous_burgers, 1_000, 96),
    Case("early", BURGERS, EARLY, 0.5, viscous_burgers, 100, 1_600),
    Case("hjb-log d=20", LQG, TOO_HIGH, 1.0, hjb_log, 300, 400),
)


@dataclass(frozen=True)
class Outcome:
    """`covered` (m,): no published interval missed. `refused`: share of (point, look) pairs without an interval, and
    `missed_unguarded`, the share of those whose interval would have missed. `by_look`: (replicates, refused) pairs."""

    covered: NDArray[np.bool_]
    refused: float
    missed_unguarded: float
    by_look: tuple[tuple[int, float], ...]
    bias_share: float
    gain: float
    plan: dict[str, Any]


def watch(case: Case, seed: int) -> Outcome:
    """Stream one job and compare every interval with the exact solution."""
    t, x = draw_points(case.points, 20, case.horizon, seed)
    # 0.3 s a replicate means few and expensive ones, with looks from the twelfth on; 5 ms means many and cheap ones.
    each = 0.3 if case.replicates < 200 else 0.005
    spec = posted(case.problem, case.surrogate, t, x, seed=seed, seconds=case.replicates * each / 0.9)
    spec = resolved(spec, each)
    truth = case.exact(t, x)
    covered, refused, would_miss = np.ones(case.points, dtype=bool), [], []
    seen = None
    for seen in looks(spec):
        error = np.abs(seen.answer.combined.value - truth)
        published = np.isfinite(seen.report.half_width)
        covered &= ~published | (error <= seen.report.half_width)
        refused.append((seen.replicates, float(np.mean(~published))))
        would_miss.append((error > seen.unguarded)[~published])
    assert seen is not None
    assert spec.resolution is not None
    surrogate = truth - seen.answer.combined.value + sum(part.mean for part in seen.answer.parts.values())
    unseen = np.concatenate(would_miss)
    return Outcome(
        covered,
        float(np.mean([share for _, share in refused])),
        float(unseen.mean()) if len(unseen) else 0.0,
        tuple(refused),
        float(np.mean(seen.answer.bias / seen.unguarded)),
        float(np.linalg.norm(seen.answer.combined.value - truth) / np.linalg.norm(surrogate)),
        dict(spec.resolution.plan),
    )
