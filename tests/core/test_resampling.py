"""Ancestors: E #{i: a_i = j} = N W_j for every scheme, whatever the weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2

from burnish_workers.core.keys import Key
from burnish_workers.core.resampling import SCHEMES, effective_size, log_mean, normalised

LOGS = st.lists(st.one_of(st.floats(-800, 800), st.just(-np.inf)), min_size=1, max_size=40)
schemes = pytest.mark.parametrize("scheme", SCHEMES)


def drawn(scheme: str, weight: NDArray[np.float64], times: int, seed: int = 1) -> NDArray[np.int64]:
    """How often each particle is drawn, (times, n)."""
    generator = Key(seed).generator()
    draw = SCHEMES[scheme]
    return np.array([np.bincount(draw(weight, generator), minlength=len(weight)) for _ in range(times)])


@schemes
@given(LOGS, st.integers(0, 2**32 - 1))
def test_as_many_as_before_and_none_without_a_weight(scheme: str, logs: list[float], seed: int) -> None:
    log_weight = np.array(logs)
    if np.isneginf(log_weight).all():
        log_weight[0] = 0.0
    weight = normalised(log_weight)
    ancestors = SCHEMES[scheme](weight, Key(seed).generator())
    assert ancestors.shape == weight.shape
    assert ancestors.dtype == np.int64
    assert (weight[ancestors] > 0).all()


@schemes
def test_every_particle_is_drawn_in_proportion_to_its_weight(scheme: str) -> None:
    """A chi-square of the mean counts, whose spread over repeats says what is far."""
    weight = normalised(np.array([0.0, 1.0, -3.0, 2.5, -np.inf, 0.3, 0.3, 1.7]))
    times = 20_000
    counts = drawn(scheme, weight, times)
    assert (counts.sum(axis=1) == len(weight)).all()
    assert (counts[:, weight == 0] == 0).all()
    spread = counts.std(axis=0, ddof=1) / times**0.5
    varied = spread > 0
    z = (counts.mean(axis=0) - len(weight) * weight)[varied] / spread[varied]
    assert (z**2).sum() < chi2.isf(1e-6, varied.sum())
    np.testing.assert_allclose(counts.mean(axis=0)[~varied], (len(weight) * weight)[~varied], atol=1e-12)


@given(LOGS, st.integers(0, 2**32 - 1))
def test_systematic_counts_are_next_to_what_is_expected(logs: list[float], seed: int) -> None:
    """Floor or ceiling of N W_j."""
    log_weight = np.array(logs)
    if np.isneginf(log_weight).all():
        log_weight[0] = 0.0
    weight = normalised(log_weight)
    count = drawn("systematic", weight, 1, seed)[0]
    assert (np.abs(count - len(weight) * weight) < 1 + 1e-9).all()


def test_systematic_counts_are_exact_for_whole_multiples() -> None:
    """By every uniform: N W_j whole numbers leave nothing to chance."""
    weight = np.array([0.25, 0.5, 0.0, 0.25])
    for scheme in ("systematic", "residual"):
        assert (drawn(scheme, weight, 200) == 4 * weight).all()
    assert (drawn("stratified", weight, 200) == 4 * weight).all()
    assert (drawn("multinomial", weight, 200) != 4 * weight).any()


def test_residual_counts_are_at_least_the_floor() -> None:
    weight = normalised(np.array([0.0, 2.0, 1.0, -1.0, 0.5]))
    assert (drawn("residual", weight, 500) >= np.floor(len(weight) * weight)).all()


def test_multinomial_varies_most_and_systematic_least() -> None:
    weight = normalised(Key(4).generator().standard_normal(64))
    spread = {scheme: drawn(scheme, weight, 2_000).var(axis=0).sum() for scheme in SCHEMES}
    assert spread["systematic"] < spread["residual"] < spread["multinomial"]
    assert spread["stratified"] < spread["multinomial"]


def test_the_last_of_many_particles_is_drawn_as_often_as_the_others() -> None:
    """A cumulative sum in single precision would stop short of 1, or overshoot it."""
    n = 100_000
    weight = np.full(n, 1 / n)
    assert (drawn("systematic", weight, 3) == 1).all()


@given(LOGS)
def test_means_and_sizes_of_weights_do_not_overflow(logs: list[float]) -> None:
    log_weight = np.array(logs)
    weight = normalised(log_weight)
    assert weight.sum() == pytest.approx(1)
    assert 1 - 1e-9 <= effective_size(weight) <= len(weight) + 1e-9
    top = log_weight.max()
    if np.isneginf(top):
        assert np.isneginf(log_mean(log_weight))
    else:
        assert top - np.log(len(weight)) - 1e-9 <= log_mean(log_weight) <= top + 1e-9
