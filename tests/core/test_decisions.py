"""Decisions at looks: when they are made, what they hold for, that nobody waits for one, and how samples are shared."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnish_workers.core.boundary import crossing_probability, fixed_critical, last_of_any, normal_tail, union_bound
from burnish_workers.core.decisions import LEAST, MOST, Ahead, Decisions, catch_up, portion
from burnish_workers.core.forecast import shared_need
from burnish_workers.core.moments import Moments
from burnish_workers.core.schedule import Replicates, Schedule

COUNT = Replicates(10, 40)
SCHEDULE = Schedule.plan(64, 2, COUNT, 0.05, extensible=True, adaptive=True)
LOOKS = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]


def made(upto: int, first: int | None = 2) -> tuple[Decisions, list[Ahead]]:
    """Decisions of a prefix that was folded block by block, and what each was told."""
    seen: list[Ahead] = []

    def decide(ahead: Ahead) -> dict[str, np.ndarray]:
        seen.append(ahead)
        return {"number": np.array([len(seen)])}

    decisions = Decisions(SCHEDULE, COUNT, first)
    for blocks in range(1, upto + 1):
        assert decisions.ready(blocks - 1), "a block was folded that could not be issued"
        decisions.folded(blocks, decide)
    return decisions, seen


def test_a_look_decides_from_the_next_look_to_the_one_after() -> None:
    decisions, seen = made(200)
    assert sorted(decisions.made) == [2, 4, 8, 16, 32, 64, 128]
    for j, look in enumerate(LOOKS[:7]):
        begins, ends = LOOKS[j + 1], LOOKS[j + 2]
        assert (seen[j].now, seen[j].then, seen[j].until) == (COUNT(look), COUNT(begins), COUNT(ends))
        assert {int(decisions.of(block)["number"][0]) for block in range(begins, ends)} == {j + 1}
        assert dict(seen[j].until_then) == dict(decisions.of(look))
    assert [len(decisions.of(block)) for block in range(5)] == [0, 0, 0, 0, 1]


def test_looks_before_the_first_that_decides_are_passed_over() -> None:
    decisions, _ = made(70, first=10)
    assert sorted(decisions.made) == [16, 32, 64]
    assert not any(decisions.of(block) for block in range(32))
    assert int(decisions.of(32)["number"][0]) == 1


def test_nothing_is_decided_where_nothing_is_to_be() -> None:
    decisions, seen = made(100, first=None)
    assert (seen, decisions.made, decisions.room(0, 500)) == ([], {}, 500)


@pytest.mark.parametrize("prefix", [0, 1, 2, 3, 4, 7, 8, 31, 32, 100])
def test_as_many_blocks_can_be_issued_as_are_folded(prefix: int) -> None:
    decisions, _ = made(prefix)
    room = decisions.room(prefix, 10_000)
    assert room >= prefix
    assert all(decisions.ready(block) for block in range(prefix + room))
    assert not decisions.ready(prefix + room)
    assert decisions.room(prefix, 1) == 1


def test_the_same_after_a_restart() -> None:
    whole, _ = made(300)
    begun, _ = made(100)
    again = Decisions(SCHEDULE, COUNT, 2, dict(begun.made))
    number = iter(range(len(begun.made) + 1, 99))
    for blocks in range(101, 301):
        again.folded(blocks, lambda ahead: {"number": np.array([next(number)])})
    assert {k: v["number"].tolist() for k, v in again.made.items()} == {
        k: v["number"].tolist() for k, v in whole.made.items()
    }


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e4)), min_size=1, max_size=40),
    st.floats(1, 1e6),
)
def test_shares_have_mean_one_and_forget_nobody(rows: list[tuple[float, float]], amount: float) -> None:
    wanted, had = (np.array(column) for column in zip(*rows, strict=True))
    shares = catch_up(wanted, had, amount)
    assert np.isclose(shares.mean(), 1)
    assert (shares > 0).all()
    assert shares.max() / shares.min() <= MOST / LEAST * (1 + 1e-9)


def test_totals_catch_up_with_what_is_wanted() -> None:
    wanted, had = np.array([1.0, 2.0, 4.0, 1.0]), np.array([100.0, 100.0, 100.0, 400.0])
    shares = catch_up(wanted, had, 4 * 300.0)
    after = had + 300 * shares
    # The last has had more than its share: it gets the least, and the others stand as wanted among themselves.
    assert shares[3] == pytest.approx(shares.min())
    assert after[:3] / after[0] == pytest.approx([1, 2, 4], rel=0.03)
    assert catch_up(np.zeros(3), np.ones(3), 5.0) == pytest.approx([1, 1, 1])
    assert catch_up(np.array([1.0, np.nan]), np.ones(2), 5.0)[0] > 1


@given(st.lists(st.floats(0.125, 16), min_size=1, max_size=30), st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_portions_add_up_to_shares(shares: list[float], sizes: list[int]) -> None:
    w, ends = np.array(shares), np.cumsum([0, *sizes])
    total = sum(portion(w, int(a), int(b)) for a, b in itertools.pairwise(ends))
    assert (np.abs(total - w * ends[-1]) <= 1).all()
    assert (portion(np.ones(3), 7, 19) == 12).all()


def test_small_shares_do_not_fall_due_together() -> None:
    counts = np.array([portion(np.full(64, 0.125), k, k + 1) for k in range(80)])
    assert counts.sum() == pytest.approx(64 * 10, abs=64)
    assert counts.sum(axis=1).max() <= 12


def test_outputs_with_samples_of_their_own_number() -> None:
    rng = np.random.default_rng(1)
    x, counts = rng.lognormal(size=(50, 4)), np.array([50, 1, 0, 17])
    present = np.arange(50)[:, None] < counts
    x[3, 3], x[40, 1] = np.inf, np.nan
    found = Moments.of(x, 8, present)
    for i, n in enumerate(counts):
        alone = Moments.of(x[:n, i : i + 1], 8)
        assert (found.count[i], found.nonfinite[i]) == (alone.count[0], alone.nonfinite[0])
        for name in ("mean", "m2", "m3", "m4"):
            assert getattr(found, name)[i] == pytest.approx(getattr(alone, name)[0], rel=1e-12)
        np.testing.assert_array_equal(found.low[i], alone.low[0])
    everywhere = Moments.of(x, 8, np.ones_like(x, dtype=bool))
    np.testing.assert_array_equal(everywhere.mean, Moments.of(x, 8).mean)


def test_looks_that_share_alpha_by_the_union_bound() -> None:
    fractions = tuple(2.0**j for j in range(7))
    c = union_bound(fractions, 0.05)
    z = [c * (t / fractions[-1]) ** -0.25 for t in fractions]
    assert c == pytest.approx(2.1115, abs=1e-4)
    assert crossing_probability(z, fractions) < 0.05
    assert last_of_any([], [1.0], 0.05) == pytest.approx(fixed_critical(0.05))
    last = last_of_any(z[:3], [1.0, 2.0, 4.0, 5.0], 0.05)
    assert sum(2 * normal_tail(v) for v in (*z[:3], last)) == pytest.approx(0.05)
    assert last < z[3]
    assert last_of_any([0.1], [1.0, 2.0], 0.05) == np.inf


def test_a_forecast_for_outputs_that_share_by_need() -> None:
    assert shared_need(np.array([3.0, 3.0])) == pytest.approx([3, 3])
    assert shared_need(np.array([0.0, 2.0])).max() == pytest.approx(2**0.5)
    lone = np.zeros(1000)
    lone[7] = 8.0
    assert shared_need(lone).max() == pytest.approx(8 / MOST**0.5)
