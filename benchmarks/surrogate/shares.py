"""What it buys to share samples by need: the same job with samples shared evenly and by the decisions at its looks.

Root mean square error over the points at equal nominal units, and how many units until every half-width is within a
relative tolerance. No engine: keys, blocks, folds and decisions in a bare loop on one core.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/shares.py
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.decisions import Decisions
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.registry import registry
from burnish_workers.core.report import report, schedule_of
from burnish_workers.core.schedule import Replicates
from burnish_workers.engine.lanes import Layout
from burnish_workers.kinds.surrogate.references.viscous_burgers import viscous_burgers

POINTS, FIRST, BLOCK, BLOCKS = 60, 32, 32, 24


def posted(seed: int, decides_from: int | None, rel_tol: float | None) -> dict[str, Any]:
    """Burgers in 20 dimensions at points from the middle of the wave out to where it is flat: easy and hard ones."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.02, 0.3, (POINTS, 1))
    x, t = scale * rng.normal(size=(POINTS, 20)), rng.uniform(0, 0.45, POINTS)
    budget: dict[str, Any] = {"units": 1} if rel_tol is None else {"rel_tol": rel_tol}
    return {
        "kind": "surrogate",
        "problem": {"name": "viscous-burgers"},
        "surrogate": {"name": "viscous-burgers-pinn-d20-early"},
        "points": [{"t": float(a), "x": list(map(float, row))} for a, row in zip(t, x, strict=True)],
        "method": "linearised",
        "budget": budget,
        "seed": seed,
        "resolution": {
            "version": 1,
            "estimator": "linearised",
            "numeric_class": "any",
            "first_block": FIRST,
            "block": BLOCK,
            "blocks_planned": BLOCKS,
            "first_look": 3,
            "decides_from": decides_from,
            "micro_batch": 8192,
            "tail": 64,
            "extensible": False,
        },
    }


@dataclass(frozen=True)
class Run:
    """`errors` (m,) at the end; `met`: replicates at the first look where every half-width was within tolerance."""

    errors: NDArray[np.float64]
    spread: NDArray[np.float64]
    met: float


def run(seed: int, decides_from: int | None, rel_tol: float | None) -> Run:
    kind = registry().get("surrogate")
    raw = posted(seed, decides_from, rel_tol)
    draft = kind.draft(SurrogateSpec.model_validate({**raw, "resolution": None}), "any", NOTHING)
    raw["resolution"] |= {"version": draft.version, "plan": draft.plan | {"step_share": 8, "remainder_share": 8}}
    spec = SurrogateSpec.model_validate(raw)
    simulator, statistics = kind.load()(spec, "cpu", NOTHING), kind.statistics(spec, NOTHING)
    schedule, count = schedule_of(spec), Replicates(FIRST, BLOCK)
    layout, state, met = Layout(seed, count), statistics.empty(), float("inf")
    decisions = Decisions(schedule, count, resolution_of(spec).decides_from)
    for k in range(BLOCKS):
        place = layout.place(k)
        _, stats = simulator.advance({}, place.key, place.start, place.replicates, decisions.of(k))
        state = statistics.fold(state, stats)
        decisions.folded(k + 1, partial(statistics.decide, state))
        if rel_tol is not None and schedule.look(k + 1) is not None and met == float("inf"):
            found = report(spec, schedule, statistics, statistics.answer(state), k + 1)
            if (found.half_width <= rel_tol * np.abs(found.value)).all():
                met = float(count(k + 1))
    answer = statistics.answer(state)
    points = simulator.points
    truth = viscous_burgers(points.t, points.x)
    return Run(answer.combined.value - truth, answer.combined.standard_error, met)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rel-tol", type=float, default=0.02)
    given = parser.parse_args()
    print("seed  rms error: even, shared, ratio     standard errors: ratio     replicates to tolerance: even, shared")
    for seed in range(given.seeds):
        even, shared = (run(seed, first, None) for first in (None, 3))
        rms = [float(np.sqrt(np.mean(r.errors**2))) for r in (even, shared)]
        spread = [float(np.sqrt(np.mean(r.spread**2))) for r in (even, shared)]
        met = [run(seed, first, given.rel_tol).met for first in (None, 3)]
        print(
            f"{seed:4d}  {rms[0]:.2e}, {rms[1]:.2e}, {rms[1] / rms[0]:.2f}                "
            f"{spread[1] / spread[0]:.2f}                       {met[0]:.0f}, {met[1]:.0f}"
        )


if __name__ == "__main__":
    main()
