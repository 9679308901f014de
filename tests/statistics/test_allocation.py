"""The allocation simulated: against the best static split that knows every variance, and against equal shares."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from burnish_workers.core.allocate import FAIR, Pool, allocate, allowance
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
    equal: bool = False
    most: int = 0

    def __post_init__(self) -> None:
        self.draw = np.random.default_rng(self.seed)
        self.events: list[tuple[float, int, Job, float]] = []
        self.shares: dict[str, int] = {}
        self.slots: dict[int, int] = {}
        self.sent = 0

    def run(self, seconds: float) -> None:
        reports, entitled = self.reports(), None
        for step in range(round(2 * seconds)):
            decided = allocate(Needs.of(reports), Pool(self.workers, self.workers), entitled)
            entitled = decided.entitled
            assert decided.slots.sum() == self.workers
            self.shares = {job.name: int(n) for job, n in zip(self.jobs, decided.slots, strict=True)}
            self.slots = {r: sum(self.shares[j.name] for j in self.jobs if j.runner == r) for r in range(self.runners)}
            reports = self.reports()
            for job in self.jobs:
                self.issue(job, step / 2)
            self.until((step + 1) / 2)

    def reports(self) -> list[Need]:
        """For equal shares all jobs look alike."""
        needs = [job.need() for job in self.jobs]
        return [replace(need, spread=1.0, weight=1.0, replicates=10**6) for need in needs] if self.equal else needs

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
    assert shop.efficiency() >= 0.97
    assert spent >= 0.98 * 16 * 600, "the pool was kept busy"
    assert shop.most <= 16 if runners == 1 else shop.most <= 32


def test_an_equal_split_loses_one_plus_the_squared_coefficient_of_variation():
    shop = workshop(1, 1)
    shop.equal = True
    shop.run(600)
    root = np.array([job.root for job in shop.jobs])
    lost = 1 + root.var() / root.mean() ** 2
    assert lost > 1.3
    assert 1 / shop.efficiency() == pytest.approx(lost, rel=0.03)


@dataclass
class Goal:
    """A job with a tolerance: `work` worker-seconds until it is met, forecast with an error once there are blocks."""

    arrived: float
    work: float
    hopeful: float
    done: float = 0.0
    slots: int = 0
    entitled: float = math.nan

    def need(self, name: str, tenant: str = "") -> Need:
        left = max(0.0, self.work * self.hopeful - self.done)
        return Need(
            id=name,
            runner="0",
            tenant=tenant,
            demand=min(16, math.ceil((self.work - self.done) / 0.4)),
            blocks=int(self.done / 0.4),
            replicates=int(self.done / 0.4) * REPLICATES,
            seconds=self.done,
            block_seconds=0.4,
            spread=1.0,
            remaining=left if self.done else 0.4,
        )


def stream(load: float, jobs: int, seed: int) -> list[Goal]:
    """Poisson arrivals on 16 workers; the work is lognormal, two minutes in the mean, deviation twice that."""
    draw = np.random.default_rng(seed)
    sigma = math.sqrt(math.log(5))
    work = draw.lognormal(math.log(120) - sigma**2 / 2, sigma, jobs)
    arrivals = np.cumsum(draw.exponential(120 / 16 / load, jobs))
    return [Goal(*row) for row in zip(arrivals.tolist(), work.tolist(), draw.lognormal(0, 0.15, jobs), strict=True)]


def times(goals: list[Goal], *, shared: bool) -> np.ndarray:
    """Seconds from arrival to the tolerance, in steps of half a second; `shared`: equal shares, not in whole slots."""
    waiting, live, now, took = sorted(goals, key=lambda g: g.arrived, reverse=True), [], 0.0, []
    while waiting or live:
        while waiting and waiting[-1].arrived <= now:
            live.append(waiting.pop())
        if live and shared:
            rates = np.full(len(live), 16 / len(live))
        elif live:
            needs = Needs.of([goal.need(str(i)) for i, goal in enumerate(live)])
            decided = allocate(needs, Pool(16, 16), np.array([goal.entitled for goal in live]))
            rates = decided.slots
            for goal, entitled in zip(live, decided.entitled.tolist(), strict=True):
                goal.entitled = entitled
        for goal, rate in zip(live, rates if live else [], strict=True):
            goal.slots, goal.done = int(rate), goal.done + float(rate) / 2
        now += 0.5
        took += [now - goal.arrived for goal in live if goal.done >= goal.work]
        live = [goal for goal in live if goal.done < goal.work]
    return np.array(took)


def test_shortest_remaining_first_against_equal_shares():
    ours, equal = times(stream(0.8, 1500, 3), shared=False), times(stream(0.8, 1500, 3), shared=True)
    mean, tail = equal.mean() / ours.mean(), np.quantile(equal, 0.95) / np.quantile(ours, 0.95)
    assert mean >= 1.7, "1.83 when this was written; 1.97 without the fair fifth"
    assert tail >= 1.7, "1.80"


@pytest.mark.parametrize("tenants", [1, 5])
def test_nobody_is_served_slower_than_a_fifth_of_its_fair_share(tenants):
    """One long job against twenty short ones that never end: each of these is replaced by another."""
    goals = [Goal(0.0, 1e6, 1.0)] + [Goal(0.0, 40.0, 1.0) for _ in range(20)]
    entitled, steps = np.full(21, np.nan), 4000
    for _ in range(steps):
        needs = Needs.of([goal.need(str(i), f"{i % tenants}") for i, goal in enumerate(goals)])
        decided = allocate(needs, Pool(16, 16), entitled)
        entitled = decided.entitled
        for i, slots in enumerate(decided.slots.tolist()):
            goals[i].slots, goals[i].done = slots, goals[i].done + slots / 2
            if goals[i].done >= goals[i].work:
                goals[i], entitled[i] = Goal(0.0, 40.0, 1.0), np.nan
    fair = 16 / 21 * steps / 2
    assert goals[0].done >= FAIR * fair * 0.98
