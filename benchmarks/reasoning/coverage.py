"""Do intervals of the chances of answers hold?

    OMP_NUM_THREADS=1 python benchmarks/reasoning/coverage.py

500 jobs of `mh_backtracking` on each of two tasks whose truth is known, 16 chains, a pilot each, the usual looks.

    subset_sum   how many numbers are taken, given that they add up: exact
    arithmetic   what an expression comes to under a soft judge, tau = 1 for what is right and 1/5 for what is not: by
                 going through all that the model may write, the likeliest first, until little is left. What is left is
                 added to both sides: an interval is right where it meets what the truth can be. Expressions of which
                 more than 1/20 is left are passed over

Reported: jobs all of whose intervals hold at the end, and at all looks together, which is what is promised.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from cells import Cell, cell, publish
from jobs import looks, resolved
from known import Known, Node, learn
from scipy.stats import binomtest
from sums import Sums

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.kinds.reasoning.arithmetic import task as arithmetic
from burnish_workers.kinds.reasoning.problem import Task
from burnish_workers.kinds.reasoning.protocols import Prefix
from burnish_workers.kinds.reasoning.references.subset_sum import problem
from burnish_workers.kinds.reasoning.verifiers import Brings, Reading, verifier_of

PROBLEMS, SPARE, EACH, CHAINS, BLOCK = 20, 20, 25, 16, 8
ROUNDS = {"subset_sum": 64, "arithmetic": 32}
"""Blocks of a chain: as many as it takes until intervals say something."""
FIRST_SEED, HELD_OUT = 30_000, 3
SOFT = {"ends": {"type": "expression", "expression": "log(0.2 + 0.8*passed)"}}
LEFT, MOST_LAWS, MOST_LEFT = 1e-3, 20_000, 0.05
"""Where the enumeration ends: mass that is left, or laws; and how much may be left of a problem that counts."""


@dataclass(frozen=True)
class Case:
    """A problem, and pi* of its answers: at least `law`, and `left` more between all of them."""

    body: dict[str, Any]
    task: Task
    law: dict[str, float]
    left: float = 0.0


def sums(number: int) -> Case:
    task = problem(FIRST_SEED + number)
    body = {"problem": {"type": "subset_sum", "numbers": list(task.numbers), "target": task.target}}
    tables = Sums(task)
    return Case(body, Task(tables, tables, 0.0), tables.truth.counts)


def expressions(number: int) -> Case:
    prompt = arithmetic.problems(HELD_OUT, PROBLEMS + SPARE)[number]
    body, task = language(prompt, SOFT)
    law, left = enumerated(task.backend)
    return Case(body, task, law, left)


def language(prompt: str, judge: dict[str, Any]) -> tuple[dict[str, Any], Task]:
    """A job with an expression: what is posted, and its task by laws that are remembered."""
    known = Known("arithmetic", prompt)
    learn([(known, known.root)])
    body = {"problem": {"type": "language", "model": "arithmetic", "prompt": prompt}, "verifier": judge}
    asked = ReasoningSpec.model_validate({"kind": "reasoning", "budget": {"units": 1}, **body}).verifier
    reading = Reading(known.service.text, known.words, {"prompt": prompt})
    brings = Brings(values=True, ends=True, fixed=False, name="arithmetic")
    return body, Task(known, verifier_of(asked, brings, known, reading))


def enumerated(known: Known) -> tuple[dict[str, float], float]:
    """pi* of the answers under the soft judge, and the mass that was not gone through, as a bound in pi*."""
    waiting: list[tuple[float, int, Prefix, tuple[int, ...], Node]] = [(-1.0, 0, (), (), known.root)]
    mass, left, laws, count = Counter[str](), 1.0, 0, 0
    while waiting and left > LEFT and laws < MOST_LAWS:
        part = [heapq.heappop(waiting) for _ in range(min(256, len(waiting)))]
        missing = [(known, node) for *_, node in part if node.ends is None]
        laws += len(missing)
        if missing:
            learn(missing)
        for p, _, prefix, step, node in part:
            for token in range(len(node.ends or ())):
                q, longer = -p * node.chance(token), (*step, token)
                closed = token in known.law.ends or len(longer) >= known.law.limit or known.law.closes(prefix, longer)
                path = (*prefix, longer) if closed else prefix
                if closed and (token in known.law.ends or len(path) >= known.depth):
                    mass[known.answer(path)] += q * (1.0 if known.score(path) == 0 else 0.2)
                    left -= q
                elif q > 1e-9:
                    count += 1
                    heapq.heappush(waiting, (-q, count, path, () if closed else longer, node.child(token)))
    low = sum(mass.values())
    return {answer: each / (low + left) for answer, each in mass.items()}, left / (low + left)


CASES = {"subset_sum": sums, "arithmetic": expressions}


def one(case: Case, rounds: int, seed: int) -> Cell:
    """One job: whether its intervals held, at each look that showed some."""
    spec, seen, width = resolved({**case.body, "chains": CHAINS, "seed": seed}, case.task, BLOCK, rounds), [], None
    shown, tokens = None, 0
    for found, _ in looks(spec, case.task):
        labels, shown, tokens = found.diagnostics["answers"], found.interval, found.diagnostics["tokens"]
        if shown is not None:
            seen.append(_holds(shown.lower, shown.upper, labels, case))
            width = float(np.nanmean(found.half_width))
    return {"looks": seen, "end": shown is not None, "half_width": width, "tokens": tokens}


def _holds(lower: Any, upper: Any, labels: list[str], case: Case) -> bool:
    listed = [case.law.get(label, 0.0) for label in labels if label != "other"]
    truth = [*listed, 1 - case.left - sum(listed)][: len(labels)]
    sides = zip(lower, upper, truth, strict=True)
    return all(
        (math.nan if low is None else low) <= value + case.left and value <= (math.nan if high is None else high)
        for low, high, value in sides
    )


def problem_cell(name: str, number: int) -> Cell:
    case = CASES[name](number)
    return {"left": case.left, "jobs": [one(case, ROUNDS[name], 1_000 * number + j) for j in range(EACH)]}


def row(name: str, problems: int) -> Cell:
    known = (cell("coverage", f"{name}-{i}", lambda i=i: problem_cell(name, i)) for i in range(problems + SPARE))
    cells = list(islice((each for each in known if each["left"] <= MOST_LEFT), problems))
    found = [job for each in cells for job in each["jobs"]]
    shown = [job for job in found if job["end"]]
    ends, all_looks = sum(job["looks"][-1] for job in shown), sum(all(job["looks"]) for job in shown)
    return {
        "task": name,
        "jobs": len(found),
        "refused": len(found) - len(shown),
        "covered": ends / len(shown),
        "limits": list(binomtest(ends, len(shown)).proportion_ci(0.95)),
        "all_looks": all_looks / len(shown),
        "half_width": float(np.mean([job["half_width"] for job in shown])),
        "tokens": float(np.mean([job["tokens"] for job in found])),
        "left": max(each["left"] for each in cells),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=PROBLEMS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = [row(name, given.problems) for name in CASES]
    for each in found:
        print(each)
    if given.problems == PROBLEMS:
        publish("coverage", "python benchmarks/reasoning/coverage.py", found)


if __name__ == "__main__":
    main()
