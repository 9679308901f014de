"""Where the variance may be infinite: the rule, what the samples say of it, and the rate of a truncated mean.

Source: Blanchet, Chen, Lu, Ying, "When can regression-adjusted control variates help?", NeurIPS 2023.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from burnish_workers.core.guard import examine
from burnish_workers.core.moments import Moments
from burnish_workers.core.neighbours import nearest_neighbours
from burnish_workers.core.regression_control import cross_fitted_mean, sampled_mean
from burnish_workers.core.robust import robust_mean
from burnish_workers.core.truncation import Regime, Sobolev, diagnosed, truncated_mean

SIZES = 2 ** np.arange(6, 15)
SPIKE = Sobolev(s=0, p=8 / 3, d=1, q=2)
"""x^-0.75 is the square of x^(-3/8), at the edge of L^(8/3)."""
BEST = 3**0.75
"""For Y = X^-0.75, E(Y - M)+ = 3 M^(-1/3) and Var min(Y, M) ~ 3 M^(2/3): the square is least at M = (3 n)^(3/4)."""


def test_the_rule() -> None:
    assert SPIKE.tail_index == pytest.approx(0.75)
    assert (SPIKE.regime, SPIKE.rate) == (Regime.TRUNCATE, pytest.approx(-0.25))
    assert SPIKE.level(16, scale=3) == pytest.approx(3 * 16**0.75)
    smooth = Sobolev(s=1, p=np.inf, d=1)
    assert (smooth.regime, smooth.rate) == (Regime.REGRESS, -1.5)
    assert Sobolev(s=1, p=4, d=10, q=3).regime is Regime.REGRESS


def test_the_rule_is_the_published_inequality() -> None:
    """s/d > 1/p - 1/(2q); at the line, both rates are the same: nothing jumps."""
    rng = np.random.default_rng(1)
    for s, p, q in rng.uniform([0, 2, 1], [3, 8, 4], (300, 3)):
        d = int(rng.integers(1, 20))
        if q * (1 / p - s / d) < 1:
            assert (Sobolev(s, p, d, q).regime is Regime.REGRESS) == (s / d > 1 / p - 1 / (2 * q))
    edge = Sobolev(s=0, p=4, d=1, q=2)
    assert (edge.regime, edge.rate) == (Regime.TRUNCATE, -0.5)
    # With more smoothness than k = 1/2 asks for, the second rate is the larger only from -1/2 - s/d > k - 1 on.
    assert Sobolev(s=0.1, p=4, d=1, q=2).rate == pytest.approx(-0.6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sobolev(-1, 2, 1), "s >= 0"),
        (lambda: Sobolev(1, 0.5, 1), "p >= 1"),
        (lambda: Sobolev(0, 1, 1), "need not be integrable"),
        (lambda: Sobolev(1, 2, 1).level(100), "do not truncate"),
        (lambda: SPIKE.level(0), "positive"),
        (lambda: truncated_mean(np.ones((2, 2)), 1.0), r"give \(n,\)"),
        (lambda: truncated_mean(np.ones(5), 0.0), "must be positive"),
        (lambda: truncated_mean(np.array([1.0, np.inf]), 1.0), "finite"),
    ],
)
def test_bad_input_is_told(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_truncated_mean() -> None:
    found = truncated_mean([1.0, -9.0, 3.0, 5.0], 4.0)
    assert (found.value, found.clipped) == (1.0, 2)
    assert found.standard_error == pytest.approx(np.std([1, -4, 3, 4], ddof=1) / 2)


LAWS: dict[Regime, Callable[[np.random.Generator, int], np.ndarray]] = {
    Regime.TRUNCATE: lambda rng, n: -((1 - rng.random((n, 100))) ** -0.75),
    Regime.REGRESS: lambda rng, n: rng.standard_normal((n, 100)),
    Regime.UNKNOWN: lambda rng, n: np.where(rng.random((n, 100)) < 1e-3, 1.0, 0.0),
}


@pytest.mark.parametrize("regime", LAWS)
def test_the_samples_tell_the_regime(regime: Regime) -> None:
    """Ones among zeros have no tail to fit: few distinct values tell nothing."""
    found = diagnosed(Moments.of(LAWS[regime](np.random.default_rng(2), 4_096), 512))
    assert np.mean([each is regime for each in found]) > 0.95


def errors(n: int, rng: np.random.Generator, level: float) -> tuple[float, float]:
    """Root mean squared errors of the truncated and of the plain mean of n spikes."""
    y = (1 - rng.random((400, n))) ** -0.75
    clipped = np.array([truncated_mean(row, level).value for row in y])
    return float(np.sqrt(np.mean((clipped - 4) ** 2))), float(np.sqrt(np.mean((y.mean(axis=1) - 4) ** 2)))


def holds(level: Callable[[int], float]) -> None:
    """The root mean squared error falls as n^-1/4 and is at most 0.7 of the plain one's from n = 4,096 on."""
    rng = np.random.default_rng(6)
    truncated, plain = zip(*(errors(int(n), rng, level(int(n))) for n in SIZES), strict=True)
    assert np.polyfit(np.log(SIZES), np.log(truncated), 1)[0] == pytest.approx(-0.25, abs=0.1)
    for n, ours, theirs in zip(SIZES, truncated, plain, strict=True):
        assert n < 4_096 or ours <= 0.7 * theirs


