"""One runner's part in sharing the pool: report, lead if nobody else does, go by the last decision.

Every runner does this twice a second, and any of them may lead: the leader decides for all. When it is gone another
leads as soon as its lease is over; what it still writes is refused (a later epoch leads). Meanwhile, and while nobody
can be reached, the last shares hold for 10 s; after that each runner takes an equal part of the pool, as many as there
were when it last heard, and splits it by weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import structlog

from burnish_workers.core.allocate import Pool, by_weight
from burnish_workers.core.demand import Need, Needs
from burnish_workers.core.sharing import RULES, Sharing
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.coordination import Coordination, Exchange, Report, Share

log = structlog.get_logger()


@dataclass(frozen=True)
class Pace:
    """Seconds: `interval` between decisions, `lease` of the leadership, `ttl` of a report, `hold` of old shares."""

    interval: float = 0.5
    lease: float = 2.0
    ttl: float = 3.0
    hold: float = 10.0


class Allocator:
    """`runner`: a name of this life of this runner, that no other has or had; `sharing`: the rule by which it leads."""

    def __init__(
        self,
        runner: str,
        coordination: Coordination,
        clock: Clock,
        pace: Pace | None = None,
        sharing: Sharing = "gain",
    ):
        self.runner, self.pace, self._rule = runner, pace or Pace(), RULES[sharing]
        self._coordination, self._clock = coordination, clock
        self._share = Share("", 0)
        self._heard = clock.monotonic()
        self._entitled: dict[str, float] = {}
        self._decisions = 0
        self.loads: dict[str, int] = {runner: 0}
        self.leads = False

    async def step(self, needs: Sequence[Need], slots: int, workers: int) -> None:
        """Report what the jobs here need, decide if this runner leads, take the share. Raises StoreUnavailable."""
        report = Report(self.runner, tuple(needs))
        found = await self._coordination.exchange(report, self.pace.ttl, self.pace.lease)
        self.loads = found.loads
        if self.leads != (found.epoch is not None):
            self.leads = not self.leads
            self._entitled = {}
            log.info("allocator.leads" if self.leads else "allocator.follows", runner=self.runner, epoch=found.epoch)
        if found.epoch is not None:
            shares = self._decide(found, Pool(slots, workers, self.pace.interval))
            if await self._coordination.publish(found.epoch, shares):
                found = replace(found, share=shares[self.runner])
            else:
                log.warning("allocator.fenced", runner=self.runner, epoch=found.epoch)
        if found.share is None:
            self._share = replace(self._share, slots=0, jobs={})
        elif found.share.decision != self._share.decision:
            self._share, self._heard = found.share, self._clock.monotonic()

    @property
    def known(self) -> set[str]:
        """The jobs of this runner that were in the last decision."""
        return set(self._share.jobs)

    def share(self, weights: Mapping[str, float], slots: int) -> Share:
        """What this runner may use of a pool of `slots` now, for jobs of these weights."""
        if self._clock.monotonic() - self._heard <= self.pace.hold:
            return self._share
        runners = sorted({*self.loads, self.runner})
        part = by_weight(dict.fromkeys(runners, 1.0), slots)[self.runner]
        return Share("equal", part, by_weight(dict(weights), part))

    async def leave(self) -> None:
        """Let the others share what this runner had."""
        await self._coordination.leave(self.runner)

    def _decide(self, found: Exchange, pool: Pool) -> dict[str, Share]:
        """Slots for every live runner: those of its jobs, and its part of what no job can use just now."""
        # Ids sort by time: among equals the oldest is served first, whichever runner conducts it.
        needs = Needs.of(sorted((need for report in found.reports for need in report.needs), key=lambda need: need.id))
        entitled = np.array([self._entitled.get(job, np.nan) for job in needs.ids])
        decided = self._rule(needs, pool, entitled)
        self._entitled = dict(zip(needs.ids, decided.entitled.tolist(), strict=True))
        self._decisions += 1
        jobs: dict[str, dict[str, int]] = {report.runner: {} for report in found.reports}
        for job, runner, slots in zip(needs.ids, needs.runners, decided.slots.tolist(), strict=True):
            jobs[runner][job] = slots
        weights = {report.runner: sum(need.weight for need in report.needs) or 0.1 for report in found.reports}
        spare = by_weight(weights, pool.slots - int(decided.slots.sum()))
        name = f"{found.epoch}.{self._decisions}"
        return {runner: Share(name, sum(split.values()) + spare[runner], split) for runner, split in jobs.items()}
