"""Coupled particle-independent Metropolis-Hastings: no bias where averages of islands have one; meeting times."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior import coupled
from burnish_workers.kinds.posterior.coupled import FIRST, LAST, NeverMet, Pair
from burnish_workers.kinds.posterior.plan import CHAINS, ISLANDS

from .posteriors import exact, resolved, simulated, spec_of

FAR = 4.5


def score(values: NDArray[np.float64], expected: float) -> float:
    return float((values.mean() - expected) / (values.std(ddof=1) / len(values) ** 0.5))


def small_islands(count: int, particles: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Importance sampling of N(1, 1) from N(0, 1) by a few particles: log Z^ and weighted means, whose mean is below
    1."""
    x = Key(seed).generator().standard_normal((count, particles))
    weight = np.exp(x - 0.5)
    return np.log(weight.mean(1)), (weight * x).sum(1) / weight.sum(1)


def run(pair: Pair, islands: tuple[NDArray[np.float64], NDArray[np.float64]], place: int) -> tuple[Pair, int]:
    """A pair over the islands from a place on, and where the next one begins."""
    while not pair.done:
        pair.take(float(islands[0][place]), islands[1][place : place + 1])
        place += 1
    return pair, place


@pytest.mark.parametrize(("first", "last"), [(0, 0), (FIRST, LAST), (2, 3)])
def test_pairs_have_no_bias_where_islands_do(first: int, last: int) -> None:
    islands = small_islands(60_000, 3, seed=3)
    found, place = [], 0
    while place < 59_000:
        pair, place = run(Pair(Key(7, (len(found),)).generator(), first, last), islands, place)
        found.append(pair.estimate[0])
    assert abs(score(np.array(found), 1.0)) < FAR
    assert score(islands[1], 1.0) < -50


def test_the_chance_to_meet_at_once_is_that_of_acceptance() -> None:
    """E min(1, Z'/Z) = 1/2 + exp(s^2) Phi(-s sqrt 2) for log Z ~ N(., s^2); and later meetings are rarer and rarer."""
    spread, count = 1.0, 8_000
    logs = spread * Key(5).generator().standard_normal((count, 400))
    met = np.empty(count)
    for i, row in enumerate(logs):
        pair, _ = run(Pair(Key(8, (i,)).generator(), 0, 0), (row, np.zeros(400)), 0)
        met[i] = pair.met
    chance = 0.5 + float(np.exp(spread**2) * norm.cdf(-spread * 2**0.5))
    assert abs(score((met == 1).astype(float), chance)) < FAR
    left = [(met > t).mean() for t in (1, 2, 4, 8)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.06


def test_islands_of_equal_evidence_meet_at_once_and_are_averaged() -> None:
    pair = Pair(Key(1).generator())
    for i in range(LAST + 1):
        assert not pair.done
        pair.take(0.0, np.array([float(i)]))
    assert pair.met == 1
    assert pair.done
    assert pair.estimate[0] == pytest.approx(np.mean(range(FIRST, LAST + 1)))


def test_dead_islands_are_left_at_the_first_living_one() -> None:
    """Z = 0 is left for whatever comes; all dead: no number, not a zero."""
    pair, logs = Pair(Key(1).generator()), [-np.inf, -np.inf, 0.3] + [-np.inf] * LAST
    for log in logs:
        if not pair.done:
            pair.take(log, np.array([0.0 if np.isneginf(log) else 4.0]))
    share = 1 / (LAST - FIRST + 1)
    assert pair.estimate[0] == pytest.approx(4.0 * (LAST - 1) * share)
    dead = Pair(Key(1).generator())
    while not dead.done:
        dead.take(-np.inf, np.zeros(1))
    assert np.isnan(dead.estimate[0])


def test_a_pair_that_never_meets_fails_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coupled, "MOST_ISLANDS", 50)
    logs = np.array([1_000.0] + [0.0] * 60)
    with pytest.raises(NeverMet, match="have not met after 50 islands"):
        run(Pair(Key(1).generator()), (logs, logs), 0)


SPEC = resolved(spec_of(method="pimh", particles=2, chain={"steps": 30}, outputs=["mean", "std", "log_evidence"]))


def test_the_posterior_of_a_mixture_has_no_bias() -> None:
    """Two particles an island: plain averages of islands are off, pairs are not."""
    state, answer = simulated(SPEC, 120, 80)
    mean = state[CHAINS].values[:, :2]
    single, _ = simulated(resolved(spec_of(particles=2, chain={"steps": 30})), 1_200)
    for i, value in enumerate(exact().mean):
        assert abs(score(mean[:, i], float(value))) < FAR
        assert answer.combined.value[i] == pytest.approx(mean[:, i].mean(), abs=1e-9)
    worst = max(abs(score(single[ISLANDS].values[:, i], float(value))) for i, value in enumerate(exact().mean))
    assert worst > FAR
    np.testing.assert_allclose(answer.combined.value[2:4], exact().std, atol=0.35)
    assert answer.bias_known
    assert answer.diagnostics["pairs"] == 200
    assert answer.diagnostics["islands"] >= 200 * (LAST + 1)
    assert answer.diagnostics["mean_meeting_time"] >= 1


def test_the_answer_does_not_depend_on_which_pairs_run_together() -> None:
    """Each pair has a key of its own; a block of eight and its replay are the same to the bit."""
    first, second = (simulated(SPEC, 8)[0] for _ in range(2))
    np.testing.assert_array_equal(first[CHAINS].values, second[CHAINS].values)
    assert (first[CHAINS].notes[:, 4] >= LAST + 1).all()
