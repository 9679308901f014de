"""Each shortcut that a distributed sampler could take turns a test red; the real thing passes the same test.

Blocks take longer where their value is larger, as first-exit paths and long derivations do.
"""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from scipy import stats

from burnish_workers.core.fold import OrderedFold
from burnish_workers.core.keys import block_key
from burnish_workers.core.moments import Moments
from burnish_workers.core.schedule import Replicates, Schedule

WORKERS, DEADLINE, CORRELATION = 64, 5.0, 0.9
SCHEDULE = Schedule.plan(1_000, 1_000, Replicates(1, 1), 0.05, extensible=False)


def covers(samples: list[np.ndarray]) -> None:
    """The closing intervals at level 95 % exclude the truth, 0, in 3.5 to 7 % of runs, as far as one can tell."""
    missed = 0
    for x in samples:
        look, m = SCHEDULE.closing(len(x)), Moments.of(x[:, None], 1)
        assert look is not None
        missed += abs(m.mean[0]) > look.critical * m.standard_error[0]
    for limit, side in ((0.07, "greater"), (0.035, "less")):
        assert stats.binomtest(int(missed), len(samples), limit, side).pvalue > 1e-5, f"{missed} of {len(samples)} miss"


def run_until_deadline(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """64 workers take blocks in index order: values that had arrived, of the bare prefix, and after draining."""
    rng = np.random.default_rng(seed)
    duration = rng.gamma(2, 0.5, size=2_000)
    value = CORRELATION * (duration - 1) * 2**0.5 + (1 - CORRELATION**2) ** 0.5 * rng.standard_normal(2_000)
    busy = [(float(duration[i]), i) for i in range(WORKERS)]
    heapq.heapify(busy)
    issued, arrived, fold, folded = WORKERS, list[float](), OrderedFold[float](), list[float]()
    prefix = 0
    while busy:
        now, index = heapq.heappop(busy)
        if now <= DEADLINE:
            arrived.append(float(value[index]))
        folded += [x for _, x in fold.put(index, float(value[index]), digest="").ready]
        if now <= DEADLINE:
            prefix = len(folded)
            heapq.heappush(busy, (now + float(duration[issued]), issued))
            issued += 1
    assert fold.frontier == issued
    return np.array(arrived), np.array(folded[:prefix]), np.array(folded)


def test_averaging_what_came_back_by_a_deadline() -> None:
    arrived, _, drained = zip(*(run_until_deadline(seed) for seed in range(600)), strict=True)
    covers(list(drained))
    with pytest.raises(AssertionError, match="miss"):
        covers(list(arrived))
    assert np.mean([x.mean() for x in arrived]) < -0.05 < -0.02 < np.mean([x.mean() for x in drained])


def blocks(seed: int, lost: bool) -> np.ndarray:
    """64 blocks of 4 draws; the machine kills the slowest tenth, which are run again with their keys or are lost."""
    draws = np.stack([block_key(seed, 0, i).generator().standard_normal(4) for i in range(64)])
    killed = draws.sum(1) > 2 * stats.norm.isf(0.1)
    again = [block_key(seed, 0, int(i)).generator().standard_normal(4) for i in np.flatnonzero(killed)]
    if lost:
        return draws[~killed].ravel()
    draws[killed] = np.reshape(again, (-1, 4))
    return draws.ravel()


def test_dropping_blocks_that_died() -> None:
    covers([blocks(seed, lost=False) for seed in range(300)])
    with pytest.raises(AssertionError, match="miss"):
        covers([blocks(seed, lost=True) for seed in range(300)])


def keyed(seed: int, share: int) -> np.ndarray:
    """48 blocks of 6 draws, of which `share` neighbours use the same key."""
    return np.concatenate([block_key(seed, 0, i // share).generator().standard_normal(6) for i in range(48)])


def test_using_a_key_for_two_blocks() -> None:
    covers([keyed(seed, share=1) for seed in range(400)])
    with pytest.raises(AssertionError, match="miss"):
        covers([keyed(seed, share=2) for seed in range(400)])
