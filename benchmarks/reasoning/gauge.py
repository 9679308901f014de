"""Does the Bellman gauge find where values are wrong? Against the exact error of the value network on subset sums.

    OMP_NUM_THREADS=1 python benchmarks/reasoning/gauge.py

At each depth d the sum of the gauge from d on estimates log Z/sum_s pi_ref(s) V(s), which the exact truth knows: by
what factor values of that depth are wrong. Reported: Spearman's correlation over all problems and depths.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict

import numpy as np
from cells import Cell, cell, publish
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sums import Sums

from burnish_workers.kinds.reasoning.excursion import excursion
from burnish_workers.kinds.reasoning.oracle import FLOOR, Oracle
from burnish_workers.kinds.reasoning.references.subset_sum import Truth, problem
from burnish_workers.kinds.reasoning.requests import Setting
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.start import attempt
from burnish_workers.kinds.reasoning.state import State


def exact(truth: Truth) -> NDArray[np.float64]:
    """log Z/sum_s pi_ref(s) V(s) at depths 0 .. T - 1, V floored as the sampler floors it."""
    law, found = {truth.task.target: 1.0}, list[float]()
    for i, number in enumerate(truth.task.numbers):
        if i % 2 == 0:
            mean = sum(p * math.exp(max(truth.guesses[i][left], FLOOR)) for left, p in law.items())
            found.append(math.log(truth.success / mean))
        after: dict[int, float] = defaultdict(float)
        for left, p in law.items():
            after[left] += p * (1 - truth.policy[i][left])
            after[left - number] += p * truth.policy[i][left]
        law = after
    return np.array(found)


def estimated(truth: Truth, tokens: int, seed: int) -> NDArray[np.float64]:
    """The sum of the gauge from each depth on, of one chain of excursions."""
    task, source = Sums(truth.task), Random(np.random.default_rng([seed, 23]))
    oracle, depth = Oracle(task, task), task.depth
    setting, state = Setting(source, 1, depth, particles=16, moves=100 * depth), None
    root = State(oracle.root(source))
    while state is None:
        state = oracle.run(attempt(root, setting))
    while oracle.tokens < tokens:
        state = oracle.run(excursion(state, setting))
    total, count = np.zeros(depth), np.zeros(depth)
    for level, log_ratio in setting.fresh.ratios:
        total[level] += math.exp(log_ratio)
        count[level] += 1
    return np.cumsum(np.log(total / count)[::-1])[::-1]


PROBLEMS, TOKENS = 32, 40_000


def one(number: int, tokens: int) -> Cell:
    truth = Truth(problem(20_000 + number))
    return {"exact": exact(truth).tolist(), "gauge": estimated(truth, tokens, number).tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=PROBLEMS)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    given = parser.parse_args()
    done = [cell("gauge", f"{i}-{given.tokens}", lambda i=i: one(i, given.tokens)) for i in range(given.problems)]
    known, seen = np.array([each["exact"] for each in done]), np.array([each["gauge"] for each in done])
    found = [
        {
            "depth": str(d),
            "exact": float(np.sqrt(np.mean(known[:, d] ** 2))),
            "off": float(np.sqrt(np.mean((seen - known)[:, d] ** 2))),
            "spearman": float(spearmanr(known[:, d], seen[:, d]).statistic),
        }
        for d in range(known.shape[1])
    ]
    whole = float(spearmanr(known.ravel(), seen.ravel()).statistic)
    both = (float(np.sqrt(np.mean(each**2))) for each in (known, seen - known))
    found.append({"depth": "all", **dict(zip(("exact", "off"), both, strict=True)), "spearman": whole})
    for each in found:
        print(each)
    if (given.problems, given.tokens) == (PROBLEMS, TOKENS):
        publish("gauge", "python benchmarks/reasoning/gauge.py", found)


if __name__ == "__main__":
    main()
