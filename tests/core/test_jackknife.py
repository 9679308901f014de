"""Errors of evidence-weighted answers: exact where they can be told by hand, unbiased, and covering at 16 islands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from burnish_workers.core import jackknife
from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import (
    alone,
    beside,
    combined,
    degrees_of_freedom,
    deviations,
    effective_islands,
    evidence,
    evidence_gap,
    examined,
    log_evidence,
    means,
    pseudo_values,
    quantile_pseudo_values,
    quantiles_alone,
    ratio,
    weight_spread,
)
from burnish_workers.core.moments import Moments
from burnish_workers.core.schedule import Look, critical_for
from burnish_workers.core.sketches import mid_levels

slow = pytest.mark.slow
steady = settings(deadline=None, derandomize=True)
FIRST, SECOND = slice(0, 1), slice(1, 2)
ANSWER = beside(means(FIRST), deviations(FIRST, SECOND), evidence)
NAMES = ("mean", "std", "log_evidence")
SINGLE = Look(16, 0, 16, float(stats.norm.ppf(0.975)))

# Each island's mean is normal with standard deviation TAU about MU and correlated with its log weight, which is normal
# with mean -s^2/2, so that E Z = 1; weighting by Z moves the mean by RHO TAU s and leaves its spread as it is.
MU, TAU, RHO, WITHIN = 0.5, 0.3, 0.7, 1.0


def drawn(rng: np.random.Generator, count: int, spread: float) -> Islands:
    g, h, e = rng.standard_normal((3, count))
    mean = MU + TAU * (RHO * g + np.sqrt(1 - RHO**2) * h)
    within = WITHIN**2 * np.exp(0.2 * e - 0.02)
    return Islands.of(spread * g - spread**2 / 2, np.column_stack([mean, mean**2 + within]))


def truth(spread: float) -> np.ndarray:
    return np.array([MU + RHO * TAU * spread, np.hypot(TAU, WITHIN), 0.0])


def covered(islands: Islands, moments: Moments, true: np.ndarray) -> np.ndarray:
    """Whether a single look's 95 % intervals hold, with the corrections that are published."""
    found = combined(islands, moments)
    critical = critical_for(SINGLE, found.dof, np.abs(moments.skewness), np.full(moments.outputs, len(islands)))
    return np.abs(found.value - true) <= critical * found.standard_error


def rates(count: int, spread: float, runs: int, seed: int, answer: Callable[[Islands], Moments]) -> np.ndarray:
    rng, true = np.random.default_rng(seed), truth(spread)
    hits = np.zeros(3)
    for _ in range(runs):
        islands = drawn(rng, count, spread)
        hits += covered(islands, answer(islands), true)
    return hits / runs


def by_jackknife(islands: Islands) -> Moments:
    return Moments.of(pseudo_values(islands, ANSWER), 8)


def holds(rate: float, runs: int, low: float = 0.93, high: float = 0.97) -> bool:
    hits = round(rate * runs)
    sides = ((low, "less"), (high, "greater"))
    return all(float(stats.binomtest(hits, runs, limit, alternative=side).pvalue) > 1e-5 for limit, side in sides)


@steady
@given(st.integers(2, 9), st.integers(0, 50), st.booleans())
def test_pseudo_values_are_what_leaving_each_out_gives(count: int, seed: int, dead: bool) -> None:
    islands = drawn(np.random.default_rng(seed), count, 1.5)
    if dead:
        islands = Islands.of(np.where(np.arange(count) == 1, -np.inf, islands.log_weight), islands.values)
    whole = ANSWER(np.array([log_evidence(islands)]), ratio(islands)[None])[0]
    found = pseudo_values(islands, ANSWER)
    for b in range(count):
        rest = islands.rows(np.arange(count) != b)
        if not rest.live.any():
            assert not np.isfinite(found[b]).any()
            continue
        left = ANSWER(np.array([log_evidence(rest)]), ratio(rest)[None])[0]
        np.testing.assert_allclose(found[b], count * whole - (count - 1) * left, rtol=1e-9, atol=1e-9)


def test_equal_weights_give_plain_means_and_their_errors() -> None:
    values = np.random.default_rng(2).normal(3, 2, (20, 2))
    islands = Islands.of(np.full(20, -4.0), values)
    np.testing.assert_allclose(pseudo_values(islands, means(slice(None))), values, atol=1e-12)
    found = combined(islands, Moments.of(values, 4))
    np.testing.assert_allclose(found.standard_error, stats.sem(values), rtol=1e-12)
    assert found.dof.tolist() == [19.0, 19.0]
    assert effective_islands(islands) == pytest.approx(20)


