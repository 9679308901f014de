"""The plain rules: what they give, and that they keep promises and leave no slot free."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnish_workers.core.allocate import Pool
from burnish_workers.core.demand import Need, Needs
from burnish_workers.core.sharing import RULES, equally, first_come

POOL = Pool(8, 4)


def job(name: str, demand: int = 100, **more: object) -> Need:
    return replace(Need(name, "a", demand), **more)


def slots(rule, *jobs: Need, pool: Pool = POOL) -> list[int]:
    return rule(Needs.of(jobs), pool, None).slots.tolist()


def test_equal_shares_whatever_the_weights() -> None:
    assert slots(equally, job("a", weight=10.0), job("b", remaining=1e-3)) == [4, 4]


def test_what_one_cannot_use_goes_to_the_others_equally() -> None:
    assert slots(equally, job("a", 2), job("b"), job("c")) == [2, 3, 3]


@pytest.mark.parametrize("count", [3, 5, 13])
def test_fractions_of_slots_are_given_in_turn(count: int) -> None:
    """In a hundred decisions each of several jobs gets an equal part, also of fewer slots than there are jobs."""
    needs, owed, total = Needs.of([job(f"{i:02}") for i in range(count)]), None, np.zeros(count)
    for _ in range(100):
        decided = equally(needs, POOL, owed)
        owed, total = decided.entitled, total + decided.slots
        assert decided.slots.sum() == POOL.slots
        assert np.ptp(decided.slots) <= 2
    assert total == pytest.approx(100 * POOL.slots / count, abs=1.01)


def test_a_job_that_is_new_is_owed_nothing() -> None:
    needs = Needs.of([job("a"), job("b"), job("c")])
    owed = np.array([0.6, -0.6, math.nan])
    assert equally(needs, POOL, owed).slots.tolist() == [3, 2, 3]


def test_the_oldest_first_in_whatever_order_they_are_told() -> None:
    assert slots(first_come, job("job_3"), job("job_1", 5), job("job_2", 2)) == [1, 5, 2]


@pytest.mark.parametrize("rule", [equally, first_come])
def test_a_promise_comes_first(rule) -> None:
    jobs = [job("a"), job("b", 6, deadline=30.0, remaining=9.0), job("c", 1, deadline=10.0, remaining=1.0)]
    assert slots(rule, *jobs) == [1, 6, 1]


@given(st.lists(st.integers(0, 20), max_size=12), st.sampled_from(sorted(RULES)), st.integers(0, 30))
def test_no_slot_is_free_while_a_job_could_use_it(demands: list[int], name, count: int) -> None:
    jobs = [job(f"{i:02}", demand) for i, demand in enumerate(demands)]
    given_ = slots(RULES[name], *jobs, pool=Pool(count, count))
    assert sum(given_) == min(count, sum(demands))
    assert all(0 <= got <= demand for got, demand in zip(given_, demands, strict=True))
