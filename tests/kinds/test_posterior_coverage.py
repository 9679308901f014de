"""Intervals from 16 islands over 400 jobs whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from burnish_workers.core.keys import block_key
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.report import report, schedule_of

from .posteriors import built, exact, resolved, spec_of

JOBS, ISLANDS = 400, 16


@pytest.mark.slow
@pytest.mark.parametrize("particles", [16, 64])
def test_intervals_of_sixteen_islands_hold(particles: int) -> None:
    """95 % of them, output by output; a job may be refused, but few are."""
    spec = resolved(spec_of(outputs=["mean", "std"], interval="fixed"), particles=particles)
    changed = {"block": ISLANDS, "first_block": ISLANDS}
    spec = spec.model_copy(update={"resolution": resolution_of(spec).model_copy(update=changed)})
    simulator, statistics = built(spec)
    truth, hits = np.concatenate([exact().mean, exact().std]), []
    for job in range(JOBS):
        _, block = simulator.advance({}, block_key(job, 0, 0), 0, ISLANDS)
        answer = statistics.answer(statistics.fold(statistics.empty(), block))
        interval = report(spec, schedule_of(spec), statistics, answer, 1, ends=True).interval
        if interval is not None and None not in interval.lower:
            lower, upper = (np.array(side, float) for side in (interval.lower, interval.upper))
            hits.append((lower <= truth) & (truth <= upper))
    assert len(hits) > 0.9 * JOBS
    for column in np.array(hits).T:
        assert binomtest(int(column.sum()), len(hits), 0.95).pvalue > 1e-5, column.mean()