def test_leaving_out_a_weight_that_dwarfs_the_others() -> None:
    """Subtracting it from the sum would leave nothing but rounding."""
    islands = Islands.of([50.0, 0.0, np.log(3)], [[7.0], [1.0], [2.0]])
    left = (3 * ratio(islands) - pseudo_values(islands, means(FIRST))) / 2
    assert left[0] == pytest.approx([1.75])


def test_one_island_has_a_value_and_no_error() -> None:
    moments = Moments.of(pseudo_values(drawn(np.random.default_rng(1), 1, 0.3), ANSWER), 4)
    assert np.isfinite(moments.mean).all()
    assert np.isnan(moments.standard_error).all()
    assert pseudo_values(Islands.empty(2), ANSWER).shape == (0, 3)
    assert degrees_of_freedom(Islands.empty(2)) != degrees_of_freedom(Islands.empty(2)), "not known"


def test_intervals_from_sixteen_islands_cover() -> None:
    runs = 4_000
    found = rates(16, 0.6, runs, seed=11, answer=by_jackknife)
    assert all(holds(rate, runs) for rate in found), dict(zip(NAMES, found, strict=True))


@slow
@pytest.mark.parametrize(("count", "spread"), [(16, 0.1), (16, 0.3), (16, 0.6), (64, 0.6), (64, 1.0), (256, 1.0)])
def test_intervals_cover_over_many_runs(count: int, spread: float) -> None:
    found = rates(count, spread, 16_000, seed=12, answer=by_jackknife)
    assert all(holds(rate, 16_000) for rate in found), dict(zip(NAMES, found, strict=True))


def test_student_with_all_degrees_of_freedom_would_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rates(16, 0.6, 2_000, seed=13, answer=by_jackknife)
    monkeypatch.setattr(jackknife, "degrees_of_freedom", lambda islands: len(islands) - 1.0)
    without = rates(16, 0.6, 2_000, seed=13, answer=by_jackknife)
    assert (found - without > 0.008).all(), (found, without)


def test_uniform_averages_miss() -> None:
    """Mutant: islands averaged as if they had equal weights."""

    def uniform(islands: Islands) -> Moments:
        return by_jackknife(Islands.of(np.zeros(len(islands)), islands.values))

    found = rates(64, 0.6, 500, seed=14, answer=uniform)
    assert not holds(found[0], 500)


def test_dead_islands_are_kept() -> None:
    """Half the islands die: E Z is half of what the live ones say. Leaving them out (the mutant) misses it always."""
    rng, runs = np.random.default_rng(15), 2_000
    kept, dropped = np.zeros(3), 0.0
    for _ in range(runs):
        islands = drawn(rng, 32, 0.2)
        islands = Islands.of(np.where(rng.random(32) < 0.5, -np.inf, islands.log_weight), islands.values)
        true = truth(0.2) + np.array([0, 0, np.log(0.5)])
        survivors = islands.rows(islands.live)
        kept += covered(islands, by_jackknife(islands), true)
        dropped += covered(survivors, by_jackknife(survivors), true)[2]
    assert all(holds(rate, runs) for rate in kept / runs), kept / runs
    assert not holds(dropped / runs, runs)
    assert dropped < 0.1 * runs


def test_the_bias_of_the_ratio_is_removed() -> None:
    rng, runs, spread = np.random.default_rng(16), 5_000, 0.6
    plain, corrected = np.zeros((runs, 3)), np.zeros((runs, 3))
    for i in range(runs):
        islands = drawn(rng, 8, spread)
        plain[i] = ANSWER(np.array([log_evidence(islands)]), ratio(islands)[None])[0]
        corrected[i] = by_jackknife(islands).mean
    bias, left = plain.mean(0) - truth(spread), corrected.mean(0) - truth(spread)
    noise = corrected.std(0) / np.sqrt(runs)
    assert (np.abs(bias) > 5 * noise).all()
    assert (np.abs(left) < np.abs(bias) / 4 + 3 * noise).all(), (bias, left)


