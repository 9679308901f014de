"""The allocation simulated: against the best static split that knows every variance, and against equal shares."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from burnish_workers.core.allocate import FAIR, Pool, allocate, allowance, by_weight, raise_level
from burnish_workers.core.demand import Need, Needs

REPLICATES = 16
"""Of a block."""


@dataclass
class Job:
    """Estimates a mean; `deviation` of a replicate and the mean `length` of a block are not told to the allocation."""

    name: str
    runner: int
    deviation: float
    length: float
    weight: float = 1.0
    blocks: int = 0
    seconds: float = 0.0
    squares: float = 0.0
    out: list[float] = field(default_factory=list)

    @property
    def root(self) -> float:
        """sqrt(w s^2 c) with c the worker-seconds of a replicate."""
        return self.deviation * math.sqrt(self.weight * self.length / REPLICATES)

    def land(self, took: float, draw: np.random.Generator) -> None:
        self.blocks, self.seconds = self.blocks + 1, self.seconds + took
        self.squares += self.deviation**2 * draw.chisquare(REPLICATES)

    def need(self) -> Need:
        n, mean = self.blocks * REPLICATES, self.seconds / max(self.blocks, 1)
        return Need(
            id=self.name,
            runner=f"{self.runner}",
            demand=1000,
            in_flight=len(self.out),
            weight=self.weight,
            blocks=self.blocks,
            replicates=n,
            seconds=self.seconds + len(self.out) * mean,
            block_seconds=mean,
            spread=self.squares / n * mean / REPLICATES if n else 0.0,
        )


@dataclass
class Workshop:
    """Budget jobs on one pool of `workers`, conducted by `runners` that issue within the shares of the last decision.

    Decisions fall twice a second on reports that are half a second old. What two runners issue beyond the pool, while
    one gives slots back and the other has them already, runs on top.
    """

    jobs: list[Job]
    workers: int
    runners: int
    seed: int
    most: int = 0

    def __post_init__(self) -> None:
        self.draw = np.random.default_rng(self.seed)
        self.events: list[tuple[float, int, Job, float]] = []
        self.shares: dict[str, int] = {}
        self.slots: dict[int, int] = {}
        self.sent = 0

    def run(self, seconds: float) -> None:
        reports, earned = [job.need() for job in self.jobs], np.zeros(len(self.jobs))
        for step in range(round(2 * seconds)):
            decided = allocate(Needs.of(reports), Pool(self.workers, self.workers), earned)
            earned = decided.earned
            assert decided.slots.sum() == self.workers
            self.shares = {job.name: int(n) for job, n in zip(self.jobs, decided.slots, strict=True)}
            self.slots = {r: sum(self.shares[j.name] for j in self.jobs if j.runner == r) for r in range(self.runners)}
            reports = [job.need() for job in self.jobs]
            for job in self.jobs:
                self.issue(job, step / 2)
            self.until((step + 1) / 2)

    def until(self, end: float) -> None:
        while self.events and self.events[0][0] <= end:
            now, _, job, took = heapq.heappop(self.events)
            job.out.remove(took)
            job.land(took, self.draw)
            mine = [other for other in self.jobs if other.runner == job.runner]
            unmet = max(mine, key=lambda other: self.shares[other.name] - len(other.out))
            for next_one in (job, unmet):
                self.issue(next_one, now)

    def issue(self, job: Job, now: float) -> None:
        mine = {other.name: other for other in self.jobs if other.runner == job.runner}
        shares = {name: self.shares[name] for name in mine}
        while True:
            out = {name: len(other.out) for name, other in mine.items()}
            if len(job.out) >= allowance(job.name, self.slots[job.runner], shares, out):
                return
            took = job.length * float(self.draw.gamma(4.0)) / 4
            job.out.append(took)
            self.sent += 1
            heapq.heappush(self.events, (now + took, self.sent, job, took))
            self.most = max(self.most, sum(len(other.out) for other in self.jobs))

    def efficiency(self) -> float:
        """Loss of the oracle, who gives t in proportion to sqrt(w s^2 c), over ours, for the same worker-seconds."""
        root = np.array([job.root for job in self.jobs])
        t = np.array([job.seconds for job in self.jobs])
        return float(root.sum() ** 2 / t.sum() / (root**2 / t).sum())


def workshop(runners: int, seed: int, jobs: int = 40, spread: float = 0.8) -> Workshop:
    draw = np.random.default_rng([seed, 1])
    made = [
        Job(
            name=f"{i:03}",
            runner=i % runners,
            deviation=float(draw.lognormal(0, spread)),
            length=float(draw.uniform(0.2, 2.0)),
            weight=float(draw.choice([0.5, 1.0, 2.0])),
        )
        for i in range(jobs)
    ]
    return Workshop(made, workers=16, runners=runners, seed=seed)


@pytest.mark.parametrize("runners", [1, 2])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_online_greedy_reaches_97_percent_of_the_oracle(runners, seed):
    shop = workshop(runners, seed)
    shop.run(600)
    spent = sum(job.seconds for job in shop.jobs)
    print(f"runners {runners} seed {seed}: {shop.efficiency():.4f} of the oracle, busy {spent / 9600:.3f}, most {shop.most}")
    assert shop.efficiency() >= 0.97
    assert spent >= 0.98 * 16 * 600, "the pool was kept busy"
    assert shop.most <= 16 if runners == 1 else shop.most <= 32
