"""All intervals of a job hold jointly: the chance that any published look misses is the nominal one.

Every run is one output of a `Moments`, so that thousands of jobs are folded at once by the code that serves one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from scipy import stats

from burnish_workers.core.moments import Moments, merge
from burnish_workers.core.schedule import Look, Replicates, Schedule, critical_for

Sampler = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]

LAWS: dict[str, tuple[Sampler, float]] = {
    "normal": (lambda rng, shape: rng.standard_normal(shape), 0.0),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0),
    "lognormal": (lambda rng, shape: rng.lognormal(size=shape), float(np.exp(0.5))),
    "pareto-3": (lambda rng, shape: rng.pareto(3, shape) + 1, 1.5),
}
CHEAP = Replicates(200, 200)


def missed_by(
    sample: Callable[[tuple[int, int]], np.ndarray],
    truth: float,
    looks: Iterable[Look],
    runs: int,
    student: bool = True,
) -> np.ndarray:
    """For each run, whether the interval of any of the looks excludes the truth; folded in blocks of up to 200."""
    folded, missed, done = Moments.empty(runs, 1), np.zeros(runs, dtype=bool), 0
    for look in looks:
        while done < look.replicates:
            size = min(200, look.replicates - done)
            folded, done = merge(folded, Moments.of(sample((size, runs)), 1)), done + size
        critical = critical_for(look, folded.count - 1) if student else look.critical
        missed |= np.abs(folded.mean - truth) > critical * folded.standard_error
    return missed


def misses(law: str, looks: Iterable[Look], runs: int, seed: int) -> np.ndarray:
    sample, truth = LAWS[law]
    rng = np.random.default_rng(seed)
    return missed_by(lambda shape: sample(rng, shape), truth, looks, runs)


def check(missed: np.ndarray, low: float, high: float) -> None:
    """The rate of misses is within [low, high], as far as so many runs can tell (p > 1e-5)."""
    count, runs = int(missed.sum()), len(missed)
    assert stats.binomtest(count, runs, high, alternative="greater").pvalue > 1e-5, f"{count} of {runs} runs miss"
    assert stats.binomtest(count, runs, low, alternative="less").pvalue > 1e-5, f"only {count} of {runs} runs miss"


@pytest.mark.parametrize("law", LAWS)
def test_any_look_of_many_replicates(law: str) -> None:
    """Looks at 200, 400, ..., 6,400 replicates."""
    looks = Schedule.plan(32, 1, CHEAP, 0.05, extensible=False).looks_until(32)
    check(misses(law, looks, 2_000, seed=1), 0.035, 0.065)


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
def test_any_look_of_very_many_replicates(law: str) -> None:
    """Looks at 200, 400, ..., 25,600 replicates."""
    looks = Schedule.plan(128, 1, CHEAP, 0.05, extensible=False).looks_until(128)
    check(misses(law, looks, 4_000, seed=2), 0.035, 0.065)


# With so few replicates Student's t answers for the unknown variance, not for skewness: beyond normal replicates the
# upper limits are what was measured, and the reason why kinds average (islands, lanes) before they count a replicate.
SMALL = {"normal": (0.035, 0.065), "exponential": (0.035, 0.09), "lognormal": (0.035, 0.17), "pareto-3": (0.035, 0.2)}


@pytest.mark.parametrize("law", LAWS)
def test_any_look_of_few_replicates(law: str) -> None:
    """Looks at R = 12, 24, 48, 96."""
    looks = Schedule.plan(96, 12, Replicates(1, 1), 0.05, extensible=False).looks_until(96)
    assert [look.replicates for look in looks] == [12, 24, 48, 96]
    check(misses(law, looks, 10_000, seed=3), *SMALL[law])


def test_islands_that_average_cover_though_their_particles_are_skewed() -> None:
    """R = 12, ..., 96 replicates, each the mean of 64 exponential draws."""
    looks = Schedule.plan(96, 12, Replicates(1, 1), 0.05, extensible=False).looks_until(96)
    rng = np.random.default_rng(4)
    check(missed_by(lambda shape: rng.gamma(64, 1 / 64, shape), 1.0, looks, 4_000), 0.035, 0.065)


def test_the_normal_value_would_not_do_for_few_replicates() -> None:
    looks = Schedule.plan(96, 12, Replicates(1, 1), 0.05, extensible=False).looks_until(96)
    rng = np.random.default_rng(5)
    missed = missed_by(rng.standard_normal, 0.0, looks, 20_000, student=False)
    assert stats.binomtest(int(missed.sum()), len(missed), 0.05, alternative="greater").pvalue < 1e-5


@pytest.mark.parametrize("law", LAWS)
def test_three_epochs_of_the_ladder(law: str) -> None:
    """K_0 = 8 blocks of 100, thought longer to 8 * 16 blocks: seven looks in three epochs."""
    schedule = Schedule.plan(8, 2, Replicates(100, 100), 0.05, extensible=True)
    looks = schedule.looks_until(128)
    assert [look.epoch for look in looks] == [0, 0, 0, 1, 1, 2, 2]
    check(misses(law, looks, 2_000, seed=6), 0.025, 0.065)


@pytest.mark.parametrize("extensible", [False, True])
def test_a_clock_that_ends_the_job_anywhere(extensible: bool) -> None:
    """The job ends at a random K, spending what is left; where it can, it then goes on through the next epoch."""
    schedule = Schedule.plan(40, 2, Replicates(30, 30), 0.05, extensible)
    ends = np.random.default_rng(7).integers(3, 40, size=20).tolist()
    missed = [
        misses("normal", schedule.looks_until(160 if extensible else end, closed=(end,)), 200, seed=100 + i)
        for i, end in enumerate(ends)
    ]
    # Epochs 0 and 1 of an extensible job spend 3/4 of alpha.
    check(np.concatenate(missed), *((0.023, 0.05) if extensible else (0.035, 0.065)))


def test_an_interval_not_made_for_looking_misses() -> None:
    """The plain interval, looked at as often, is what all this is for."""
    looks = Schedule.plan(64, 1, CHEAP, 0.05, extensible=False, kind="fixed").looks_until(64)
    missed = misses("normal", looks, 2_000, seed=8)
    with pytest.raises(AssertionError, match="runs miss"):
        check(missed, 0.035, 0.065)
    assert missed.mean() > 0.12


@pytest.mark.parametrize("law", LAWS)
def test_fixed_jobs_cover_at_their_end(law: str) -> None:
    last = Schedule.plan(32, 1, CHEAP, 0.05, extensible=False, kind="fixed").looks_until(32)[-1:]
    check(misses(law, last, 2_000, seed=9), 0.035, 0.065)
