"""Many outputs at once: all intervals of all looks hold together, and no wider than that takes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from burnish_workers.core.boundary import fixed_critical
from burnish_workers.core.moments import Moments, merge
from burnish_workers.core.multiplicity import per_output
from burnish_workers.core.schedule import Replicates, Schedule, critical_for


def correlated(rng: np.random.Generator, shape: tuple[int, int], rho: float) -> np.ndarray:
    common = rng.standard_normal((shape[0], 1))
    return np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.standard_normal(shape)


def joint_misses(outputs: int, rho: float, alpha: float, runs: int, seed: int) -> int:
    """Runs in which any of the intervals of any output at any of four looks misses."""
    rng, missed = np.random.default_rng(seed), 0
    schedule = Schedule.plan(8, 1, Replicates(200, 200), alpha, False)
    for _ in range(runs):
        folded, wrong = Moments.empty(outputs, 1), False
        for k in range(1, 9):
            # A block mean and its spread say all: 200 normal samples, drawn as their sufficient statistics.
            mean = correlated(rng, (1, outputs), rho)[0] / np.sqrt(200)
            m2 = rng.chisquare(199, outputs)
            zero, count = np.zeros(outputs), np.full(outputs, 200)
            none = np.full((outputs, 1), np.nan)
            folded = merge(folded, Moments(count, mean, m2, zero, zero, none, none, zero.astype(np.int64)))
            look = schedule.look(k)
            if look is not None:
                wrong |= bool(
                    (np.abs(folded.mean) > critical_for(look, folded.count - 1) * folded.standard_error).any()
                )
        missed += wrong
    return missed


def within(missed: int, runs: int, low: float, high: float) -> None:
    assert stats.binomtest(missed, runs, high, alternative="greater").pvalue > 1e-5, f"{missed} of {runs} miss"
    assert stats.binomtest(missed, runs, low, alternative="less").pvalue > 1e-5, f"only {missed} of {runs} miss"


@pytest.mark.parametrize("outputs", [8, 200])
def test_independent_outputs(outputs: int) -> None:
    shared = per_output(0.05, outputs, independent=True)
    assert shared.method == "sidak"
    within(joint_misses(outputs, 0.0, shared.alpha, 2_000, 1), 2_000, 0.03, 0.065)


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_few_outputs_that_may_move_together(rho: float) -> None:
    shared = per_output(0.05, 8, independent=False)
    assert (shared.method, shared.alpha) == ("bonferroni", 0.05 / 8)
    within(joint_misses(8, rho, shared.alpha, 2_000, 2), 2_000, 0.0, 0.065)


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_many_outputs_that_move_together(rho: float) -> None:
    replicates = correlated(np.random.default_rng(3), (256, 200), rho)
    shared = per_output(0.05, 200, independent=False, replicates=replicates)
    assert shared.method == "max_t"
    within(joint_misses(200, rho, shared.alpha, 2_000, 4), 2_000, 0.025, 0.075)
    width = fixed_critical(shared.alpha) / fixed_critical(0.05 / 200)
    assert width < 0.85 if rho else width > 0.95


def test_each_on_its_own_misses_somewhere() -> None:
    """What `simultaneous: false` means, and why it is not the default."""
    assert joint_misses(8, 0.0, 0.05, 500, 5) > 100


def test_limits() -> None:
    rng = np.random.default_rng(6)
    assert per_output(0.05, 1, independent=False).alpha == 0.05
    same = np.repeat(rng.standard_normal((64, 1)), 500, axis=1)
    assert per_output(0.05, 500, independent=False, replicates=same).alpha == pytest.approx(0.05, rel=0.2)
    few = per_output(0.05, 500, independent=False, replicates=rng.standard_normal((8, 500)))
    assert few.method == "bonferroni"
    constant = np.zeros((64, 500))
    assert 0.05 / 500 <= per_output(0.05, 500, independent=False, replicates=constant).alpha <= 0.05
    one, two = (per_output(0.05, 200, independent=False, replicates=same[:, :200], seed=s).alpha for s in (1, 1))
    assert one == two
