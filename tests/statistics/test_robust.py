"""Robust means where the variance is infinite."""

from __future__ import annotations

import numpy as np
import pytest

from burnish_workers.core.moments import Moments, merge
from burnish_workers.core.robust import HEAVY, WILD, robust_mean

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
    for estimate in (robust.value, robust.truncated):
        assert np.isnan(estimate).mean() > 0.95


def test_close_to_no_mean_nothing_is_far_off() -> None:
    """A mean of 11 at shape 0.91: where k-hat comes close to 1, a tail that is modelled anyway gives up to 460."""
    robust = robust_mean(folded(np.random.default_rng(5).pareto(1.1, (4_000, RUNS)) + 1))
    told = np.isfinite(robust.value)
    assert 0.3 < told.mean() < 0.9
    assert robust.value[told].max() < 2 * 11
    assert robust.shape[~told & (robust.shape >= HEAVY)].min() >= WILD


def test_light_tails_keep_their_mean() -> None:
    robust = robust_mean(folded(np.random.default_rng(4).standard_normal((4_000, 100))))
    assert np.isnan(robust.value).all()
