"""Robust means where the variance is infinite, and the experiment that shows when truncation is the best one can do."""

from __future__ import annotations

import numpy as np
import pytest

from burnish_workers.core.moments import Moments, merge
from burnish_workers.core.robust import robust_mean

RUNS = 400


def folded(samples: np.ndarray) -> Moments:
    """In blocks, as a job has them."""
    parts = [Moments.of(block, 512) for block in np.array_split(samples, 8)]
    total = parts[0]
    for part in parts[1:]:
        total = merge(total, part)
    return total


@pytest.mark.parametrize(("a", "sign", "noticed"), [(1.5, 1, 0.85), (1.5, -1, 0.85), (1.8, 1, 0.6)])
def test_better_than_the_mean_on_a_heavy_tail(a: float, sign: int, noticed: float) -> None:
    x = sign * (np.random.default_rng(1).pareto(a, (4_000, RUNS)) + 1)
    truth = sign * a / (a - 1)
    moments = folded(x)
    robust = robust_mean(moments)
    judged = np.isfinite(robust.value)
    assert judged.mean() > noticed, "a shape of 1/a is told from 1/2 with an error of about 0.12"
    plain = np.sqrt(np.mean((moments.mean[judged] - truth) ** 2))
    ours = np.sqrt(np.mean((robust.value[judged] - truth) ** 2))
    assert ours < 0.8 * plain
    assert np.median(np.abs(robust.value[judged] - truth)) < np.median(np.abs(robust.truncated[judged] - truth))
    assert np.abs(robust.shape[judged] - 1 / a).mean() < 0.1


def test_a_constant_moves_it_along() -> None:
    x = np.random.default_rng(2).pareto(1.5, (4_000, 20))
    one, other = robust_mean(folded(x)), robust_mean(folded(x + 100.0))
    np.testing.assert_allclose(one.value + 100.0, other.value, rtol=1e-6)


def test_no_mean_no_estimate() -> None:
    robust = robust_mean(folded(np.random.default_rng(3).pareto(0.7, (4_000, 100)) + 1))
    assert np.isnan(robust.value).mean() > 0.95
    assert np.isfinite(robust.truncated).all()


def test_light_tails_keep_their_mean() -> None:
    robust = robust_mean(folded(np.random.default_rng(4).standard_normal((4_000, 100))))
    assert np.isnan(robust.value).all()


SIZES = 2 ** np.arange(6, 15)


def slope(errors: list[float]) -> float:
    return float(np.polyfit(np.log(SIZES), np.log(errors), 1)[0])


def rmse(estimates: list[float], truth: float) -> float:
    return float(np.sqrt(np.mean((np.array(estimates) - truth) ** 2)))


@pytest.mark.slow
def test_a_smooth_integrand_is_regressed() -> None:
    """f = sin 7x + cos(19x)/2 on [0, 1], nearest-neighbour control variate: error n^-1.5, plain n^-0.5.

    Source: Blanchet, Chen, Lu and Ying, "When can regression-adjusted control variates help?" (NeurIPS 2023).
    """
    rng = np.random.default_rng(5)

    def f(x: np.ndarray) -> np.ndarray:
        return np.sin(7 * x) + np.cos(19 * x) / 2

    truth = (1 - np.cos(7)) / 7 + np.sin(19) / 38
    adjusted, plain = [], []
    for n in SIZES:
        with_fit, without = [], []
        for _ in range(200):
            x = rng.random(n)
            known, rest = np.sort(x[: n // 2]), x[n // 2 :]
            middles = np.concatenate([[0.0], (known[1:] + known[:-1]) / 2, [1.0]])
            integral = float(np.diff(middles) @ f(known))
            nearest = known[np.clip(np.searchsorted(middles, rest) - 1, 0, len(known) - 1)]
            with_fit.append(integral + float(np.mean(f(rest) - f(nearest))))
            without.append(float(f(x).mean()))
        adjusted.append(rmse(with_fit, truth))
        plain.append(rmse(without, truth))
    assert slope(adjusted) == pytest.approx(-1.5, abs=0.1)
    assert slope(plain) == pytest.approx(-0.5, abs=0.05)


@pytest.mark.slow
def test_a_spike_is_truncated() -> None:
    """f = x^-0.75 on (0, 1], of infinite variance, truncated at M: squared error 16 M^(-2/3) + 2 M^(2/3)/n.

    Least at M = (8 n)^(3/4), where it falls as n^(-1/2): the root mean square as n^(-1/4).
    """
    rng = np.random.default_rng(6)
    truncated, plain = [], []
    for n in SIZES:
        y = rng.random((max(100, 2**20 // n), n)) ** -0.75
        truncated.append(rmse(list(np.where(y <= (8 * n) ** 0.75, y, 0.0).mean(axis=1)), 4.0))
        plain.append(rmse(list(y.mean(axis=1)), 4.0))
    assert slope(truncated) == pytest.approx(-0.25, abs=0.1)
    for size, ours, theirs in zip(SIZES, truncated, plain, strict=True):
        assert size < 4_096 or ours <= 0.7 * theirs
