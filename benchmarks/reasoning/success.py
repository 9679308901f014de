"""Success against generated tokens on subset sums, for every method: was an end that the check accepts written by then?

    python benchmarks/reasoning/success.py --problems 200 --seeds 4

Every token counts, those of rejected candidates too. Methods run again and again until the tokens are spent. Problems
have a solution and are drawn beside those that the networks were trained on; differences to best_of_n are paired by
problem, with bootstrap intervals over problems.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish_workers.kinds.reasoning.carry import Chain
from burnish_workers.kinds.reasoning.methods import METHODS
from burnish_workers.kinds.reasoning.oracle import Oracle
from burnish_workers.kinds.reasoning.plan import TOKEN_SHARES, chances
from burnish_workers.kinds.reasoning.references.subset_sum import Truth, problem
from burnish_workers.kinds.reasoning.requests import Setting
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.state import State
from burnish_workers.kinds.reasoning.subset_sum.task import SubsetSum

BUDGETS = (80, 160, 320, 640, 1_280)
POOL, PARTICLES = 1, 16
FIRST_SEED = 10_000
NAMES = [name for name in METHODS if name != "parallel_tempering"]
"""An exact check is the same at every temperature."""


def first_success(task: SubsetSum, name: str, seed: tuple[int, ...]) -> float:
    """Tokens until the first accepted end was there; inf beyond the largest budget."""
    source, oracle = Random(np.random.default_rng(seed)), Oracle(task, task)
    setting = Setting(source, POOL, task.depth, 1.0, PARTICLES, 8 * task.depth, answer=task.answer)
    shares, method = chances(TOKEN_SHARES, POOL, PARTICLES, task.depth), METHODS[name]
    root, chain, seen = State(oracle.root(source)), Chain(0), 0
    while oracle.tokens < BUDGETS[-1]:
        fresh = chain.state is None
        oracle.run(method.begin(chain, root, setting) if fresh else method.go_on(chain, setting, shares))
        for leaf in oracle.leaves[seen:]:
            if leaf.score > -math.inf:
                return float(leaf.tokens)
        seen = len(oracle.leaves)
    return math.inf


def measured(names: list[str], problems: int, seeds: int) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """For each method the tokens of the first success, (problems, seeds)."""
    tasks = [problem(FIRST_SEED + i) for i in range(problems)]
    for name in names:
        runs = [[first_success(task, name, (i, j, 1)) for j in range(seeds)] for i, task in enumerate(tasks)]
        print(f"# {name}: {(np.array(runs) <= BUDGETS[-1]).mean():.3f}", flush=True)
        yield name, np.array(runs)


def interval(by_problem: NDArray[np.float64], draws: int = 2_000) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over problems."""
    index = np.random.default_rng(0).integers(0, len(by_problem), size=(draws, len(by_problem)))
    low, high = np.quantile(by_problem[index].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--methods", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--out", type=Path, help="JSON file for the numbers")
    given = parser.parse_args()
    rates = [Truth(problem(FIRST_SEED + i)).success for i in range(given.problems)]
    print(f"base success {np.mean(rates):.4f} (median {np.median(rates):.4f}), exact, over {given.problems} problems")
    print("method".ljust(22), *(f"{b:>7}" for b in BUDGETS), "   minus best_of_n at the last three budgets")
    found: dict[str, Any] = {"base": float(np.mean(rates)), "problems": given.problems, "seeds": given.seeds}
    names = list(dict.fromkeys([*given.methods, "best_of_n"]))
    results = dict(measured(names, given.problems, given.seeds))
    base = {b: (results["best_of_n"] <= b).mean(axis=1) for b in BUDGETS}
    for name, first in results.items():
        success = {b: (first <= b).mean(axis=1) for b in BUDGETS}
        gaps = {b: interval(success[b] - base[b]) for b in BUDGETS}
        found[name] = {b: {"success": float(success[b].mean()), "minus_best_of_n": gaps[b]} for b in BUDGETS}
        shown = "  ".join(f"[{low:+.3f}, {high:+.3f}]" for low, high in list(gaps.values())[-3:])
        print(name.ljust(22), *(f"{success[b].mean():7.3f}" for b in BUDGETS), f"  {shown}", flush=True)
    if given.out:
        given.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
