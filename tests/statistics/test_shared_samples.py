"""Samples that follow the spread of what they estimate: do all intervals still hold together, and what does it buy?"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from burnish_workers.core.decisions import Ahead, Decisions, catch_up, portion
from burnish_workers.core.moments import Moments, merge
from burnish_workers.core.schedule import Replicates, Schedule, critical_for

COUNT = Replicates(50, 50)
BLOCKS = 64
RUNS, COPIES = 250, 8
SPREADS = np.repeat([0.2, 0.5, 1.0, 1.0, 2.0, 5.0], COPIES)


def drawn(rng: np.random.Generator, name: str, size: tuple[int, int]) -> NDArray[np.float64]:
    """Mean 0, variance 1."""
    if name == "normal":
        return rng.normal(size=size)
    if name == "exponential":
        return rng.exponential(size=size) - 1
    return (rng.lognormal(sigma=0.5, size=size) - np.exp(0.125)) / np.sqrt((np.exp(0.25) - 1) * np.exp(0.25))


def run(
    rng: np.random.Generator, name: str, *, adaptive: bool, boundary: bool = True
) -> tuple[NDArray[np.bool_], float]:
    """Whether each output missed its truth, 0, at any look; and the final mean squared error."""
    schedule = Schedule.plan(BLOCKS, 4, COUNT, 0.05, False, adaptive=adaptive and boundary)
    decisions = Decisions(schedule, COUNT, 4 if adaptive else None)
    state, m = Moments.empty(len(SPREADS), 1), len(SPREADS)
    had, missed = np.zeros(m), np.zeros(m, dtype=bool)

    def decide(ahead: Ahead) -> dict[str, NDArray[np.float64]]:
        shares = ahead.until_then.get("shares", np.ones(m))
        wanted = np.sqrt(np.nan_to_num(state.variance))
        return {"shares": catch_up(wanted, had + shares * (ahead.then - ahead.now), m * (ahead.until - ahead.then))}

    for block in range(BLOCKS):
        shares = decisions.of(block).get("shares", np.ones(m))
        counts = portion(shares, COUNT(block), COUNT(block + 1))
        x = SPREADS * drawn(rng, name, (int(counts.max()), m))
        state = merge(state, Moments.of(x, 1, np.arange(len(x))[:, None] < counts))
        had += counts
        decisions.folded(block + 1, decide)
        if (look := schedule.look(block + 1)) is not None:
            width = critical_for(look, state.count - 1.0) * state.standard_error
            missed |= np.abs(state.mean) > width
    return missed, float(np.mean(state.mean**2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normal", "exponential", "lognormal"])
def test_intervals_of_outputs_that_share_samples_hold_at_all_looks(name: str) -> None:
    """Each output's own chance of a miss at any look, nominal 5 %; skewed ones lie a little above, shared or not."""
    rng = np.random.default_rng(20)
    missed = np.array([run(rng, name, adaptive=True)[0] for _ in range(RUNS)])
    allowed = 0.05 if name == "normal" else 0.065
    for misses in missed.reshape(RUNS, -1, COPIES).sum(axis=(0, 2)):
        assert stats.binomtest(int(misses), RUNS * COPIES, allowed, alternative="greater").pvalue > 1e-5
    assert missed.mean() > 0.02, "intervals far too wide"


@pytest.mark.slow
def test_sharing_by_spread_is_what_neyman_says() -> None:
    """The mean squared error falls by 1 + CV^2 of the spreads, less what the even beginning costs."""
    rng = np.random.default_rng(21)
    even, shared = (np.mean([run(rng, "normal", adaptive=a)[1] for _ in range(60)]) for a in (False, True))
    ideal = np.mean(SPREADS**2) / np.mean(SPREADS) ** 2
    assert ideal == pytest.approx(1.995, abs=0.001)
    assert even / shared > 0.85 * ideal


def test_mutant_deciding_by_the_samples_decided_upon() -> None:
    """Who looks high gets no more samples: the means are no longer centred (0.02 here, 40 standard errors)."""
    x = np.random.default_rng(22).exponential(size=(20_000, 200)) - 1
    first = x[:, :100].mean(axis=1)
    means = np.where(first > 0, first, x.mean(axis=1))
    assert means.mean() > 20 * means.std() / np.sqrt(len(means))
