"""Group-sequential boundaries against published constants, brute force and exact special cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from burnish_workers.core.boundary import (
    DELTA,
    crossing_probability,
    fixed_critical,
    last_critical,
    normal_tail,
    student_critical,
    wang_tsiatis,
)


def doubling(looks: int) -> tuple[float, ...]:
    return tuple(2.0**-i for i in reversed(range(looks)))


def boundary(fractions: tuple[float, ...], alpha: float) -> list[float]:
    return [wang_tsiatis(fractions, alpha) * (t / fractions[-1]) ** (DELTA - 0.5) for t in fractions]


@pytest.mark.parametrize(
    ("looks", "alpha", "constant"),
    [
        (8, 0.10, 1.7790),
        (8, 0.05, 2.0557),
        (8, 0.01, 2.6221),
        (2, 0.05, 2.0382),
        (3, 0.05, 2.0533),
        (4, 0.05, 2.0555),
        (13, 0.05, 2.0557),
        (8, 0.025, 2.3109),
        (2, 0.05 / 4, 2.5435),
        (2, 0.05 / 8, 2.7693),
        (2, 0.05 / 16, 2.9817),
    ],
)
def test_constants_at_doubling_looks(looks: int, alpha: float, constant: float) -> None:
    assert wang_tsiatis(doubling(looks), alpha) == pytest.approx(constant, abs=5e-5)


@pytest.mark.parametrize(
    ("looks", "delta", "constant"),
    # Pocock's and O'Brien and Fleming's, alpha .05, as tabled by Jennison and Turnbull (2000), to three decimals.
    [(5, 0.5, 2.413), (5, 0.0, 2.040), (10, 0.5, 2.555), (2, 0.5, 2.178), (2, 0.0, 1.977)],
)
def test_published_constants_at_equally_spaced_looks(looks: int, delta: float, constant: float) -> None:
    assert wang_tsiatis(tuple(range(1, looks + 1)), 0.05, delta) == pytest.approx(constant, abs=6e-4)


def test_two_looks_against_two_dimensional_integration() -> None:
    rho = 0.5**0.5
    density = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).pdf
    inside = integrate.dblquad(lambda y, x: density([x, y]), -2.4, 2.4, -2.05, 2.05, epsabs=1e-9)[0]
    assert crossing_probability([2.4, 2.05], [0.5, 1]) == pytest.approx(1 - inside, abs=1e-8)


def test_against_simulated_brownian_motion() -> None:
    fractions, runs = np.array([0.02, 0.05, 0.3, 0.33, 0.9, 1]), 400_000
    z = np.array([2.6, 2.9, 2.2, 2.5, 2.3, 2.1])
    steps = np.random.default_rng(6).standard_normal((runs, 6)) * np.sqrt(np.diff(fractions, prepend=0))
    crossed = (np.abs(steps.cumsum(1)) > z * np.sqrt(fractions)).any(1).mean()
    expected = crossing_probability(z.tolist(), fractions.tolist())
    assert abs(crossed - expected) < 4.5 * np.sqrt(expected / runs)


def test_one_look_is_the_fixed_interval() -> None:
    assert wang_tsiatis((3.0,), 0.05) == pytest.approx(1.959964, abs=1e-6)
    assert crossing_probability([1.959963984540054], [17]) == pytest.approx(0.05, abs=1e-15)
    assert last_critical([], [0.3], 0.05) == pytest.approx(1.959964, abs=1e-6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sets(st.integers(1, 5_000), min_size=1, max_size=12), st.sampled_from([0.1, 0.05, 0.01, 1e-4, 1e-7]))
def test_a_boundary_spends_exactly_alpha_at_any_looks(counts: set[int], alpha: float) -> None:
    fractions = tuple(sorted(counts))
    z = boundary(fractions, alpha)
    assert crossing_probability(z, fractions) == pytest.approx(alpha, rel=1e-5)
    assert fixed_critical(alpha) <= wang_tsiatis(fractions, alpha) * (1 + 1e-9)


def test_only_ratios_of_information_matter() -> None:
    assert wang_tsiatis((1, 2, 4), 0.05) == wang_tsiatis((0.25, 0.5, 1), 0.05)


def test_very_early_looks_are_free_and_harmless() -> None:
    assert wang_tsiatis((1 / 4096, 1.0), 0.05) == pytest.approx(1.959964, abs=1e-6)
    assert wang_tsiatis((1 / 4096, 1.01 / 4096, 0.5, 1.0), 0.05) == pytest.approx(2.0382, abs=5e-5)


@pytest.mark.parametrize("gap", [1e-9, 1e-5, 5e-4])
def test_two_looks_at_almost_the_same_place_are_one(gap: float) -> None:
    one = wang_tsiatis(doubling(6), 0.05)
    two = wang_tsiatis((*doubling(6), 1 + gap), 0.05)
    # To first order the second look costs what the step between the two may overshoot by.
    assert one <= two < one + np.sqrt(gap / (2 * np.pi)) * 1.01 + 1e-6


def test_the_rule_for_close_looks_agrees_with_the_recursion_where_they_meet() -> None:
    z, just_apart, just_close = [2.4, 2.1, 2.1, 2.05], 1 / (1 - 1 / 1020), 1 / (1 - 1 / 1028)
    apart = crossing_probability(z, [0.5, 1, just_apart, 2])
    close = crossing_probability(z, [0.5, 1, just_close, 2])
    assert apart == pytest.approx(close, abs=3e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(0.01, 0.9999), st.sampled_from([0.1, 0.05, 0.01]))
def test_a_last_look_spends_what_is_left(at: float, alpha: float) -> None:
    fractions = doubling(8)
    passed = [(t, z) for t, z in zip(fractions, boundary(fractions, alpha), strict=True) if t < at]
    times, z = [*(t for t, _ in passed), at], [z for _, z in passed]
    last = last_critical(z, times, alpha)
    assert crossing_probability([*z, last], times) == pytest.approx(alpha, rel=1e-5)
    assert fixed_critical(alpha) * (1 - 1e-9) <= last <= wang_tsiatis(fractions, alpha) + 0.013


def test_nothing_left_is_infinite() -> None:
    assert last_critical([fixed_critical(0.05)], [0.3, 0.4], 0.05) == float("inf")
    assert last_critical([1.0], [0.3, 0.4], 0.05) == float("inf")


def test_critical_values_keep_their_digits_in_the_far_tail() -> None:
    assert fixed_critical(2 * normal_tail(12.0)) == pytest.approx(12, rel=1e-12)
    np.testing.assert_allclose(student_critical(normal_tail(12.0), [1e12, np.inf]), 12, rtol=1e-9)
    heavy = student_critical(normal_tail(12.0), 7)
    assert stats.t.sf(heavy, 7) == pytest.approx(normal_tail(12.0), rel=1e-9)
    assert np.isnan(student_critical(0.025, np.nan))


@pytest.mark.parametrize("bad", [(), (0.0, 1.0), (1.0, 1.0), (1.0, 0.5)])
def test_fractions_must_increase(bad: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="strictly increasing"):
        wang_tsiatis(bad, 0.05)


def test_looks_and_values_must_match() -> None:
    with pytest.raises(ValueError, match="give one for each"):
        crossing_probability([2.0], [0.5, 1.0])
    with pytest.raises(ValueError, match="one fraction more than looks"):
        last_critical([2.0], [1.0], 0.05)
