"""The jobs of `sharing.py`: drawn from a seed, resolved beforehand, and run once in a bare loop to know their work.

All are of the test kind `correlated`: means of exponential variables whose blocks sleep for as long as they are large.
A worker that sleeps takes no core, so a few cores stand for a pool of any size. By the law the blocks that a job takes
to its tolerance do not depend on who shares the pool, nor how: the load is known before anything is posted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from burnish.wire import Budget
from burnish_workers.core.boundary import fixed_critical
from burnish_workers.core.estimator import unflatten
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.purse import Purse
from burnish_workers.core.report import report, schedule_of
from burnish_workers.core.schedule import Replicates
from burnish_workers.engine.lanes import Layout
from burnish_workers.engine.resolve import LOOK_BEYOND, TOLERANCE_ROOM, WIDER
from burnish_workers.tensors.devices import numeric_class, resolve_device
from burnish_workers.testing import MEAN, CorrelatedSimulator, CorrelatedSpec, CorrelatedStatistics, resolved_correlated

SPREAD = 2.0
"""Standard deviation of the jobs' sizes over their mean: lognormal, many small ones and a few large."""

REPLICATES = 16
"""Of a block of a job with a tolerance."""

GUESS = 0.18
"""Relative error of the pilot's guess at the work, as of the variance of 64 replicates."""

LEAST, MOST = 15, 1_000
"""Blocks, between which sizes are drawn: with fewer the guard would refuse most exponential samples."""


@dataclass(frozen=True)
class Arrival:
    """A job that is posted `at` seconds from the start; `work`: worker-seconds up to the look that ends it."""

    at: float
    spec: dict[str, Any]
    work: float


def tolerance_jobs(count: int, workers: int, load: float, blocks: float, nap: float, seed: int) -> list[Arrival]:
    """A Poisson process, given its `count`, of jobs of about `blocks` blocks in the mean.

    Their work is `load` of what `workers` do until the last arrives. All can meet their tolerance: those that the guard
    would refuse to the end of their plan are drawn again.
    """
    draw = np.random.default_rng(seed)
    sigma = math.sqrt(math.log(1 + SPREAD**2))
    # Its quantiles, in any order: of a hundred draws the largest would decide how unequal they are.
    sizes = blocks * np.exp(sigma * special.ndtri((draw.permutation(count) + 0.5) / count) - sigma**2 / 2)
    sizes = np.clip(sizes, LEAST, MOST)
    guesses = draw.lognormal(0, GUESS, count)
    passed = np.cumsum(draw.exponential(size=count))
    seeds = 10_000 * seed + 100 * np.arange(count)
    drawn = zip(sizes.tolist(), guesses.tolist(), seeds.tolist(), strict=True)
    done = [_tolerant(size, guess, nap, own) for size, guess, own in drawn]
    until = sum(work for _, work in done) / (load * workers)
    moments = until * passed / passed[-1]
    return [Arrival(float(at), spec, work) for at, (spec, work) in zip(moments, done, strict=True)]


def budget_jobs(count: int, seconds: float, nap: float, seed: int) -> list[dict[str, Any]]:
    """Jobs for so many seconds whose replicates cost between a 4th and a 256th of a nap, evenly on a log scale."""
    sizes = np.round(np.geomspace(4, 256, count)).astype(int)
    numbers = numeric_class(resolve_device("cpu"))
    more = {"numeric_class": numbers, "budget": {"seconds": seconds}}
    return [
        resolved_correlated(200, replicates=int(size), nap=nap, seed=100 * seed + i, **more)
        for i, size in enumerate(sizes)
    ]


def _tolerant(blocks: float, guess: float, nap: float, seed: int) -> tuple[dict[str, Any], float]:
    """A job whose tolerance takes about so many blocks, planned as the service does by a pilot that guessed so; and the
    worker-seconds that it does take."""
    needed = guess * blocks
    planned = math.ceil(needed * TOLERANCE_ROOM)
    look = math.ceil(LOOK_BEYOND * needed ** (2 / 3) * planned ** (1 / 3))
    spec = resolved_correlated(planned, replicates=REPLICATES, nap=nap, seed=seed)
    numbers = numeric_class(resolve_device("cpu"))
    changes = {"numeric_class": numbers, "extensible": False, "extra_looks": [look] if look < planned else []}
    tolerance = fixed_critical(0.05) * WIDER["stream"] / math.sqrt(blocks * REPLICATES)
    spec |= {"budget": {"rel_tol": tolerance}, "resolution": {**spec["resolution"], **changes}}
    work = _work(spec)
    return (spec, work) if work is not None else _tolerant(blocks, guess, nap, seed + 1)


def _work(spec: dict[str, Any]) -> float | None:
    """Worker-seconds up to the look that meets the tolerance, None where none does: the blocks without the naps."""
    resolved = CorrelatedSpec.model_validate(spec)
    resolution, schedule = resolution_of(resolved), schedule_of(resolved)
    simulator = CorrelatedSimulator(resolved.model_copy(update={"nap": 0.0}), resolution.tail)
    statistics = CorrelatedStatistics(resolution.tail)
    layout = Layout(resolved.seed or 0, Replicates(resolution.first_block, resolution.block), None)
    purse, state, work = Purse(Budget(**spec["budget"]), None), statistics.empty(), 0.0
    for k in range(resolution.blocks_planned):
        place = layout.place(k)
        _, stats = simulator.advance({}, place.key, place.start, place.replicates)
        state = statistics.fold(state, stats)
        work += resolved.nap * float(unflatten(stats)[MEAN].mean[0])
        if schedule.look(k + 1) is not None:
            found = report(resolved, schedule, statistics, statistics.answer(state), k + 1)
            if purse.met(found.value, found.half_width):
                return work
    return None
