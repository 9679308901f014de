"""Control variates that are learnt: unbiased whatever is learnt, intervals that hold, and the rates where they help.

Source of the rates: Blanchet, Chen, Lu, Ying, "When can regression-adjusted control variates help?", NeurIPS 2023.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from burnish_workers.core.guard import examine
from burnish_workers.core.moments import Moments
from burnish_workers.core.neighbours import NearestNeighbours, nearest_neighbours
from burnish_workers.core.regression_control import (
    Controlled,
    Mean,
    Regression,
    cross_fitted_mean,
    sampled_mean,
    split_mean,
)
from burnish_workers.core.truncation import Regime, Sobolev, diagnosed

Array = np.ndarray
Estimator = Callable[..., Controlled]
SIZES = 2 ** np.arange(6, 15)
TINY = 1e-5


def exact(h: NearestNeighbours) -> Mean:
    return Mean(h.unit_interval_mean())


def wave(x: Array) -> Array:
    return np.sin(7 * x) + np.cos(19 * x) / 2


WAVE = (1 - np.cos(7)) / 7 + np.sin(19) / 38


def reused(x: Array, y: Array, fit: Callable[..., Regression], mean: Callable[..., Mean]) -> Controlled:
    """The mutant: all points fit, and the same points correct."""
    h = fit(x, y)
    corrections = Moments.of((y - h(x))[:, None], 512)
    error = np.hypot(mean(h).standard_error, corrections.standard_error[0])
    return Controlled(mean(h).value + corrections.mean[0], float(error), len(y) - 1, corrections)


def quadratic(x: Array, y: Array) -> Regression:
    """Least squares on 1, x, x^2: another regression than the one that is shipped."""
    coefficients = np.linalg.lstsq(np.concatenate([np.ones((len(x), 1)), x, x**2], axis=1), y, rcond=None)[0]
    return lambda z: np.concatenate([np.ones((len(z), 1)), z, z**2], axis=1) @ coefficients


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_the_mean_of_neighbours_is_exact(k: int) -> None:
    rng = np.random.default_rng(k)
    x, y = rng.random((9, 1)), rng.standard_normal(9)
    h = nearest_neighbours(k)(x, y)
    grid = (np.arange(200_000)[:, None] + 0.5) / 200_000
    assert h.unit_interval_mean() == pytest.approx(h(grid).mean(), abs=1e-4)
    order = np.argsort(np.abs(x[:, 0] - 0.3))[:k]
    assert h(np.array([[0.3]]))[0] == pytest.approx(y[order].mean())


def test_the_mean_of_neighbours_is_refused_where_it_is_not_exact() -> None:
    with pytest.raises(ValueError, match="d = 2"):
        nearest_neighbours()(np.zeros((3, 2)), np.zeros(3)).unit_interval_mean()
    with pytest.raises(ValueError, match="unit interval"):
        nearest_neighbours()(np.array([[0.5], [1.5]]), np.zeros(2)).unit_interval_mean()
    with pytest.raises(ValueError, match="1 <= k <= 3"):
        nearest_neighbours(4)(np.zeros((3, 2)), np.zeros(3))


def unbiased(estimator: Estimator) -> None:
    """E estimate = (e^3 - 1)/3 with eight neighbours of few points, so that h is far off at both ends."""
    rng, found = np.random.default_rng(11), []
    for _ in range(3_000):
        x = rng.random((40, 1))
        found.append(estimator(x, np.exp(3 * x[:, 0]), nearest_neighbours(8), exact).value)
    z = (np.mean(found) - (np.exp(3) - 1) / 3) / stats.sem(found)
    assert abs(z) < stats.norm.isf(TINY / 2), f"{z:.1f} standard errors off"


@pytest.mark.parametrize("estimator", [split_mean, cross_fitted_mean])
def test_unbiased_whatever_is_learnt(estimator: Estimator) -> None:
    unbiased(estimator)


def test_points_used_twice_bias_it() -> None:
    with pytest.raises(AssertionError, match="standard errors off"):
        unbiased(reused)


RUNS = 1_000


def misses(estimator: Estimator, fit: Callable[..., Regression], cheap: int) -> int:
    """How many 95 % intervals miss the mean of a noisy f on [0, 1]^3, E h taken from `cheap` points."""
    rng, missed = np.random.default_rng(12), 0
    for _ in range(RUNS):
        x = rng.random((100, 3))
        y = np.exp(x.sum(axis=1)) + 0.3 * rng.standard_normal(100)
        found = estimator(x, y, fit, sampled_mean(rng.random((cheap, 3))))
        reach = stats.t.ppf(0.975, found.dof) * found.standard_error
        missed += bool(abs(found.value - (np.e - 1) ** 3) > reach)
    return missed


@pytest.mark.parametrize(
    "fit", [pytest.param(nearest_neighbours(1), marks=pytest.mark.slow), nearest_neighbours(6), quadratic]
)
@pytest.mark.parametrize("cheap", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_intervals_hold(fit: Callable[..., Regression], cheap: int) -> None:
    """Those of one split at their level; those of two at least, as nothing is assumed of how the halves correlate."""
    split, crossed = misses(split_mean, fit, cheap), misses(cross_fitted_mean, fit, cheap)
    assert stats.binomtest(split, RUNS, 0.06, alternative="greater").pvalue > TINY
    assert stats.binomtest(split, RUNS, 0.04, alternative="less").pvalue > TINY
    assert stats.binomtest(crossed, RUNS, 0.05, alternative="greater").pvalue > TINY


def test_intervals_of_points_used_twice_do_not_hold() -> None:
    missed = misses(reused, nearest_neighbours(1), 1_000)
    assert stats.binomtest(missed, RUNS, 0.06, alternative="greater").pvalue < TINY


def test_the_error_of_a_sampled_mean_of_h_counts() -> None:
    def forgetful(*arguments: object) -> Controlled:
        found = split_mean(*arguments)  # pyright: ignore[reportArgumentType]
        return Controlled(found.value, float(found.corrections.standard_error[0]), found.dof, found.corrections)

    missed = misses(forgetful, quadratic, 100)
    assert stats.binomtest(missed, RUNS, 0.06, alternative="greater").pvalue < TINY


def test_both_halves_are_better_than_one() -> None:
    rng, one, two = np.random.default_rng(13), [], []
    for _ in range(800):
        x = rng.random((128, 1))
        one.append(split_mean(x, wave(x[:, 0]), nearest_neighbours(), exact).value - WAVE)
        two.append(cross_fitted_mean(x, wave(x[:, 0]), nearest_neighbours(), exact).value - WAVE)
    assert np.std(two) < 0.8 * np.std(one)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((20, 2)), np.zeros(19), r"give \(n, d\) and \(n,\)"),
        (np.zeros(20), np.zeros(20), r"give \(n, d\) and \(n,\)"),
        (np.zeros((15, 1)), np.zeros(15), "at least 16"),
        (np.zeros((20, 1)), np.full(20, np.nan), "20 points or values"),
    ],
)
def test_bad_samples_are_told(x: Array, y: Array, message: str) -> None:
    for estimator in (split_mean, cross_fitted_mean):
        with pytest.raises(ValueError, match=message):
            estimator(x, y, nearest_neighbours(), exact)
    with pytest.raises(ValueError, match="N >= 2"):
        sampled_mean(np.zeros((1, 3)))


def slope(errors: list[float], sizes: Array = SIZES) -> float:
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


def rmse(estimates: list[float] | Array, truth: float) -> float:
    return float(np.sqrt(np.mean((np.asarray(estimates) - truth) ** 2)))


@pytest.mark.slow
def test_a_smooth_integrand_is_learnt() -> None:
    """f = sin 7x + cos(19x)/2: error n^(-1/2 - s/d) with s = d = 1, which is all that one neighbour makes use of."""
    rng, found = np.random.default_rng(5), {"plain": list[float](), "split": list[float](), "crossed": list[float]()}
    for n in SIZES:
        points = rng.random((200, n, 1))
        values = wave(points[..., 0])
        found["plain"].append(rmse(values.mean(axis=1), WAVE))
        for name, estimator in (("split", split_mean), ("crossed", cross_fitted_mean)):
            each = [estimator(x, y, nearest_neighbours(), exact).value for x, y in zip(points, values, strict=True)]
            found[name].append(rmse(each, WAVE))
    assert slope(found["plain"]) == pytest.approx(-0.5, abs=0.1)
    assert slope(found["split"]) == pytest.approx(Sobolev(s=1, p=np.inf, d=1).rate, abs=0.1)
    assert slope(found["crossed"]) == pytest.approx(-1.5, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("d", "rate"), [(2, -1.0), (4, -0.75)])
def test_what_dimension_costs(d: int, rate: float) -> None:
    """X is uniform on 2^15 places, so that E h is known; the error falls as n^(-1/2 - 1/d)."""
    rng = np.random.default_rng(20 + d)
    places = rng.random((2**15, d))
    f = np.sin(places @ np.arange(2, 2 + d))
    sizes, errors = 2 ** np.arange(5, 11), list[float]()
    for n in sizes:
        picked = [rng.permutation(2**15)[:n] for _ in range(60)]
        found = [
            split_mean(places[i], f[i], nearest_neighbours(), lambda h: Mean(float(h(places).mean()))) for i in picked
        ]
        errors.append(rmse([each.value for each in found], f.mean()))
    assert slope(errors, sizes) == pytest.approx(rate, abs=0.15)


@pytest.mark.slow
def test_a_spike_is_not_learnt() -> None:
    """f = x^-0.75: the error falls as n^(-1/4) with a control variate and without, and the corrections stay heavy.

    The mean square is infinite for both, so it is the median of the absolute error that has a rate.
    """
    rng, plain, adjusted = np.random.default_rng(6), list[float](), list[float]()
    for n in SIZES:
        points = 1 - rng.random((200, n, 1))
        values = points[..., 0] ** -0.75
        found = [cross_fitted_mean(x, y, nearest_neighbours(), exact) for x, y in zip(points, values, strict=True)]
        plain.append(float(np.median(np.abs(values.mean(axis=1) - 4))))
        adjusted.append(float(np.median(np.abs([each.value - 4 for each in found]))))
        if n >= 4_096:
            assert np.mean([diagnosed(each.corrections)[0] is Regime.TRUNCATE for each in found]) > 0.9
            assert not any(examine(each.corrections, bias_known=True).certified[0] for each in found[:100])
    assert slope(plain) == pytest.approx(-0.25, abs=0.1)
    assert slope(adjusted) == pytest.approx(-0.25, abs=0.1)
    assert adjusted[-1] > 0.7 * plain[-1]
