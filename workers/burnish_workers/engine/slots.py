"""The slots of one runner: what its allocator got for it, split among its jobs, block by block."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from burnish_workers.core.allocate import allowance
from burnish_workers.engine.allocator import Allocator
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.conductor import Conductor
from burnish_workers.engine.fleet import Fleet
from burnish_workers.engine.records import JobRecord, StoreUnavailable

log = structlog.get_logger()

LEAST_INTERVAL = 0.05
"""Seconds between two reports, however much happens."""

EAGER_INTERVAL = 0.1
"""Seconds between two reports while there are jobs that were in no decision yet."""


@dataclass
class Held:
    """A job that this runner holds, and the task that conducts it."""

    record: JobRecord
    conductor: Conductor
    task: asyncio.Task[None]


class Slots:
    """`held` are the runner's jobs by id, a live view; set `changed` when there are new ones."""

    def __init__(self, allocator: Allocator, fleet: Fleet, clock: Clock, held: Mapping[str, Held]):
        self._allocator, self._fleet, self._clock, self._held = allocator, fleet, clock, held
        self.changed = asyncio.Event()
        self._unreported: set[str] = set()

    def share(self, job_id: str) -> int:
        """Blocks that the job may have in flight. Slots that it leaves are passed on at once to who has a claim."""
        if job_id in self._unreported:  # it has an observation now: the next decision is its own, and soon
            self._unreported.discard(job_id)
            self.changed.set()
        active = self._active()
        weights = {key: float(held.record.spec.get("weight", 1.0)) for key, held in active.items()}
        share = self._allocator.share(weights, self._fleet.slots)
        in_flight = {key: held.conductor.in_flight for key, held in active.items()}
        claims = {key: slots for key, slots in share.jobs.items() if key in active}
        allowed = allowance(job_id, share.slots, claims, in_flight)
        if allowed <= in_flight.get(job_id, 0) and sum(in_flight.values()) < share.slots:
            unmet = max(claims, key=lambda key: claims[key] - in_flight[key], default=None)
            if unmet is not None and unmet != job_id and claims[unmet] > in_flight[unmet]:
                self._held[unmet].conductor.nudge()
        return allowed

    def _active(self) -> dict[str, Held]:
        """The jobs that may need something: not those that wait for observations, however many they are."""
        return {key: held for key, held in self._held.items() if not held.conductor.starved}

    async def coordinate(self) -> None:
        """Report and learn the shares, twice a second and when jobs were claimed; for ever."""
        interval = self._allocator.pace.interval
        while True:
            self.changed.clear()
            await self._step()
            self._nudge_all()
            await self._clock.sleep(LEAST_INTERVAL)
            # New jobs have no share yet: the next decision is theirs.
            wait = EAGER_INTERVAL if self._active().keys() - self._allocator.known else interval
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait - LEAST_INTERVAL, 0.0)):
                    await self.changed.wait()

    async def _step(self) -> None:
        fleet, runner = self._fleet, self._allocator.runner
        try:
            active = self._active()
            self._unreported = self._held.keys() - active.keys()
            needs = [held.conductor.need(runner) for held in active.values()]
            await self._allocator.step(needs, fleet.slots, max(fleet.workers, 1))
        except StoreUnavailable as error:
            log.warning("store.unavailable", why=str(error))
        except Exception:
            # A mistake of ours: the pool is split equally, instead of one runner after the other breaking.
            log.exception("allocator.broken", runner=runner)

    async def tick(self) -> None:
        """Let jobs look at the clock and at shares that ran out, even while nobody can be reached; for ever."""
        while True:
            await self._clock.sleep(self._allocator.pace.interval)
            self._nudge_all()

    def _nudge_all(self) -> None:
        for held in self._held.values():
            held.conductor.nudge()
