"""Reasoning that backs up: a verifier that promises too much on a wrong way, and answers that are right all the same.

Against a running service (`make serve`), in a few seconds:

    python examples/reasoning.py [--url URL] [--local] [--tokens N]

What is 17 x 24? A tree of steps says how likely a model writes each (`chance`), what a verifier guesses an unfinished
chain is worth, and what it finds a finished one to be worth (`value`). The guess for "round 24 to 25" is far too high.
Chains that go this way back up where what follows does not hold what was promised; the gauge at that depth says by how
much the guess was off. The tree is small, so that this script knows the exact chance of every answer; the service is
not told.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from burnish import Burnish, Reasoned

SPLIT: dict[str, Any] = {
    "step": "17 x 24 = 17 x 20 + 17 x 4",
    "chance": 2,
    "value": 0.2,
    "tokens": 12,
    "steps": [
        {"step": "340 + 68 = 408", "chance": 3, "value": 1.0, "answer": "408", "tokens": 8},
        {"step": "340 + 58 = 398", "value": 0.02, "answer": "398", "tokens": 8},
    ],
}
ROUND: dict[str, Any] = {
    "step": "round 24 to 25",
    "chance": 5,
    "value": 0.9,
    "tokens": 6,
    "steps": [
        {"step": "17 x 25 = 425", "chance": 4, "value": 0.01, "answer": "425", "tokens": 7},
        {
            "step": "17 x 25 - 17",
            "value": 0.5,
            "tokens": 7,
            "steps": [
                {"step": "425 - 17 = 408", "value": 1.0, "answer": "408", "tokens": 8},
                {"step": "425 - 17 = 418", "value": 0.02, "answer": "418", "tokens": 8},
            ],
        },
    ],
}
TREE: dict[str, Any] = {"type": "tree", "value": 0.5, "steps": [SPLIT, ROUND]}


def exact(tree: Mapping[str, Any]) -> dict[str, float]:
    """The chance of each answer: the sum over its ends of pi_ref(end) tau(end), over that of all ends."""
    mass = _mass(tree, 1.0)
    return {answer: weight / mass.total() for answer, weight in mass.items()}


def _mass(node: Mapping[str, Any], reached: float) -> Counter[str]:
    if not node.get("steps"):
        return Counter({node["answer"]: reached * node["value"]})
    whole, found = sum(step.get("chance", 1.0) for step in node["steps"]), Counter[str]()
    for step in node["steps"]:
        found.update(_mass(step, reached * step.get("chance", 1.0) / whole))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code is 0 unless an answer is far off: one job in twenty may miss by a little."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of the service; default BURNISH_BASE_URL, else this machine")
    parser.add_argument("--local", action="store_true", help="without a server")
    parser.add_argument("--tokens", type=int, default=200_000)
    asked = parser.parse_args(arguments)
    with Burnish.local() if asked.local else Burnish(asked.url) as client:
        job = client.reasoning(problem=TREE, budget={"tokens": asked.tokens}, answers=sorted(exact(TREE)), seed=7)
        for refinement in job.refinements():
            _tell(Reasoned.of(refinement))
        found = job.wait().reasoned
    print(job)
    if found is None or any(chance.lower is None for chance in found.answers.values()):
        print(f"no interval: {job.refused.why if job.refused else 'too few steps yet'}")
        return 1
    return _compare(found)


def _tell(found: Reasoned) -> None:
    """The last time that the first chain changed its mind."""
    if found.moves:
        move = found.moves[-1]
        print(f"{found.tokens:>7,} tokens: {' > '.join(move.rolled_back)}  ->  {' > '.join(move.accepted)}")


def _compare(found: Reasoned) -> int:
    far = 0
    for answer, truth in exact(TREE).items():
        chance = found.answers[answer]
        value, lower, upper = chance.value or 0.0, chance.lower or 0.0, chance.upper or 0.0
        print(f"{answer:<5}{value:7.4f}  in [{lower:.4f}, {upper:.4f}], exactly {truth:.4f}")
        far += abs(value - truth) > 3 * (upper - value)
    for depth in found.gauge:
        if depth.log_mean is not None:
            print(f"gauge at depth {depth.depth}: log mean B = {depth.log_mean:+.2f}")
    return 1 if far else 0


if __name__ == "__main__":
    sys.exit(main())
