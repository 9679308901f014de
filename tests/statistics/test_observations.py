"""An interval for each observation: all hold together, or each by itself, with 16 islands at each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from burnish_workers.core.boundary import fixed_critical
from burnish_workers.core.schedule import Kind, Look, Replicates, Schedule, critical_for

LANES, COUNT, ALPHA = 16, 40, 0.05


def misses(looks: tuple[Look, ...], runs: int, seed: int) -> np.ndarray:
    """Whether the interval of each observation misses 0, (runs, COUNT): means of LANES normal replicates each."""
    rng = np.random.default_rng(seed)
    mean = rng.standard_normal((runs, COUNT)) / np.sqrt(LANES)
    error = np.sqrt(rng.chisquare(LANES - 1, (runs, COUNT)) / (LANES - 1) / LANES)
    reach = np.array([float(critical_for(look, LANES - 1)) for look in looks])
    return np.abs(mean) > reach * error


def looks_of(kind: Kind) -> tuple[Look, ...]:
    schedule = Schedule.plan(LANES, LANES, Replicates(1, 1), ALPHA, True, kind=kind, each=LANES)
    return schedule.looks_until(COUNT * LANES)


def agrees(missed: int, runs: int, chance: float) -> None:
    assert stats.binomtest(missed, runs, chance).pvalue > 1e-5, f"{missed} of {runs} miss, not {chance:.2%}"


def test_all_observations_hold_together() -> None:
    """These observations are independent, so that the chance of any miss is known; dependent ones miss less often."""
    number = np.arange(COUNT)
    exact = 1 - np.prod(1 - ALPHA / ((number + 1) * (number + 2)))
    found = misses(looks_of("stream"), 40_000, seed=1)
    agrees(int(found.any(axis=1).sum()), 40_000, exact)
    assert exact < ALPHA
    agrees(int(found[:, 0].sum()), 40_000, ALPHA / 2)


def test_each_observation_by_itself() -> None:
    found = misses(looks_of("fixed"), 2_000, seed=2)
    agrees(int(found.sum()), found.size, ALPHA)


def test_spending_nothing_would_be_noticed() -> None:
    """Intervals that each hold by itself miss somewhere in seven of eight runs."""
    found = misses(looks_of("fixed"), 2_000, seed=3)
    assert found.any(axis=1).mean() > 0.8


@pytest.mark.parametrize("kind", ["stream", "fixed"])
def test_what_it_costs(kind: Kind) -> None:
    widths = [float(critical_for(look, LANES - 1)) for look in looks_of(kind)]
    if kind == "fixed":
        assert set(widths) == {float(critical_for(Look(LANES, 0, LANES, fixed_critical(ALPHA)), LANES - 1))}
    else:
        assert widths == sorted(widths)
        assert widths[-1] < 3 * widths[0], "of forty observations the last is not three times as wide as the first"