@pytest.mark.slow
def test_a_spike_is_truncated() -> None:
    holds(lambda n: SPIKE.level(n, BEST))


@pytest.mark.slow
@pytest.mark.parametrize("exponent", [0.25, 1.5])
def test_another_exponent_will_not_do(exponent: float) -> None:
    """Too low and the bias stays, too high and the variance does."""
    with pytest.raises(AssertionError):
        holds(lambda n: n**exponent)


def rare(p: float, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """x ~ N(0, I_5) and y = sigmoid(50 (sum x - c)), an event of probability p with a steep edge."""
    x = rng.standard_normal((n, 5))
    return x, expit(50 * (x.sum(axis=1) - np.sqrt(5) * norm.isf(p)))


@pytest.mark.parametrize(("p", "n", "certified"), [(1e-2, 16_384, 0.0), (0.03, 32_768, 1.0)])
def test_a_rare_event_is_refused_until_it_fills_the_tail(p: float, n: int, certified: float) -> None:
    """The guard looks at the top 3 sqrt(n); below n of about 9/p^2 (10,000 for 3 %) most of them are near misses."""
    rng = np.random.default_rng(8)
    moments = Moments.of(np.stack([rare(p, n, rng)[1] for _ in range(20)], axis=1), 1_024)
    assert examine(moments, bias_known=True).certified.mean() == certified


def test_robust_means_are_not_for_bounded_rare_events() -> None:
    """Pulling in the five largest of a few hits would make the event disappear: nothing is said (shape >= 0.95)."""
    rng = np.random.default_rng(9)
    moments = Moments.of(np.stack([rare(1e-3, 2_048, rng)[1] for _ in range(40)], axis=1), 512)
    robust = robust_mean(moments)
    assert np.isnan(robust.value).all()
    assert np.isnan(robust.truncated).all()
    assert np.mean(moments.mean) == pytest.approx(1e-3, rel=0.5)


@pytest.mark.slow
def test_a_rare_event_is_learnt_along_the_right_direction_only() -> None:
    """One neighbour in R^5 is no better than the plain mean; along sum x it is several times better."""
    rng, truth = np.random.default_rng(10), 1e-2
    found: dict[str, list[float]] = {"plain": [], "all": [], "sum": []}
    for _ in range(30):
        x, y = rare(1e-2, 4_096, rng)
        cheap = rng.standard_normal((20_000, 5))
        more = np.sqrt(5) * rng.standard_normal((100_000, 1))
        found["plain"].append(y.mean())
        found["all"].append(cross_fitted_mean(x, y, nearest_neighbours(), sampled_mean(cheap)).value)
        total = x.sum(axis=1, keepdims=True)
        found["sum"].append(cross_fitted_mean(total, y, nearest_neighbours(), sampled_mean(more)).value)
    spread = {name: np.sqrt(np.mean((np.array(each) / truth - 1) ** 2)) for name, each in found.items()}
    assert spread["all"] > 0.6 * spread["plain"]
    assert spread["sum"] < 0.4 * spread["plain"]
