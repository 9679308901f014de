"""Who gets the next blocks: properties that every decision has, and each rule on its own."""

from __future__ import annotations

import heapq
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnish_workers.core.admission import USABLE, admissible, required_rate, spare
from burnish_workers.core.allocate import (
    FAIR,
    TENANT_WEIGHT,
    Pool,
    allocate,
    allowance,
    by_weight,
    capped_weights,
    raise_level,
)
from burnish_workers.core.demand import Need, Needs

amounts = st.floats(0, 1e6)


@st.composite
def needs(draw: st.DrawFn) -> Need:
    demand = draw(st.integers(0, 40))
    return Need(
        id="",
        runner=draw(st.sampled_from("ab")),
        demand=demand,
        tenant=draw(st.sampled_from("xyz")),
        in_flight=draw(st.integers(0, demand)),
        weight=draw(st.floats(0.1, 10)),
        blocks=draw(st.integers(0, 100)),
        replicates=draw(st.integers(0, 10_000)),
        seconds=draw(amounts),
        block_seconds=draw(st.floats(0, 10)),
        spread=draw(amounts),
        remaining=draw(st.none() | amounts),
        upper=draw(st.none() | amounts),
        deadline=draw(st.none() | st.floats(-10, 1e5)),
        barred=draw(st.booleans()),
    )


def named(jobs: list[Need]) -> list[Need]:
    return [replace(job, id=f"{i:03}") for i, job in enumerate(jobs)]


def slots(jobs: list[Need], pool: Pool) -> list[int]:
    return allocate(Needs.of(jobs), pool).slots.tolist()


def job(name: str, demand: int = 100, **more: object) -> Need:
    """A job that is past its first blocks and owed nothing."""
    known = {"blocks": 100, "replicates": 1600, "seconds": 10.0, "block_seconds": 0.5, "spread": 1.0}
    return replace(Need(name, "r", demand), **(known | more))


some = st.lists(needs(), max_size=12).map(named)


