"""The guard: what it refuses, why, and how often it is wrong on normal data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from burnish_workers.core.guard import (
    alpha_spent,
    examine,
    largest_normal_deviation,
    max_to_sum,
    tolerance_below_floor,
)
from burnish_workers.core.moments import Moments, merge
from burnish_workers.core.tail_index import pareto_k


def moments(x: np.ndarray, tail: int = 512) -> Moments:
    return Moments.of(x if x.ndim == 2 else x[:, None], tail)


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3, 0.7, 1.2])
def test_pareto_k_finds_the_shape(shape: float) -> None:
    x = stats.genpareto.rvs(shape, size=(20_000, 60), random_state=7)
    m = moments(x)
    k = pareto_k(m.high, m.count)
    # The top 425 of 20,000: the prior at 1/2 weighs 10, the standard deviation is about (1 + k)/sqrt(425).
    expected = (425 * shape + 5) / 435
    assert k.mean() == pytest.approx(expected, abs=0.04)
    assert k.std() < 2 * (1 + abs(shape)) / np.sqrt(425)


def test_pareto_k_knows_neither_scale_nor_place_nor_neighbours() -> None:
    x = np.random.default_rng(8).pareto(2, (1_000, 5))
    m, moved = moments(x), moments(1e6 + 3e4 * x)
    k = pareto_k(m.high, m.count)
    np.testing.assert_allclose(pareto_k(moved.high, moved.count), k, rtol=1e-5)
    alone = [pareto_k(moments(x[:, i]).high, m.count[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(k, alone, rtol=1e-12)
    mirrored = moments(-x)
    np.testing.assert_array_equal(pareto_k(-mirrored.low, mirrored.count), k)


def test_pareto_k_of_samples_of_unequal_size() -> None:
    x = np.random.default_rng(9).pareto(2, (1_000, 3))
    x[500:, 1] = np.nan
    m, half = moments(x), moments(x[:500, 1])
    assert pareto_k(m.high, m.count)[1] == pytest.approx(pareto_k(half.high, half.count)[0], rel=1e-12)


def test_pareto_k_says_nothing_about_a_handful_of_values() -> None:
    x = np.zeros((1_000, 2))
    x[:7, 0] = 1
    x[:9, 1] = np.arange(1, 10)
    m = moments(x)
    k = pareto_k(m.high, m.count)
    assert np.isnan(k[0])
    assert np.isfinite(k[1])


@pytest.mark.parametrize("replicates", [12, 24, 48, 96, 199])
def test_outlier_rule_refuses_one_normal_look_in_a_thousand(replicates: int) -> None:
    runs = 40_000
    m = Moments.of(np.random.default_rng(10).standard_normal((replicates, runs)), 1)
    refused = int((m.max_squared_deviation >= largest_normal_deviation(replicates) * m.variance).sum())
    assert stats.binomtest(refused, runs, 1e-3, alternative="greater").pvalue > 1e-5
    assert refused > 0.7e-3 * runs


def test_outlier_rule_shares_its_level_among_outputs() -> None:
    looks = 2_000
    x = np.random.default_rng(11).standard_normal((24, looks, 50))
    refused = sum(not examine(Moments.of(x[:, i], 1), bias_known=True).certified.all() for i in range(looks))
    assert stats.binomtest(refused, looks, 1e-3, alternative="greater").pvalue > 1e-5


def test_an_outlier_among_few_replicates_is_refused() -> None:
    x = np.random.default_rng(12).standard_normal(24)
    assert examine(moments(x), bias_known=True).refusal is None
    verdict = examine(moments(np.append(x, 12.0)), bias_known=True)
    assert verdict.refusal is not None
    assert verdict.refusal.code == "heavy_tail"
    assert verdict.refusal.statistics["largest_deviation"] > 4
    assert "one of 25 replicates" in verdict.refusal.why


@pytest.mark.parametrize(("count", "refused"), [(0, True), (1, True), (7, True), (8, False), (11, False)])
def test_too_few(count: int, refused: bool) -> None:
    x = np.random.default_rng(13).standard_normal((count, 2))
    verdict = examine(moments(x), bias_known=True)
    assert (~verdict.certified).tolist() == [refused] * 2
    assert (verdict.refusal.code if verdict.refusal else None) == ("too_few" if refused else None)


def test_replicates_may_be_counted_elsewhere() -> None:
    steps = moments(np.random.default_rng(14).standard_normal(5_000))
    assert examine(steps, bias_known=True).refusal is None
    refusal = examine(steps, bias_known=True, replicates=4).refusal
    assert refusal is not None
    assert refusal.code == "too_few"


def test_each_output_is_judged_for_itself_and_the_worst_is_named() -> None:
    rng = np.random.default_rng(15)
    x = rng.standard_normal((2_000, 5))
    x[:, 1] = rng.pareto(1.2, 2_000)
    x[:, 3] = rng.pareto(0.8, 2_000)
    verdict = examine(moments(x), bias_known=True)
    assert verdict.certified.tolist() == [True, False, True, False, True]
    assert verdict.failed["heavy_tail"].tolist() == [False, True, False, True, False]
    assert verdict.refusal is not None
    assert verdict.refusal.statistics["output"] in (1, 3)
    assert verdict.refusal.statistics["replicates"] == 2_000


def test_both_tails_count() -> None:
    x = np.random.default_rng(16).pareto(1.3, 5_000)
    for side in (x, -x):
        assert not examine(moments(side), bias_known=True).certified[0]


def test_nonfinite_is_the_gravest() -> None:
    x = np.random.default_rng(17).pareto(0.9, (500, 2))
    x[3, 1] = np.inf
    verdict = examine(moments(x), bias_known=False)
    assert set(verdict.failed) == {"nonfinite", "bias_unknown", "heavy_tail"}
    assert verdict.refusal is not None
    assert verdict.refusal.code == "nonfinite"
    assert verdict.refusal.statistics == {"nonfinite": 1, "count": 499, "output": 1}
    overflow = examine(moments(np.array([1e200, -1e200] * 200)), bias_known=True).refusal
    assert overflow is not None
    assert overflow.code == "nonfinite"


def test_bias_must_be_known() -> None:
    verdict = examine(moments(np.random.default_rng(18).standard_normal(1_000)), bias_known=False)
    assert verdict.refusal is not None
    assert verdict.refusal.code == "bias_unknown"


def test_an_event_not_yet_seen_is_not_a_certain_zero() -> None:
    zeros = moments(np.zeros(1_000))
    refusal = examine(zeros, bias_known=True).refusal
    assert refusal is not None
    assert refusal.code == "too_few"
    assert "all 1000 replicates are equal" in refusal.why
    assert examine(zeros, bias_known=True, constant_allowed=True).certified.all()


def test_the_ratio_survives_the_fold() -> None:
    x = np.random.default_rng(19).lognormal(size=(900, 4))
    folded = merge(moments(x[:100], 3), moments(x[100:], 3))
    d = (x - x.mean(0)) ** 2
    np.testing.assert_allclose(max_to_sum(folded), d.max(0) / d.sum(0), rtol=1e-12)


def test_the_other_refusals() -> None:
    assert tolerance_below_floor(1e-2, 1e-3, "") is None
    floor = tolerance_below_floor(1e-3, 1e-2, "use 32 time steps")
    assert floor is not None
    assert (floor.code, floor.advice) == ("tolerance_below_floor", "use 32 time steps")
    assert alpha_spent(100, 64).statistics == {"blocks": 100, "spent_at": 64}


def test_statistics_are_always_finite_numbers() -> None:
    x = np.zeros(400)
    x[0] = 1
    refusal = examine(moments(x), bias_known=True).refusal
    assert refusal is not None
    assert all(np.isfinite(list(refusal.statistics.values())))
    assert "pareto_k" not in refusal.statistics
