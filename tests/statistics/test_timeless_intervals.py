"""Intervals that hold at every moment together: open (asymptotic, any law) and bounded (exact, declared bounds)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from burnish_workers.core.betting import Betting, Bounds
from burnish_workers.core.boundary import fixed_critical, open_critical
from burnish_workers.core.moments import Moments, merge
from burnish_workers.core.schedule import Replicates, Schedule, critical_for

RUNS = 2_000
Sampler = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def at_most(missed: np.ndarray, rate: float) -> None:
    count = int(missed.sum())
    assert stats.binomtest(count, len(missed), rate, alternative="greater").pvalue > 1e-5, f"{count} of {len(missed)}"


def watched(law: str, sample: Sampler, truth: float, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """For each run, whether an interval after any of 2, 3, ... blocks of 100 misses: open ones, and plain 1.96."""
    rng = np.random.default_rng(sum(map(ord, law)))
    schedule = Schedule.plan(blocks // 2, 2, Replicates(100, 100), 0.05, False, kind="open")
    folded, missed, plain = Moments.empty(RUNS, 1), np.zeros(RUNS, bool), np.zeros(RUNS, bool)
    for k in range(1, blocks + 1):
        folded = merge(folded, Moments.of(sample(rng, (100, RUNS)), 1))
        look = schedule.published(k, ends=False)
        if look is not None:
            error = np.abs(folded.mean - truth) / folded.standard_error
            missed |= error > critical_for(look, folded.count - 1)
            plain |= error > 1.96
    return missed, plain


OPEN: dict[str, tuple[Sampler, float]] = {
    "normal": (lambda rng, shape: rng.standard_normal(shape), 0.0),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0),
}


@pytest.mark.parametrize("law", sorted(OPEN))
def test_open_holds_at_every_block_and_beyond_the_plan(law: str) -> None:
    """Twice the planned blocks are watched, one by one; a plain interval is wrong at some time for most users."""
    missed, plain = watched(law, *OPEN[law], blocks=80)
    at_most(missed, 0.05)
    assert plain.mean() > 0.25


def test_open_is_tightest_where_it_was_planned_to_be() -> None:
    best = 10_000
    ratio = {n: open_critical(n, best, 0.05) / fixed_critical(0.05) for n in (100, 1_000, 10_000, 100_000)}
    assert min(ratio, key=lambda n: ratio[n]) == best
    assert 1.5 < ratio[best] < 1.6, "the price of holding at every moment"


def test_open_has_no_end() -> None:
    schedule = Schedule.plan(8, 2, Replicates(100, 100), 0.05, False, kind="open")
    assert schedule.published(1, ends=False) is None
    for blocks in (2, 3, 8, 9, 1_000):
        look = schedule.published(blocks, (5,), ends=False)
        assert look is not None
        assert look.critical == open_critical(100 * blocks, 800, 0.05)
    assert schedule.next_look(8) == 16


BOUNDED: dict[str, tuple[Sampler, float]] = {
    "coin": (lambda rng, shape: (rng.random(shape) < 0.5).astype(float), 0.5),
    "rare": (lambda rng, shape: (rng.random(shape) < 1e-3).astype(float), 1e-3),
    "beta": (lambda rng, shape: rng.beta(10, 30, shape), 0.25),
    "uniform": (lambda rng, shape: rng.random(shape), 0.5),
    "edge": (lambda rng, shape: 1 - 0.1 * (rng.random(shape) < 0.02), 0.998),
}


def bets(sample: Sampler, blocks: list[int], seed: int, bounds: Bounds) -> list[tuple[np.ndarray, np.ndarray]]:
    """Limits after each block of the given sizes."""
    rng, state, found = np.random.default_rng(seed), Betting.empty(RUNS), []
    for size in blocks:
        part = Moments.of(bounds.low + (bounds.high - bounds.low) * sample(rng, (size, RUNS)), 1)
        count = part.count.astype(float)
        state = bounds.bet(state, count, part.mean, part.m2, part.low[:, 0], part.high[:, 0])
        found.append(bounds.interval(state))
    return found


@pytest.mark.parametrize("law", sorted(BOUNDED))
def test_bounded_holds_from_the_first_block_on(law: str) -> None:
    sample, truth = BOUNDED[law]
    bounds = Bounds(-3.0, 5.0, 0.05)
    truth = -3.0 + 8.0 * truth
    missed = np.zeros(RUNS, bool)
    for lower, upper in bets(sample, [5] * 10 + [50] * 20 + [500] * 8, 7, bounds):
        missed |= (lower > truth) | (upper < truth)
        assert (lower >= -3.0).all()
        assert (upper <= 5.0).all()
    at_most(missed, 0.05)


def test_bounded_narrows_as_the_root_of_n_and_knows_small_variances() -> None:
    few, many = (bets(BOUNDED["beta"][0], [100] * k, 1, Bounds(0.0, 1.0, 0.05))[-1] for k in (20, 320))
    widths = [float((upper - lower).mean()) for lower, upper in (few, many)]
    assert 1 / 5 < widths[1] / widths[0] < 1 / 2.5, "16 times the samples, about a quarter"
    coin = bets(BOUNDED["coin"][0], [100] * 320, 1, Bounds(0.0, 1.0, 0.05))[-1]
    assert widths[1] < 0.25 * float((coin[1] - coin[0]).mean()), "a seventh of the deviation of a coin"


def test_a_bet_on_the_block_itself_would_be_no_bet() -> None:
    """The mutant that takes its guess from the block it bets on pays too little."""
    bounds, rng = Bounds(0.0, 1.0, 0.05), np.random.default_rng(3)
    honest = cheating = Betting.empty(RUNS)
    for _ in range(20):
        x = Moments.of(rng.random((3, RUNS)) < 0.5, 1)
        count, low, high = x.count.astype(float), x.low[:, 0], x.high[:, 0]
        honest = bounds.bet(honest, count, x.mean, x.m2, low, high)
        cheating = bounds.bet(cheating, count, x.mean, 0 * x.m2, low, high)
    assert (cheating.cost < honest.cost).mean() > 0.9


def test_values_outside_the_bounds_are_named() -> None:
    bounds, one = Bounds(0.0, 1.0, 0.05), np.ones(3)
    state = bounds.bet(Betting.empty(3), one, one * 0.5, 0 * one, np.array([0.0, -0.2, 0.0]), np.array([1.0, 0.5, 1.7]))
    state = bounds.bet(state, one, one * 0.5, 0 * one, np.array([0.0, -0.1, 0.0]), np.array([1 + 1e-9, 0.5, 0.5]))
    np.testing.assert_array_equal(state.worst, [np.nan, -0.2, 1.7])
    lower, upper = bounds.interval(state)
    assert np.isfinite([lower[0], upper[0]]).all()
    assert np.isnan(lower[1:]).all()
    again = Betting.from_arrays(state.to_arrays())
    np.testing.assert_array_equal(again.worst, state.worst)
