"""How far does a fixed number of residual evaluations take a learned solution, and which ingredient earns what?

    OMP_NUM_THREADS=1 python benchmarks/surrogate/accuracy.py

Viscous Burgers in d = 20 (exact solution known), points t ~ U[0, T), x ~ U[-1/2, 1/2]^d, about 410 evaluations of the
residual per point with all components counted, five seeds. Rows: the kind's defaults; the same with one ingredient
taken away (strata; antithetic partners; the corrections; the surrogate); `steps` and `strata` varied. Then hjb-log in
d = 100 from a surrogate that is 10 % too high, for a few CPU-seconds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))

from watch import Array, draw_points, looks, posted, resolved

from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key
from burnish_workers.core.registry import registry
from burnish_workers.kinds.surrogate import linearised
from burnish_workers.kinds.surrogate.plan import PATH, REMAINDER, STEP, SURROGATE
from burnish_workers.kinds.surrogate.references import hjb_log, viscous_burgers

BURGERS = {"name": "viscous-burgers", "dim": 20}
TRAINED = {"name": "viscous-burgers-pinn-d20"}
EARLY = {"name": "viscous-burgers-pinn-d20-early"}
LQG = {"name": "hjb-log", "dim": 100}
TOO_HIGH = {"expression": "1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)"}
EVALUATIONS = 410
SEEDS = range(5)


@dataclass(frozen=True)
class Result:
    """Relative L2 errors of the surrogate and of the answer, evaluations per point, CPU-seconds."""

    surrogate: float
    answer: float
    evaluations: int
    seconds: float


def budgeted(spec: Any, evaluations: int) -> int:
    """The most replicates whose components take no more evaluations than that."""
    composition = registry().get("surrogate").statistics(spec, NOTHING).composition
    counts = range(8, evaluations)
    return max((r for r in counts if _evaluations(composition, r) <= evaluations), default=8)


def _evaluations(composition: Any, replicates: int) -> int:
    return sum(composition.samples(name, replicates) * composition.evaluations(name) for name in composition.components)


def correct(surrogate: dict[str, Any], points: int, seed: int, parts: tuple[str, ...], **plan: int) -> Result:
    """One block of as many replicates as the evaluations pay for; the answer is the sum of `parts`."""
    t, x = draw_points(points, 20, 0.5, 100 + seed)
    spec = resolved(posted(BURGERS, surrogate, t, x, seed=seed), 1e-3, **plan)
    kind = registry().get("surrogate")
    simulator, statistics = kind.load()(spec, "cpu", NOTHING), kind.statistics(spec, NOTHING)
    replicates, start = budgeted(spec, EVALUATIONS), time.process_time()
    _, stats = simulator.advance({}, block_key(seed, 0, 0), 0, replicates)
    state = statistics.fold(statistics.empty(), stats)
    seconds = time.process_time() - start
    truth = viscous_burgers(t, x)
    found = sum(state[name].mean for name in (SURROGATE, *parts) if name in state)
    counted = statistics.answer(state).diagnostics["evaluations_per_point"]
    return Result(_relative(state[SURROGATE].mean, truth), _relative(found, truth), counted, seconds)


def _relative(found: Any, truth: Array) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


@contextmanager
def without_partners() -> Iterator[None]:
    """Plain Monte Carlo: independent paths instead of mirrored, stratified ones (as many of them)."""
    original = linearised.stratified_noise

    def fresh(t: Tensor, times: Tensor, noise: Tensor, direction: Tensor, uniform: Tensor, horizon: float) -> Tensor:
        return noise

    paths = linearised.Paths

    def unpaired(t: Tensor, x: Tensor, times: Tensor, noise: Tensor) -> Any:
        return paths(t, x, times, torch.randn(noise.shape, generator=generator))

    generator = torch.Generator().manual_seed(9)
    linearised.stratified_noise, linearised.Paths = fresh, unpaired
    try:
        yield
    finally:
        linearised.stratified_noise, linearised.Paths = original, paths


ALL = (PATH, STEP, REMAINDER)


def row(label: str, surrogate: dict[str, Any], points: int, parts: tuple[str, ...] = ALL, **plan: int) -> float:
    """Print the mean over the seeds; returns the ratio answer / surrogate."""
    results = [correct(surrogate, points, seed, parts, **plan) for seed in SEEDS]
    ratios = [r.answer / r.surrogate if r.surrogate < 1 else r.answer for r in results]
    surrogates, answers = (float(np.mean([getattr(r, n) for r in results])) for n in ("surrogate", "answer"))
    cost = float(np.mean([r.seconds for r in results]))
    print(
        f"  {label:34}{surrogates:11.2e}{answers:11.2e}{np.mean(ratios):8.3f} [{min(ratios):.3f}, {max(ratios):.3f}]"
        f"{results[0].evaluations:6}{cost:7.2f}",
        flush=True,
    )
    return float(np.mean(ratios))


def burgers(points: int, vary: bool) -> None:
    """The table for both trained surrogates."""
    for surrogate in (TRAINED, EARLY):
        print(
            f"{surrogate['name']}, {points} points: relative L2 of surrogate and answer, ratio [range], evaluations, s"
        )
        row("defaults", surrogate, points)
        row("no strata", surrogate, points, strata=1)
        with without_partners():
            row("plain paths (no partners)", surrogate, points)
        row("linear part alone", surrogate, points, parts=(PATH, STEP))
        row("no corrections", surrogate, points, parts=(PATH,))
        for steps, strata in ((8, 2), (8, 4), (4, 2), (4, 8)) if vary else ():
            row(f"steps = {steps}, strata = {strata}", surrogate, points, steps=steps, strata=strata)
    print("no surrogate")
    row("zero surrogate, defaults", {"zero": True}, points)
    with without_partners():
        row("plain Monte Carlo", {"zero": True}, points, strata=1)


def lqg(seconds: float) -> None:
    """hjb-log, d = 100 at (0, 0): the stream of intervals."""
    t, x = np.zeros(1), np.zeros((1, 100))
    truth = float(hjb_log(t, x)[0])
    spec = resolved(posted(LQG, TOO_HIGH, t, x, seed=7, seconds=seconds), 1.3e-4)
    print(f"hjb-log, d = 100, at (0, 0): exact {truth:.7f}, surrogate {1.1 * np.log(201 / 2):.4f}")
    start = time.process_time()
    for seen in looks(spec):
        value, width = seen.answer.combined.value[0], seen.report.half_width[0]
        error = value - truth
        print(
            f"  R = {seen.replicates:6}: {value:.6f} +- {width:.6f} ({width / value:.4%}), off by {error:+.6f}, "
            f"bias {seen.answer.bias[0]:.6f}, {time.process_time() - start:.2f} CPU-s",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--vary", action="store_true", help="other numbers of steps and strata too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    burgers(arguments.points, arguments.vary)
    lqg(3.0)


if __name__ == "__main__":
    main()
