"""Success against generated tokens, for every method: was an end that the check accepts written by then?

    OMP_NUM_THREADS=1 python benchmarks/reasoning/success.py
    OMP_NUM_THREADS=1 python benchmarks/reasoning/success.py --tasks subset_sum --methods vgb

Every token counts, those of rejected candidates too. Methods run again and again until the tokens are spent. Problems
are held out: none was seen in training. Two methods do not look at the check: what they are measured by is whether the
answer that most of their paths give is right. Differences to best_of_n are paired by problem, with bootstrap intervals
over problems.

    subset_sum       20 numbers, 10 steps; the value network
    dyck             16 brackets to close, 8 steps; the value head
    dyck_constant    the same without values: all that is known comes at the end
    arithmetic       three operations, a line each; a weak value head
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from cells import Cell, cell, publish
from known import Known, drive
from numpy.typing import NDArray
from sums import Sums

from burnish_workers.kinds.reasoning.arithmetic import task as arithmetic
from burnish_workers.kinds.reasoning.carry import Chain
from burnish_workers.kinds.reasoning.dyck import task as dyck
from burnish_workers.kinds.reasoning.methods import METHODS, Method
from burnish_workers.kinds.reasoning.oracle import Oracle
from burnish_workers.kinds.reasoning.plan import TOKEN_SHARES, chances
from burnish_workers.kinds.reasoning.power import resampled
from burnish_workers.kinds.reasoning.references.subset_sum import problem
from burnish_workers.kinds.reasoning.requests import Setting, Work
from burnish_workers.kinds.reasoning.restart import rollout
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.state import State

POOL, PARTICLES = 1, 16
ROLLOUTS = ("best_of_n", "weighted_majority", "self_consistency")
"""Their N is what the tokens suffice for: a rollout at a time."""

PROBLEMS, SEEDS = 200, 4
FIRST_SEED, HELD_OUT = 10_000, 1
NAMES = sorted(set(METHODS) - {"parallel_tempering"}, key=lambda name: (name != "best_of_n", list(METHODS).index(name)))
"""An exact check is the same at every temperature."""

UNCHECKED = ("self_consistency", "power")
"""Methods that never ask whether an end is right."""


@dataclass(frozen=True)
class Task:
    """`budgets` in tokens; `problems`: so many of them, backends and verifiers at once."""

    budgets: tuple[int, ...]
    problems: Callable[[int], Sequence[Any]]


def _languages(model: str, prompts: Callable[[int, int], list[str]], *, valued: bool = True):
    return lambda count: [Known(model, prompt, valued=valued) for prompt in prompts(HELD_OUT, count)]


TASKS = {
    "subset_sum": Task(
        (80, 160, 320, 640, 1_280), lambda count: [Sums(problem(FIRST_SEED + i, "subset")) for i in range(count)]
    ),
    "dyck": Task((64, 128, 256, 512, 1_024), _languages("dyck", dyck.problems)),
    "dyck_constant": Task((64, 128, 256, 512, 1_024), _languages("dyck", dyck.problems, valued=False)),
    "arithmetic": Task((32, 64, 128, 256, 512), _languages("arithmetic", arithmetic.problems)),
}


def _rollout(chain: Chain, root: State, setting: Setting) -> Work[None]:
    chain.state = yield from rollout(root, setting)


def _resampled(chain: Chain, setting: Setting, shares: object) -> Work[None]:
    assert chain.state is not None
    chain.state = yield from resampled(chain.state, setting)


STEPWISE: dict[str, Method] = {**METHODS, "power": Method(_rollout, _resampled)}
"""`power` one step of its chain at a time, so that each of its states has a vote."""


@dataclass(eq=False)
class Attempt:
    """One run of a method on a problem. `first`: tokens by which a right end was written; `right`: for methods that do
    not look, whether the most frequent answer so far was right at each budget."""

    task: Any
    name: str
    seed: tuple[int, ...]
    budgets: tuple[int, ...]
    first: float = math.inf

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.task, self.task)
        self.right = list[bool]()
        self._votes, self._correct = Counter[str](), set[str]()

    def work(self) -> Work[None]:
        """Until the tokens are spent, or a right end is there for a method that sees it."""
        task, oracle, source = self.task, self.oracle, Random(np.random.default_rng(self.seed))
        particles = 1 if self.name in ROLLOUTS else PARTICLES
        setting = Setting(source, POOL, task.depth, 1.0, particles, 8 * task.depth, answer=task.answer)
        shares, method = chances(TOKEN_SHARES, POOL, PARTICLES, task.depth), STEPWISE[self.name]
        root, chain, seen = State(oracle.root(source)), Chain(0), 0
        while oracle.tokens < self.budgets[-1]:
            fresh = chain.state is None
            yield from method.begin(chain, root, setting) if fresh else method.go_on(chain, setting, shares)
            for leaf in oracle.leaves[seen:]:
                if leaf.score > -math.inf:
                    self.first = min(self.first, leaf.tokens)
                    self._correct.add(task.answer(leaf.prefix))
                if self.name == "self_consistency":
                    self._vote(leaf.prefix, leaf.tokens)
            if self.name == "power" and chain.state is not None:
                self._vote(chain.state.prefix, oracle.tokens)
            seen = len(oracle.leaves)
            if self.name not in UNCHECKED and self.first < math.inf:
                return
        self._reach(math.inf)

    def _vote(self, prefix: Any, tokens: int) -> None:
        self._reach(tokens)
        self._votes[self.task.answer(prefix)] += 1

    def _reach(self, tokens: float) -> None:
        """Note what was answered at the budgets that are behind by now."""
        while len(self.right) < len(self.budgets) and self.budgets[len(self.right)] < tokens:
            most = max(self._votes.values(), default=0)
            leading = next((answer for answer, votes in self._votes.items() if votes == most), None)
            self.right.append(leading in self._correct)


def one(name: str, method: str, tasks: Sequence[Any], seed: int) -> Cell:
    """Which problems were right by each budget, (budgets, problems)."""
    budgets, began, learnt = TASKS[name].budgets, time.process_time(), 0
    runs = [Attempt(task, method, (i, seed, 1), budgets) for i, task in enumerate(tasks)]
    if isinstance(tasks[0], Known):
        learnt = drive([(run.task, run.oracle, run.work()) for run in runs])
    else:
        for run in runs:
            run.oracle.run(run.work())
    looks = method not in UNCHECKED
    right = [[_right(run, k, looks) for run in runs] for k in range(len(budgets))]
    return {"right": right, "laws": learnt, "cpu_seconds": time.process_time() - began}


def _right(run: Attempt, place: int, looks: bool) -> bool:
    return run.first <= run.budgets[place] if looks else run.right[place]


def interval(by_problem: NDArray[np.float64], draws: int = 4_000) -> list[float]:
    """95 % bootstrap interval of a mean over problems."""
    index = np.random.default_rng(0).integers(0, len(by_problem), size=(draws, len(by_problem)))
    return [float(each) for each in np.quantile(by_problem[index].mean(axis=1), [0.025, 0.975])]


def rows(name: str, methods: Sequence[str], problems: int, seeds: int) -> list[Cell]:
    """A row for each method: success at every budget, and its differences, with intervals, to best_of_n and to
    particle_filter."""
    tasks, found = list[Any](), {each: list[Cell]() for each in methods}

    def measured(method: str, seed: int) -> Cell:
        if not tasks:
            tasks.extend(TASKS[name].problems(problems))
        return one(name, method, tasks, seed)

    for seed in range(seeds):
        for each in methods:
            found[each].append(cell(name, f"{each}-{problems}-{seed}", lambda m=each, s=seed: measured(m, s)))
    shares = {each: np.mean([done["right"] for done in cells], axis=0) for each, cells in found.items()}
    gaps = {each: share - shares["best_of_n"] for each, share in shares.items()}
    over = {each: share - shares.get("particle_filter", share) for each, share in shares.items()}
    return [
        {
            "method": each,
            "success": shares[each].mean(axis=1).tolist(),
            "gain": gaps[each].mean(axis=1).tolist(),
            "limits": [interval(gap) for gap in gaps[each]],
            "over_filter": over[each].mean(axis=1).tolist(),
            "over_filter_limits": [interval(gap) for gap in over[each]],
            "cpu_seconds": sum(done["cpu_seconds"] for done in cells),
        }
        for each, cells in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=PROBLEMS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--methods", nargs="+", choices=NAMES, default=NAMES)
    given = parser.parse_args()
    torch.set_num_threads(1)
    methods = list(dict.fromkeys(["best_of_n", *given.methods]))
    for name in given.tasks:
        found = rows(name, methods, given.problems, given.seeds)
        for row in found:
            print(row["method"].ljust(22), *(f"{each:.3f}" for each in row["success"]), f"{row['cpu_seconds']:.0f} s")
        if set(methods) == set(NAMES) and given.problems == PROBLEMS:
            command = f"python benchmarks/reasoning/success.py --tasks {name} --seeds {given.seeds}"
            about = {"budgets": TASKS[name].budgets, "problems": given.problems, "seeds": given.seeds}
            publish(name, command, found, **about)


if __name__ == "__main__":
    main()
