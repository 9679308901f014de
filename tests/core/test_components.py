"""Sums of independent means: value, standard error, Welch-Satterthwaite."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from burnish_workers.core.components import combine
from burnish_workers.core.moments import Moments


def test_two_components_agree_with_welch() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(2, 1, (40, 3)), rng.normal(-1, 4, (9, 3))
    sum_ = combine({"main": Moments.of(x, 1), "step": Moments.of(y, 1)}, leading="main")
    # The sum of means is a difference of x and -y, for which scipy knows Welch's test.
    welch = stats.ttest_ind(x, -y, equal_var=False)
    np.testing.assert_allclose(sum_.dof, welch.df, rtol=1e-12)
    np.testing.assert_allclose(sum_.value, x.mean(0) + y.mean(0), rtol=1e-12)
    np.testing.assert_allclose(sum_.value / sum_.standard_error, welch.statistic, rtol=1e-12)
    assert sum_.replicates.tolist() == [40, 40, 40]


def test_one_component_is_itself() -> None:
    m = Moments.of(np.random.default_rng(4).exponential(size=(20, 2)), 1)
    alone = combine({"main": m}, leading="main")
    np.testing.assert_array_equal(alone.value, m.mean)
    np.testing.assert_allclose(alone.standard_error, m.standard_error, rtol=1e-14)
    np.testing.assert_allclose(alone.dof, 19, rtol=1e-12)


def test_intervals_of_a_sum_cover() -> None:
    rng, runs = np.random.default_rng(5), 20_000
    main, small = Moments.of(rng.normal(1, 1, (30, runs)), 1), Moments.of(rng.normal(2, 3, (10, runs)), 1)
    both = combine({"main": main, "small": small}, leading="main")
    missed = np.abs(both.value - 3) > stats.t.ppf(0.975, both.dof) * both.standard_error
    assert 0.042 < missed.mean() < 0.058


@pytest.mark.parametrize(("count", "value_known"), [(0, False), (1, True)])
def test_too_small_a_component_leaves_the_error_unknown(count: int, value_known: bool) -> None:
    parts = {"main": Moments.of(np.arange(10.0)[:, None], 1), "step": Moments.of(np.ones((count, 1)), 1)}
    sum_ = combine(parts, leading="main")
    assert np.isfinite(sum_.value[0]) == value_known
    assert np.isnan(sum_.standard_error[0])
    assert np.isnan(sum_.dof[0])


def test_no_spread_at_all_has_the_leading_degrees_of_freedom() -> None:
    parts = {"main": Moments.of(np.ones((10, 1)), 1), "step": Moments.of(np.ones((4, 1)), 1)}
    sum_ = combine(parts, leading="main")
    assert (sum_.value[0], sum_.standard_error[0], sum_.dof[0]) == (2, 0, 9)


def test_misuse_is_explained() -> None:
    with pytest.raises(ValueError, match="the components are main"):
        combine({"main": Moments.empty(1, 1)}, leading="mian")
    with pytest.raises(ValueError, match="differ in the number of outputs"):
        combine({"main": Moments.empty(1, 1), "step": Moments.empty(2, 1)}, leading="main")