@given(some, st.integers(0, 64), st.lists(amounts | st.just(math.nan), max_size=12))
@settings(max_examples=300, deadline=None)
def test_no_slot_is_idle_while_a_job_could_use_it(jobs, size, entitled):
    before = np.array([*entitled, *[math.nan] * 12][: len(jobs)])
    decided = allocate(Needs.of(jobs), Pool(size, max(size // 2, 1)), before)
    assert decided.slots.sum() == min(size, sum(each.demand for each in jobs))
    assert all(0 <= n <= each.demand for n, each in zip(decided.slots, jobs, strict=True))
    assert np.isfinite(decided.entitled).all()


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_reports_does_not_matter(seed):
    draw = np.random.default_rng(seed)

    def drawn(i: int) -> Need:
        aims = [{}, {"remaining": draw.exponential(50)}, {"deadline": draw.uniform(1, 1e3), "upper": 9.0}][i % 3]
        known = {"weight": draw.uniform(0.1, 10), "seconds": draw.exponential(50), "spread": draw.lognormal()}
        return job(f"{i}", int(draw.integers(1, 20)), blocks=i, barred=draw.random() < 0.1, **known, **aims)

    jobs, entitled = [drawn(i) for i in range(12)], draw.exponential(60, 12)
    first, order = allocate(Needs.of(jobs), Pool(32, 16), entitled), draw.permutation(12)
    second = allocate(Needs.of([jobs[i] for i in order]), Pool(32, 16), entitled[order])
    assert second.slots.tolist() == first.slots[order].tolist()
    assert second.entitled.tolist() == pytest.approx(first.entitled[order].tolist())


def one_by_one(rate: list[float], start: list[float], room: list[int], step: float, count: int) -> list[int]:
    """What `raise_level` does at once, done literally."""
    given = [0] * len(rate)
    heap = [(start[i] / rate[i], i) for i in range(len(rate)) if room[i] > 0]
    heapq.heapify(heap)
    while count > 0 and heap:
        _, i = heapq.heappop(heap)
        given[i], count = given[i] + 1, count - 1
        if given[i] < room[i]:
            heapq.heappush(heap, ((start[i] + given[i] * step) / rate[i], i))
    return given


@pytest.mark.parametrize("seed", range(20))
def test_raising_the_level_is_the_greedy_rule_block_by_block_to_within_a_slot(seed):
    draw = np.random.default_rng(seed)
    n = int(draw.integers(1, 40))
    rate, start = draw.lognormal(0, 2, n), draw.exponential(20, n)
    room, step, count = draw.integers(0, 20, n), float(draw.uniform(0.1, 2)), int(draw.integers(0, 200))
    got = raise_level(rate, start, room, step, count)
    want = np.array(one_by_one(rate.tolist(), start.tolist(), room.tolist(), step, count))
    assert got.sum() == want.sum()
    assert np.abs(got - want).max() <= 1
    assert np.abs(got - want).sum() <= 2


def test_budget_jobs_approach_time_in_proportion_to_root_of_spread():
    """Optimum t ~ sqrt(w s^2 c)/eps: who has less than its part gets the slots."""
    jobs = [
        job("a", spread=1.0, seconds=100.0),
        job("b", spread=4.0, seconds=100.0),
        job("c", spread=1.0, seconds=100.0, weight=4.0),
        job("d", spread=16.0, seconds=400.0),
    ]
    a, b, c, d = slots(jobs, Pool(100, 100, interval=1e-6))
    assert (a, d) == (0, 0)
    assert abs(b - c) <= 1


def test_an_uncertain_variance_counts_for_more():
    known, unknown = job("a", replicates=10_000), job("b", replicates=8)
    assert slots([known, unknown], Pool(1, 1)) == [0, 1]


def test_young_jobs_first():
    young = [job(f"{i}", blocks=i, spread=0.0) for i in range(3)]
    assert slots([*young, job("old", spread=1e6)], Pool(10, 10)) == [4, 3, 2, 1]


def test_tolerance_jobs_go_by_weight_over_remaining():
    jobs = [
        job("far", remaining=100.0),
        job("near", demand=3, remaining=10.0),
        job("heavy", demand=5, remaining=100.0, weight=9.0),
        job("over", demand=2, remaining=0.0),
    ]
    assert slots(jobs, Pool(5, 5)) == [0, 3, 0, 2]
    assert slots(jobs, Pool(11, 11)) == [1, 3, 5, 2]


def test_jobs_with_and_without_a_tolerance_split_by_weight():
    aims, gains = job("a", remaining=1.0, weight=3.0), job("b", weight=1.0)
    assert slots([aims, gains], Pool(16, 16)) == [12, 4]
    assert slots([replace(aims, demand=2), gains], Pool(16, 16)) == [2, 14]


def test_refused_jobs_get_only_what_nobody_else_can_use():
    refused, other = job("refused", spread=1e9, barred=True), job("other", demand=6)
    assert slots([refused, other], Pool(4, 4)) == [0, 4]
    assert slots([refused, other], Pool(8, 8)) == [2, 6]


def test_earliest_deadline_first_and_the_fair_fifth_beside_it():
    late, early = job("late", deadline=90.0), job("early", demand=5, deadline=10.0)
    open_end = job("open", remaining=1.0)
    calm = [replace(each, upper=5.0) for each in (late, early)]
    assert slots([*calm, open_end], Pool(10, 10)) == [3, 5, 2], "two held back"
    urgent = [replace(late, upper=700.0), replace(early, upper=30.0)]
    assert slots([*urgent, open_end], Pool(10, 10)) == [4, 5, 1], "9 of 10 are needed"


def test_who_lags_a_block_behind_its_fair_fifth_is_served():
    starved = job("starved", remaining=1e9, seconds=10.0, block_seconds=0.5)
    rival = job("rival", remaining=1.0)
    for behind, expected in [(0.0, 0), (0.5, 1), (1.0, 2), (50.0, 4)]:
        entitled = np.array([10.0 + behind, 10.0])
        got = allocate(Needs.of([starved, rival]), Pool(20, 20, interval=1e-9), entitled).slots[0]
        assert got == expected, f"{behind} worker-seconds behind"


def test_entitlement_grows_by_a_fifth_of_the_fair_share_and_debts_are_short():
    jobs = [job("a", weight=1.0), job("b", weight=3.0), job("none", demand=0, weight=5.0)]
    before = np.array([10.0, 10.0, 10.0])
    after = allocate(Needs.of(jobs), Pool(32, 16), before).entitled
    assert (after - before).tolist() == pytest.approx([FAIR * 16 * 0.5 / 4, 3 * FAIR * 16 * 0.5 / 4, 0.0])
    served = [replace(each, seconds=1000.0) for each in jobs]
    assert allocate(Needs.of(served), Pool(32, 16), after).entitled.tolist() == [999.5] * 3


def test_many_jobs_of_one_tenant_are_not_many_votes():
    jobs = [job(f"{i}", tenant="many") for i in range(90)] + [job("one", tenant="few", weight=10.0)]
    weight = capped_weights(Needs.of(jobs))
    assert weight[:90].sum() == pytest.approx(TENANT_WEIGHT)
    assert weight[90] == TENANT_WEIGHT


def test_admission_demands_that_all_that_is_due_fits():
    due = [(10.0, 40.0), (20.0, 80.0)]
    assert required_rate(due) == pytest.approx(6.0)
    assert admissible(due, 7.0)
    assert not admissible(due, 6.5), "six workers of 6.5 is more than nine tenths"
    assert not admissible([(-1.0, 1.0)], 100.0)
    assert admissible([], 1.0)


@pytest.mark.parametrize("deadline", [5.0, 10.0, 15.0, 30.0])
def test_spare_is_just_what_is_admissible(deadline):
    due = [(10.0, 40.0), (20.0, 80.0)]
    room = spare(due, 8.0, deadline)
    assert room > 0
    assert admissible([*due, (deadline, room * (1 - 1e-9))], 8.0)
    assert not admissible([*due, (deadline, room * (1 + 1e-6) + 1e-6)], 8.0)
    assert spare(due, 120 / 20 / USABLE, deadline) == pytest.approx(0.0) or deadline > 20


def test_by_weight_hands_out_everything():
    assert by_weight({"a": 1.0, "b": 3.0}, 8) == {"a": 2, "b": 6}
    assert sum(by_weight({"a": 1.0, "b": 1.0, "c": 1.0}, 7).values()) == 7
    assert by_weight({}, 7) == {}


def test_allowance_is_the_share_and_what_nobody_else_could_claim():
    assert allowance("a", 10, {"a": 4, "b": 6}, {"a": 0, "b": 0}) == 4
    assert allowance("a", 10, {"a": 4, "b": 2}, {"a": 0, "b": 1}) == 8, "one is left for b, one b has"
    assert allowance("a", 10, {"a": 4, "b": 0}, {"a": 0, "b": 9}) == 1, "b still has what it got before"
    assert allowance("a", 10, {"a": 4, "b": 0}, {"a": 6, "b": 9}) == 6
    assert allowance("new", 10, {"a": 4}, {"a": 4}) == 6


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5),
    st.integers(0, 20),
    st.lists(st.integers(0, 4), max_size=40),
)
def test_a_runner_that_goes_by_its_allowance_never_issues_beyond_its_slots(jobs, size, order):
    shares = {f"{i}": share for i, (share, _) in enumerate(jobs)}
    out = {f"{i}": flying for i, (_, flying) in enumerate(jobs)}
    before = sum(out.values())
    for i in order:
        name = f"{i % len(jobs)}"
        if out[name] < allowance(name, size, shares, out):
            out[name] += 1
    assert sum(out.values()) <= max(size, before)
