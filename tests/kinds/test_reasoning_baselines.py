"""Published methods on a tree whose law is known: what each is known for, and that all count their tokens."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import numpy as np
import pytest

from burnish.wire.specs.reasoning import ReasoningMethod
from burnish_workers.kinds.reasoning.backends.enumerable import TreeBackend, TreeVerifier, posterior
from burnish_workers.kinds.reasoning.baselines import RUNS
from burnish_workers.kinds.reasoning.methods import METHODS
from burnish_workers.kinds.reasoning.oracle import Oracle
from burnish_workers.kinds.reasoning.requests import Setting
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.state import State

from .reasoning_exhaustive import TREE, WITH_ZERO

LAW = {TreeBackend(TREE, 3).answer(prefix): chance for prefix, chance in posterior(TREE, 3).items()}


class Counted(TreeBackend):
    """Counts what it writes by itself."""

    written = 0

    def extend(self, rows):
        found = super().extend(rows)
        type(self).written += sum(each.tokens for row in found for each in row)
        return found


def law_of(name: str, particles: int, runs: int, root=TREE) -> dict[str, float]:
    Counted.written = 0
    backend, found = Counted(root, 3), Counter()
    oracle = Oracle(backend, TreeVerifier(root))
    setting = Setting(Random(np.random.default_rng(5)), 1, 3, particles=particles, answer=backend.answer)
    start = State(oracle.root(setting.source))
    for _ in range(runs):
        path = oracle.run(RUNS[name](start, setting))
        if path is not None:
            assert path.at_leaf
            found[backend.answer(path.prefix)] += 1
    assert oracle.tokens == Counted.written > 0
    return {answer: count / found.total() for answer, count in found.items()}


def off(found: dict[str, float], law: dict[str, float] = LAW) -> float:
    return sum(abs(found.get(answer, 0) - law.get(answer, 0)) for answer in {*found, *law}) / 2


def test_every_method_of_the_contract_is_there():
    assert set(get_args(ReasoningMethod)) == set(METHODS)
    assert {name for name, method in METHODS.items() if method.exact} == {
        "mh_backtracking",
        "parallel_tempering",
        "pimh",
    }


@pytest.mark.parametrize("name", RUNS)
def test_a_leaf_that_is_refused_is_not_answered_by_who_looks(name):
    found = law_of(name, 8, 200, WITH_ZERO)
    assert sum(found.values()) == pytest.approx(1)
    if name not in ("self_consistency", "power"):
        assert found.get("a", 0.0) < 0.1


def test_best_of_n_takes_the_best_and_self_consistency_what_is_frequent():
    assert law_of("best_of_n", 64, 100).get("b bb bba", 0) > 0.9
    voted = law_of("self_consistency", 64, 100)
    assert voted.get("b ba", 0) + voted.get("a", 0) > 0.97


@pytest.mark.slow
def test_the_filter_is_consistent_and_the_published_rule_is_not():
    """More particles bring a filter closer to the target; weights that are no ratios lead elsewhere, and stay there."""
    few, many = off(law_of("particle_filter", 2, 1_000)), off(law_of("particle_filter", 64, 1_000))
    published = off(law_of("particle_filter_its", 64, 1_000))
    assert many < few / 2
    assert published > 3 * many
