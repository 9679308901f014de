"""Foldable moments: exact against direct formulas, and near-associative."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import stats

from burnish_workers.core.moments import Moments, merge

samples = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(-1e3, 1e3) | st.sampled_from([np.nan, np.inf, -np.inf]),
)

steady = settings(deadline=None, derandomize=True)


def same(a: Moments, b: Moments, rtol: float) -> None:
    """Equal counts and extremes; means and central sums equal up to rounding on the scale of the data."""
    x, y = a.to_arrays(), b.to_arrays()
    scale = np.fmax(np.abs(np.nan_to_num(x["low"][:, 0])), np.abs(np.nan_to_num(x["high"][:, 0]))) + 1e-300
    for name in ("count", "nonfinite", "low", "high"):
        np.testing.assert_array_equal(x[name], y[name], err_msg=name)
    for power, name in enumerate(("mean", "m2", "m3", "m4"), start=1):
        slack = rtol * scale**power * np.maximum(x["count"], 1)
        assert np.all(np.abs(x[name] - y[name]) <= slack + 1e-300), name


def test_moments_agree_with_direct_formulas() -> None:
    x = np.random.default_rng(1).lognormal(size=(1_000, 3)) - 2
    m = Moments.of(x, 5)
    np.testing.assert_allclose(m.mean, x.mean(0), rtol=1e-13)
    np.testing.assert_allclose(m.variance, x.var(0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(m.standard_error, stats.sem(x), rtol=1e-12)
    np.testing.assert_allclose(m.skewness, stats.skew(x), rtol=1e-11)
    np.testing.assert_allclose(m.kurtosis, stats.kurtosis(x, fisher=False), rtol=1e-11)
    np.testing.assert_array_equal(m.max_squared_deviation, ((x - m.mean) ** 2).max(0))
    np.testing.assert_array_equal(m.low, np.sort(x, 0)[:5].T)
    np.testing.assert_array_equal(m.high, np.sort(x, 0)[: -5 - 1 : -1].T)


@steady
@given(samples, st.integers(1, 6), st.data())
def test_folding_blocks_gives_the_statistics_of_all_samples(x: np.ndarray, tail: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(x)), max_size=4)))
    blocks = [Moments.of(block, tail) for block in np.split(x, cuts)]
    whole = Moments.of(x, tail)
    forwards = reduce(merge, blocks)
    backwards = reduce(lambda later, earlier: merge(earlier, later), reversed(blocks))
    same(whole, forwards, 1e-12)
    same(forwards, backwards, 1e-12)


@steady
@given(samples)
def test_empty_is_neutral_to_the_bit(x: np.ndarray) -> None:
    m, nothing = Moments.of(x, 4), Moments.empty(x.shape[1], 4)
    for merged in (merge(m, nothing), merge(nothing, m)):
        for name, value in m.to_arrays().items():
            np.testing.assert_array_equal(merged.to_arrays()[name], value, err_msg=name)


@steady
@given(samples)
def test_arrays_there_and_back(x: np.ndarray) -> None:
    m = Moments.of(x, 3)
    back = Moments.from_arrays(m.to_arrays())
    for name, value in m.to_arrays().items():
        np.testing.assert_array_equal(back.to_arrays()[name], value)
        assert back.to_arrays()[name].dtype == value.dtype


def test_each_output_counts_its_own_finite_samples() -> None:
    m = Moments.of(np.array([[1.0, np.nan], [3.0, np.inf], [5.0, 7.0]]), 2)
    assert m.count.tolist() == [3, 1]
    assert m.nonfinite.tolist() == [0, 2]
    assert m.mean.tolist() == [3.0, 7.0]
    assert m.variance[0] == 4.0
    assert np.isnan(m.variance[1])
    np.testing.assert_array_equal(m.low, [[1, 3], [7, np.nan]])
    np.testing.assert_array_equal(m.high, [[5, 3], [7, np.nan]])


def test_a_far_mean_does_not_cancel_the_variance() -> None:
    rng = np.random.default_rng(2)
    blocks = [Moments.of(1e9 + rng.standard_normal((500, 2)), 1) for _ in range(20)]
    np.testing.assert_allclose(reduce(merge, blocks).variance, 1, atol=0.06)


def test_huge_values_overflow_without_a_warning() -> None:
    m = Moments.of(np.array([[1e200], [-1e200], [1e308], [1e308]]), 2)
    m = merge(m, m)
    assert m.count[0] == 8
    assert np.isnan(m.kurtosis[0])


def test_moments_of_nothing() -> None:
    m = Moments.of(np.empty((0, 2)), 3)
    assert m.count.tolist() == [0, 0]
    assert np.isnan(m.standard_error).all()
    assert np.isnan(m.max_squared_deviation).all()


def test_misuse_is_explained() -> None:
    with pytest.raises(ValueError, match="give \\(replicates, outputs\\)"):
        Moments.of(np.zeros(5), 3)
    with pytest.raises(ValueError, match="keep at least one value"):
        Moments.empty(2, 0)
    with pytest.raises(ValueError, match="only equal ones can be merged"):
        merge(Moments.empty(2, 3), Moments.empty(2, 4))


def test_a_narrow_block_merges_into_a_wide_job_as_a_wide_one_would() -> None:
    x = np.random.default_rng(5).normal(size=(40, 3))
    job = Moments.of(x[:30], 16)
    narrow, wide = Moments.of(x[30:], 10).with_tail(16), Moments.of(x[30:], 16)
    for name, array in merge(job, wide).to_arrays().items():
        np.testing.assert_array_equal(merge(job, narrow).to_arrays()[name], array)
    with pytest.raises(ValueError, match="16 extremes are kept, 4 would drop some"):
        job.with_tail(4)
