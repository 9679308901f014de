"""The subset-sum task: its networks, its exact truth against an enumeration, and a chain that reaches its law."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from safetensors.numpy import load_file

from burnish_workers.kinds.reasoning.filter import particle_filter
from burnish_workers.kinds.reasoning.mixture import Shares, step
from burnish_workers.kinds.reasoning.oracle import BadValue, Oracle
from burnish_workers.kinds.reasoning.protocols import Extension, Look
from burnish_workers.kinds.reasoning.references.subset_sum import Truth, problem
from burnish_workers.kinds.reasoning.requests import Grow, Setting
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.start import attempt
from burnish_workers.kinds.reasoning.state import State
from burnish_workers.kinds.reasoning.subset_sum.network import MODELS
from burnish_workers.kinds.reasoning.subset_sum.task import STEPS, SubsetSum

from .reasoning_exhaustive import outcomes

SMALL = SubsetSum((17, 92, 45, 128, 66, 3), 112)
"""17 + 92 + 3, and nothing else."""


def test_the_networks_are_small_and_finite():
    files = sorted(MODELS.glob("*.safetensors"))
    assert [file.stem for file in files] == ["policy", "value"]
    assert sum(file.stat().st_size for file in files) < 200_000
    for file in files:
        assert all(np.isfinite(tensor).all() for tensor in load_file(file).values())


def test_the_truth_is_what_an_enumeration_finds():
    truth, chances, counts = Truth(SMALL), 0.0, defaultdict(float)
    for prefix in itertools.product(STEPS, repeat=SMALL.depth):
        chance = 1.0
        for k in range(SMALL.depth):
            drawn = {
                found[0][0].step: p
                for found, p in outcomes(lambda s, at=prefix[:k]: SMALL.extend([Extension(at, 1, s)]))
            }
            chance *= drawn.get(prefix[k], 0.0)
        (score,) = SMALL.log_values([Look(prefix, True, Random(np.random.default_rng(0)))])
        chances += chance
        counts[SMALL.answer(prefix)] += chance * math.exp(score)
    assert chances == pytest.approx(1, abs=1e-12)
    success = sum(counts.values())
    assert truth.success == pytest.approx(success, rel=1e-5)
    for answer, chance in truth.counts.items():
        assert chance == pytest.approx(counts[answer] / success, rel=1e-5)
    for answer in ("3",):
        assert truth.counts[answer] == pytest.approx(1, rel=1e-5)


def test_values_of_the_truth_are_means_of_what_follows():
    truth, task = Truth(problem(1)), problem(1)
    prefix = ((0, 1), (1, 0))
    source = Random(np.random.default_rng(0))
    outlook = {found[0][0].step: p for found, p in outcomes(lambda s: task.extend([Extension(prefix, 1, s)]))}
    mean = sum(p * truth.value((*prefix, child)) for child, p in outlook.items())
    assert mean == pytest.approx(truth.value(prefix), rel=1e-5)
    assert task.words(prefix)[0].startswith("leave ")
    guess = task.log_values([Look(prefix, False, source)])[0]
    left = task.target - sum(task.taken(prefix))
    assert guess == pytest.approx(truth.guesses[4][left], abs=1e-4)


def test_the_learned_policy_is_good_but_not_perfect():
    rates = [Truth(problem(i)).success for i in range(20)]
    assert 0.01 < np.mean(rates) < 0.05


@pytest.mark.slow
def test_the_evidence_of_a_filter_is_the_chance_of_success():
    """E[Z^] over independent filters, to five standard errors."""
    task, source, found = problem(3), Random(np.random.default_rng(8)), list[float]()
    oracle = Oracle(task, task)
    root, setting = State(oracle.root(source)), Setting(source, 1, task.depth, particles=32)
    for _ in range(60):
        found.append(math.exp(oracle.run(particle_filter(root, setting)).log_evidence))
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert abs(np.mean(found) - Truth(task).success) < 5 * error
    assert error < Truth(task).success / 3


@pytest.mark.slow
def test_chains_reach_the_exact_law_of_the_answers():
    """Forty chains of one problem, each a replicate: the largest deviation over all answers, shared among them."""
    task, counts = problem(4), list[Counter]()
    for chain in range(40):
        source, oracle = Random(np.random.default_rng([9, chain])), Oracle(task, task)
        setting = Setting(source, 1, task.depth, particles=16, moves=80)
        root, state = State(oracle.root(source)), None
        while state is None:
            state = oracle.run(attempt(root, setting))
        counts.append(Counter())
        for k in range(400):
            state = oracle.run(step(state, setting, Shares(0.3, 0.45, 0.25, 0.05)))
            if k >= 40:
                counts[-1][task.answer(state.prefix)] += 1
    for answer, chance in Truth(task).counts.items():
        if chance > 0.05:
            shares = np.array([each[answer] / each.total() for each in counts])
            error = shares.std(ddof=1) / math.sqrt(len(shares))
            assert abs(shares.mean() - chance) < 5.5 * error, answer
            assert error < 0.1


class Broken(SubsetSum):
    """Loses its mind at the second step."""

    def log_values(self, rows):
        return [math.nan if len(row.prefix) == 2 else 0.0 for row in rows]


def test_a_verifier_that_is_no_number_is_named_with_its_prefix():
    task = Broken(SMALL.numbers, SMALL.target)
    oracle, source = Oracle(task, task), Random(np.random.default_rng(0))

    def work():
        (pool,) = yield [Grow(((0, 1),), 1, source)]
        return pool

    with pytest.raises(BadValue, match=r"nan to the unfinished path 'leave 17, take 92 > "):
        oracle.run(work())
