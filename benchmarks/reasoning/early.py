"""What does `early_stop` save, and what does it cost?

    OMP_NUM_THREADS=1 python benchmarks/reasoning/early.py

200 jobs of `mh_backtracking` on expressions, 16 chains, under a judge that prefers what is right a hundred times: the
job ends at the look at which the leading answer is decided. Each job is run to its end, and it is noted where it would
have ended: tokens until there over tokens of all, and how often the leading answer is right there and at the end.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from cells import Cell, cell, publish
from coverage import BLOCK, CHAINS, language
from jobs import looks, resolved

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.kinds.reasoning.arithmetic import task as arithmetic
from burnish_workers.kinds.reasoning.problem import Task

PROBLEMS, EACH, ROUNDS = 40, 5, 16
HELD_OUT = 4
SHARP = {"ends": {"type": "expression", "expression": "log(0.01 + 0.99*passed)"}}


def one(body: dict[str, object], task: Task, seed: int, answer: str) -> Cell:
    spec: ReasoningSpec = resolved({**body, "chains": CHAINS, "seed": seed, "early_stop": True}, task, BLOCK, ROUNDS)
    stopped, last = None, dict[str, object]()
    for found, settled in looks(spec, task):
        last = {"tokens": found.diagnostics["tokens"], "right": found.diagnostics["leader"] == answer}
        stopped = last if settled and stopped is None else stopped
    return {"decided": stopped is not None, "stopped": stopped or last, "last": last}


def problem_cell(number: int) -> list[Cell]:
    prompt = arithmetic.problems(HELD_OUT, PROBLEMS)[number]
    body, task = language(prompt, SHARP)
    answer = arithmetic.worked_out(prompt.removesuffix("="))[-1]
    return [one(body, task, 1_000 * number + j, answer) for j in range(EACH)]


def row(problems: int) -> Cell:
    jobs = [
        job for i in range(problems) for job in cell("early", str(i), lambda i=i: {"jobs": problem_cell(i)})["jobs"]
    ]
    total = {name: sum(job[name]["tokens"] for job in jobs) for name in ("stopped", "last")}
    return {
        "task": "arithmetic",
        "jobs": len(jobs),
        "decided": float(np.mean([job["decided"] for job in jobs])),
        "tokens": total["last"] / len(jobs),
        "saved": 1 - total["stopped"] / total["last"],
        "right_stopped": float(np.mean([job["stopped"]["right"] for job in jobs])),
        "right_at_end": float(np.mean([job["last"]["right"] for job in jobs])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=PROBLEMS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = row(given.problems)
    print(found)
    if given.problems == PROBLEMS:
        publish("early", "python benchmarks/reasoning/early.py", [found])


if __name__ == "__main__":
    main()
