"""Total variation to the enumerated posterior against generated tokens: does a method reach the law, and how fast?

    OMP_NUM_THREADS=1 python benchmarks/reasoning/distance.py

On an explicit tree whose inner values are wrong by factors of up to twenty. Each run is a long one; its answers so far
are compared with the exact posterior at doubling token counts. The slope is that of a line through the logarithms,
weighed evenly; a method that is exact has -0.5, one that is not has a plateau. `floor` is the distance of the answers
of all runs together, which noise leaves at about sqrt(answers/(2 pi n)).
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from typing import Any

import numpy as np
from cells import Cell, cell, publish

from burnish_workers.kinds.reasoning.backends.enumerable import Node, TreeBackend, TreeVerifier, posterior
from burnish_workers.kinds.reasoning.carry import Chain
from burnish_workers.kinds.reasoning.methods import METHODS
from burnish_workers.kinds.reasoning.oracle import Oracle
from burnish_workers.kinds.reasoning.plan import TOKEN_SHARES, chances
from burnish_workers.kinds.reasoning.requests import Setting
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.state import State

PLACES = [1_000 * 2**k for k in range(8)]
NAMES = (
    "mh_backtracking",
    "parallel_tempering",
    "pimh",
    "particle_filter",
    "particle_filter_its",
    "best_of_n",
    "beam",
)
PARTICLES, BETAS, RUNS = 8, (1.0, 2.0, 4.0), 8


def tree(depth: int = 4, seed: int = 3) -> Node:
    """Three branches at each node, some of which end early; values on the way with lognormal errors, deviation 0.8."""
    generator = np.random.default_rng(seed)

    def node(level: int) -> Node:
        if level == depth or (level > 1 and generator.random() < 0.25):
            return Node("x", float(generator.gamma(1.0)) + 0.05, math.exp(1.5 * generator.normal()))
        children = tuple(node(level + 1) for _ in range(3))
        total = sum(child.chance for child in children)
        mean = sum(child.chance * child.value for child in children) / total
        wrong = math.exp(0.8 * generator.normal())
        return Node("x", float(generator.gamma(1.0)) + 0.05, mean * wrong, children)

    return node(0)


def one_run(root: Node, name: str, seed: int) -> tuple[list[Counter[Any]], Counter[Any]]:
    """Answers at each place, and at the end."""
    backend, source = TreeBackend(root, root.height), Random(np.random.default_rng([seed, 17]))
    oracle = Oracle(backend, TreeVerifier(root))
    setting = Setting(source, 1, backend.depth, 1.0, PARTICLES, 8 * backend.depth, answer=str, betas=BETAS)
    shares, method, chain = chances(TOKEN_SHARES, 1, PARTICLES, backend.depth), METHODS[name], Chain(0)
    start, counts, found = State(oracle.root(source)), Counter[Any](), list[Counter[Any]]()
    while len(found) < len(PLACES):
        fresh = chain.state is None or not method.exact
        if fresh:
            chain.state = None
        oracle.run(method.begin(chain, start, setting) if fresh else method.go_on(chain, setting, shares))
        if chain.state is not None:
            counts[chain.state.prefix] += 1
        while len(found) < len(PLACES) and oracle.tokens >= PLACES[len(found)]:
            found.append(Counter(counts))
        oracle.leaves.clear()
    return found, counts


def distance(counts: Counter[Any], law: dict[Any, float]) -> float:
    total = max(counts.total(), 1)
    return sum(abs(counts[key] / total - law.get(key, 0.0)) for key in {*counts, *law}) / 2


def cell_of(name: str, seed: int) -> Cell:
    """Distances at all places of one run; its counts, by the order of the law's ends, and of paths that are no ends."""
    root = tree()
    law = posterior(root, root.height)
    found, counts = one_run(root, name, seed)
    listed = [counts[key] for key in law]
    return {
        "distances": [distance(each, law) for each in found],
        "counts": listed,
        "rest": counts.total() - sum(listed),
    }


def row(name: str, runs: int) -> Cell:
    """Means over runs, slope, and the distance of all runs together."""
    root = tree()
    law = list(posterior(root, root.height).values())
    done = [cell("distance", f"{name}-{seed}", lambda s=seed: cell_of(name, s)) for seed in range(runs)]
    means = np.mean([each["distances"] for each in done], axis=0)
    total, rest = np.sum([each["counts"] for each in done], axis=0), sum(each["rest"] for each in done)
    floor = float((np.abs(total / (total.sum() + rest) - law).sum() + rest / (total.sum() + rest)) / 2)
    slope = float(np.polyfit(np.log(PLACES), np.log(means), 1)[0])
    return {"method": name, "tokens": PLACES, "distance": means.tolist(), "slope": slope, "floor": floor}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    found = [row(name, given.runs) for name in NAMES]
    print("method".ljust(22), *(f"{place:>8}" for place in PLACES), "   slope   floor")
    for each in found:
        shown = (f"{mean:8.4f}" for mean in each["distance"])
        print(each["method"].ljust(22), *shown, f"{each['slope']:8.3f} {each['floor']:7.4f}")
    publish("distance", f"python benchmarks/reasoning/distance.py --runs {given.runs}", found)


if __name__ == "__main__":
    main()
