"""Total variation to the enumerated posterior against generated tokens: does a method reach the law, and how fast?

    python benchmarks/reasoning/distance.py --runs 16

On an explicit tree whose inner values are wrong by factors of up to twenty. Each run is a long one; its answers so far
are compared with the exact posterior at doubling token counts. The slope is that of a line through the logarithms,
weighed evenly; a method that is exact has -0.5, one that is not has a plateau. `floor` is the distance of the answers
of all runs together, which noise leaves at about sqrt(answers/(2 pi n)).
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from burnish_workers.kinds.reasoning.backends.enumerable import Node, TreeBackend, TreeVerifier, posterior
from burnish_workers.kinds.reasoning.carry import Chain
from burnish_workers.kinds.reasoning.methods import METHODS
from burnish_workers.kinds.reasoning.oracle import Oracle
from burnish_workers.kinds.reasoning.plan import TOKEN_SHARES, chances
from burnish_workers.kinds.reasoning.requests import Setting
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.state import State

PLACES = [1_000 * 2**k for k in range(8)]
NAMES = ("mh_backtracking", "pimh", "particle_filter", "particle_filter_its", "best_of_n", "beam")
PARTICLES = 8


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
    setting = Setting(source, 1, backend.depth, 1.0, PARTICLES, 8 * backend.depth, answer=str)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--out", type=Path, help="JSON file for the numbers")
    given = parser.parse_args()
    root = tree()
    law, found = posterior(root, root.height), dict[str, Any]()
    print(f"{len(law)} ends at depths {sorted({len(key) for key in law})}")
    print("method".ljust(22), *(f"{place:>8}" for place in PLACES), "   slope   floor")
    for name in NAMES:
        runs = [one_run(root, name, seed) for seed in range(given.runs)]
        means = [float(np.mean([distance(run[0][k], law) for run in runs])) for k in range(len(PLACES))]
        slope = float(np.polyfit(np.log(PLACES), np.log(means), 1)[0])
        floor = distance(sum((run[1] for run in runs), Counter[Any]()), law)
        found[name] = {"tokens": PLACES, "distance": means, "slope": slope, "floor": floor}
        print(name.ljust(22), *(f"{mean:8.4f}" for mean in means), f"{slope:8.3f} {floor:7.4f}", flush=True)
    if given.out:
        given.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