def test_moments_of_each_island_alone_know_no_weights() -> None:
    islands = Islands.of([0.0, 1.0, -np.inf], [[2.0, 5.0], [3.0, 9.0], [0.0, 0.0]])
    np.testing.assert_array_equal(alone(islands, ANSWER), [[2, 1, 0], [3, 0, 1], [np.nan] * 3])
    moments = examined(islands, alone(islands, ANSWER), 2)
    assert moments.count.tolist() == [2, 2, 2]
    assert moments.nonfinite.tolist() == [0, 0, 0], "a dead island is no accident of the values"
    np.testing.assert_array_equal(moments.mean, [2.5, 0.5, 0.5])


def test_diagnostics() -> None:
    with np.errstate(divide="ignore"):
        islands = Islands.of(np.log([1.0, 2.0, 3.0, 0.0]), np.zeros((4, 1)))
    assert effective_islands(islands) == pytest.approx(36 / 14)
    assert weight_spread(islands) == pytest.approx(np.log([1, 2, 3]).std(ddof=1))
    assert evidence_gap(islands) == pytest.approx(np.log(6) / 3 - np.log(1.5))
    dead = Islands.of([-np.inf, -np.inf], np.ones((2, 1)))
    assert (effective_islands(dead), weight_spread(dead), evidence_gap(dead)) == (0.0, None, None)
    assert log_evidence(dead) == -np.inf
    assert np.isnan(ratio(dead)).all()


# --- quantiles --------------------------------------------------------------------------------------------------------
LEVELS = (0.05, 0.5, 0.9)
PARTICLES = 256


def sketched(rng: np.random.Generator, count: int, spread: float) -> Islands:
    """Particles of island b: exponential about the island's own place, which goes with its weight."""
    g = rng.standard_normal(count)
    x = 0.2 * g[:, None] + rng.exponential(size=(count, PARTICLES))
    sketch = np.quantile(x, mid_levels(64), axis=1, method="hazen").T[:, None, :]
    return Islands.of(spread * g - spread**2 / 2, np.zeros((count, 0)), sketch)


def true_quantiles(spread: float) -> np.ndarray:
    """Under the weights the place is N(0.2 s, 0.2^2): a normal plus an exponential."""
    law = stats.exponnorm(1 / 0.2, loc=0.2 * spread, scale=0.2)
    return law.ppf(LEVELS)


@pytest.mark.parametrize(
    ("spread", "runs"), [(0.6, 500), pytest.param(0.1, 4_000, marks=slow), pytest.param(0.6, 4_000, marks=slow)]
)
def test_quantiles_cover(spread: float, runs: int) -> None:
    rng, true = np.random.default_rng(21), true_quantiles(spread)
    hits = np.zeros(3)
    for _ in range(runs):
        islands = sketched(rng, 16, spread)
        found = Moments.of(quantile_pseudo_values(islands, LEVELS)[:, :, 0], 8)
        hits += covered(islands, found, true)
    assert all(holds(rate, runs) for rate in hits / runs), hits / runs


def test_quantiles_of_islands_that_agree_are_theirs() -> None:
    sketch = np.tile(stats.norm.ppf(mid_levels(64)), (12, 2, 1))
    sketch[:, 1] *= 3
    islands = Islands.of(np.zeros(12), np.zeros((12, 0)), sketch)
    found = quantile_pseudo_values(islands, LEVELS)
    assert found.shape == (12, 3, 2)
    for rows in (found, quantiles_alone(islands, LEVELS)):
        exact = np.outer(stats.norm.ppf(LEVELS), [1, 3])
        np.testing.assert_allclose(rows, np.broadcast_to(exact, rows.shape), rtol=0.005, atol=1e-9)


def test_quantiles_with_dead_islands_and_with_none() -> None:
    islands = sketched(np.random.default_rng(22), 10, 0.3)
    dead = Islands.of(np.where(np.arange(10) < 2, -np.inf, islands.log_weight), islands.values, islands.sketch)
    found = quantile_pseudo_values(dead, LEVELS)
    assert np.isfinite(found).all()
    rest = quantile_pseudo_values(dead.rows(dead.live), LEVELS)
    np.testing.assert_allclose(found.mean(0), rest.mean(0), atol=0.02)
    assert np.isnan(quantiles_alone(dead, LEVELS)[:2]).all()
    assert np.isnan(quantile_pseudo_values(dead.rows(~dead.live), LEVELS)).all()
    assert quantile_pseudo_values(Islands.empty(0, 2), LEVELS).shape == (0, 3, 2)
