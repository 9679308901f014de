"""What a watcher sees holds: joint coverage over all looks, point by point, on known answers.

The points of a job use independent randomness, so that each is a trial of its own.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

FILE = Path(__file__).parents[2] / "benchmarks" / "surrogate" / "coverage.py"


@pytest.fixture(scope="module")
def bench() -> Any:
    """The benchmark, which this test runs in a small version."""
    spec = importlib.util.spec_from_file_location("surrogate_coverage", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def check(covered: np.ndarray, low: float, high: float) -> None:
    """The rate of coverage is within [low, high], as far as so many points can tell (p > 1e-5)."""
    count, points = int(covered.sum()), len(covered)
    assert stats.binomtest(count, points, low, alternative="less").pvalue > 1e-5, f"{count} of {points} covered"
    assert stats.binomtest(count, points, high, alternative="greater").pvalue > 1e-5, f"{count} of {points} covered"


@pytest.mark.slow
@pytest.mark.parametrize(("index", "points", "seeds", "refused"), [(0, 1_000, 3, 0.08), (2, 600, 2, 0.02)])
def test_streamed_intervals_hold_jointly(bench: Any, index: int, points: int, seeds: int, refused: float) -> None:
    """Looks at R = 12, 24, 48, 96 on a surrogate 8 % off and on a badly trained one."""
    case = dataclasses.replace(bench.CASES[index], points=points)
    outcomes = [bench.watch(case, seed) for seed in range(1, seeds + 1)]
    check(np.concatenate([outcome.covered for outcome in outcomes]), 0.93, 0.97)
    assert np.mean([outcome.refused for outcome in outcomes]) < refused
    assert all(outcome.gain < 0.05 for outcome in outcomes)


@pytest.mark.slow
def test_many_replicates(bench: Any) -> None:
    """Looks at R = 430, 830, 1630, where the admitted bias begins to count: coverage may only be higher."""
    outcome = bench.watch(dataclasses.replace(bench.CASES[1], points=120), seed=5)
    check(outcome.covered, 0.93, 1.0)
    assert outcome.missed_unguarded < 0.1
