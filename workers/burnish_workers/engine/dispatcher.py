"""Many conductors in one runner: claims leases, keeps them, issues within its slots, hands over when it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from burnish_workers.core.registry import Registry
from burnish_workers.core.sharing import Sharing
from burnish_workers.engine import tracing
from burnish_workers.engine.allocator import Allocator, Pace
from burnish_workers.engine.canaries import Keeper
from burnish_workers.engine.checker import Checker
from burnish_workers.engine.conductor import Conductor
from burnish_workers.engine.coordination import Coordination
from burnish_workers.engine.janitor import Janitor, Retention
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.ports import Ports
from burnish_workers.engine.problems import crashed
from burnish_workers.engine.records import Fenced, JobRecord, StoreUnavailable
from burnish_workers.engine.scribe import Scribe
from burnish_workers.engine.slots import Held, Slots
from burnish_workers.engine.webhook_sender import Sender, Sending

log = structlog.get_logger()

COURTESY = 0.1
"""Seconds that a runner with more jobs than another one waits before it claims."""

GRACE = 3.0
"""Seconds in which jobs must have been handed over; those that have not wait until their leases expire."""


BETWEEN_COUNTS = 3.0


@dataclass(frozen=True)
class Terms:
    """`lease`: seconds that a claim holds without renewal (renewed at a third); `poll`: seconds between looks for work
    when nothing wakes the runner; `max_jobs`: jobs conducted at once, not counting those that wait for observations;
    `pace`: of sharing the pool, `sharing`: the rule; `canaries`: seconds between two known answers that the service
    runs on itself, 0 for none; `retention`: what is removed after how many days; `webhooks`: how they are sent."""

    lease: float = 10.0
    poll: float = 1.0
    max_jobs: int = 64
    pace: Pace = field(default_factory=Pace)
    canaries: float = 0.0
    sharing: Sharing = "gain"
    retention: Retention = field(default_factory=Retention)
    webhooks: Sending = field(default_factory=Sending)


class Dispatcher:
    """Runs until it is cancelled, or told to leave. Jobs it holds when it dies are claimed by another runner when their
    lease expires; those it hands over at once.

    `coordination`: with the other runners of the same pool; without one it has the pool to itself.
    """

    def __init__(
        self, registry: Registry, ports: Ports, terms: Terms | None = None, coordination: Coordination | None = None
    ):
        self._registry, self._ports, self._terms = registry, ports, terms or Terms()
        self._held: dict[str, Held] = {}
        coordination = coordination or MemoryCoordination(ports.clock.monotonic)
        runner = f"runner-{os.getpid()}-{secrets.token_hex(8)}"
        self.allocator = Allocator(runner, coordination, ports.clock, self._terms.pace, self._terms.sharing)
        self._slots = Slots(self.allocator, ports.fleet, ports.clock, self._held)
        self._leaving, self._left = asyncio.Event(), asyncio.Event()
        self._running = False

    @property
    def jobs(self) -> list[str]:
        """The jobs that this runner conducts now."""
        return list(self._held)

    async def run(self) -> None:
        """Claim and conduct, for ever, or until `leave`."""
        # Not awaited: jobs may say that they wait for resources, instead of nothing at all.
        models = Checker(self._ports.library, self._ports.artifacts, self._ports.fleet).run(self._terms.poll)
        tasks = (self._start_fleet(), self._beat(), self._slots.coordinate(), self._slots.tick(), self._count(), models)
        background = [asyncio.create_task(task) for task in tasks]
        if self._terms.canaries > 0:
            keeper = Keeper(self._registry, self._ports.store, self._ports.clock, lambda: self.allocator.leads)
            background.append(asyncio.create_task(keeper.run(self._terms.canaries)))
        janitor = Janitor(self._registry, self._ports, self._terms.retention, lambda: self.allocator.leads)
        background.append(asyncio.create_task(janitor.run()))
        sender = Sender(
            self._ports.store.webhooks, self._ports.clock, lambda: self.allocator.leads, self._terms.webhooks
        )
        background.append(asyncio.create_task(sender.run(self._terms.poll)))
        self._running = True
        try:
            while not self._leaving.is_set():
                # Apart: while the store is away its client may swallow a cancellation, and run must end at once.
                await _apart(self._round())
                for task in background:
                    if task.done():
                        task.result()
            await self._hand_over()
        finally:
            self._left.set()
            for task in background:
                task.cancel()
            for held in self._held.values():
                held.task.cancel()

    async def leave(self) -> None:
        """Claim nothing more and hand all jobs over, so that other runners go on with them at once; then `run` returns.

        Blocks that come back within half a second are folded, the others are run again elsewhere, with equal bits.
        """
        self._leaving.set()
        if self._running:
            await self._left.wait()

    async def _start_fleet(self) -> None:
        await self._ports.fleet.start()
        log.info("runner.ready", pid=os.getpid(), runner=self.allocator.runner, workers=self._ports.fleet.workers)

    # --- jobs ---------------------------------------------------------------------------------------------------------
    async def _round(self) -> None:
        try:
            if self._ahead:
                await self._unless_leaving(self._ports.clock.sleep(COURTESY))
            room = 0 if self._leaving.is_set() else self._room
            claimed = await self._ports.store.claim(self._terms.lease, room, frozenset(self._held)) if room > 0 else []
            for record in claimed:
                if record.kind in self._registry:
                    self._begin(record)
                else:
                    await self._refuse(record)
            if claimed:
                self._slots.changed.set()
            elif await self._unless_leaving(self._ports.store.wait_for_work(self._terms.poll)):
                # Somebody queued, extended or cancelled a job: hear of it now, not at the next beat.
                await self._renew_all()
        except StoreUnavailable as error:
            log.warning("store.unavailable", why=str(error))
            await self._unless_leaving(self._ports.clock.sleep(self._terms.poll))

    @property
    def _others(self) -> list[int]:
        """Jobs held by each of the other live runners."""
        return [load for runner, load in self.allocator.loads.items() if runner != self.allocator.runner]

    @property
    def _ahead(self) -> bool:
        """Whether another runner has fewer jobs: it is to have the first chance at the next."""
        return min(self._others, default=self._busy) < self._busy

    @property
    def _busy(self) -> int:
        """Jobs held, but for those that wait for observations: they take up little, and may wait for long."""
        return sum(not held.conductor.starved for held in self._held.values())

    @property
    def _room(self) -> int:
        """Jobs to claim at a time: one by one where others claim too, so that a long queue is spread over all."""
        room = self._terms.max_jobs - self._busy
        return min(room, 1) if self._others else room

    async def _unless_leaving(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What `work` returns; None, and it is called off, when the runner is told to leave meanwhile."""
        return await _apart(work, self._leaving.wait())

    def _begin(self, record: JobRecord) -> None:
        log.info("job.claimed", job_id=record.id, epoch=record.epoch)
        kind = self._registry.get(record.kind)
        conductor = Conductor(record, kind, self._ports, lambda: self._slots.share(record.id))
        task = asyncio.create_task(self._conduct(record, conductor))
        self._held[record.id] = Held(record, conductor, task)

    async def _refuse(self, record: JobRecord) -> None:
        """End a job whose kind is not installed here (any more), instead of breaking every runner in turn."""
        known = ", ".join(self._registry.names)
        log.error("job.unknown_kind", job_id=record.id, kind=record.kind)
        with contextlib.suppress(Fenced):
            scribe = Scribe(record, self._ports.store, self._ports.artifacts, self._ports.clock)
            await scribe.broken("crashed", crashed(f"kind {record.kind!r} is not installed here (known: {known})"))

    async def _conduct(self, record: JobRecord, conductor: Conductor) -> None:
        try:
            origin = record.origin or {}
            bound = {name: origin[name] for name in ("request_id",) if name in origin}
            structlog.contextvars.bind_contextvars(job_id=record.id, **bound)  # of this task alone
            told = {"job_id": record.id, "kind": record.kind, "epoch": record.epoch, "purpose": record.purpose}
            with tracing.span("job", parent=origin.get("traceparent"), **told):
                await conductor.run()
        except Fenced:
            log.warning("job.fenced", job_id=record.id, epoch=record.epoch)
        except StoreUnavailable as error:
            # Not ended and not released: the lease expires, and whoever reaches the store again goes on.
            log.error("job.dropped", job_id=record.id, why=str(error))
        finally:
            self._held.pop(record.id, None)

    async def _hand_over(self) -> None:
        """Stop all conductors at a checkpoint, then give up their leases and this runner's part of the pool."""
        leaving = list(self._held.values())
        for held in leaving:
            if held.conductor.underway:
                held.conductor.orders.leave()
            else:
                held.task.cancel()
        if leaving:
            _, late = await asyncio.wait([held.task for held in leaving], timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(GRACE):
                store = self._ports.store
                await asyncio.gather(*(store.release(held.record.id, held.record.epoch) for held in leaving))
                await self.allocator.leave()
        log.info("runner.left", runner=self.allocator.runner, jobs=[held.record.id for held in leaving])

    async def _count(self) -> None:
        """Add what was counted here to what the store has, now and then."""
        while True:
            await self._ports.clock.sleep(BETWEEN_COUNTS)
            await self._ports.counts.flush(self._ports.store)

    # --- leases -------------------------------------------------------------------------------------------------------
    async def _beat(self) -> None:
        """Renew every lease at a third of its time, and learn what users changed."""
        while True:
            await self._ports.clock.sleep(self._terms.lease / 3)
            await self._renew_all()

    async def _renew_all(self) -> None:
        await asyncio.gather(*(self._renew(held) for held in list(self._held.values())))

    async def _renew(self, held: Held) -> None:
        record = held.record
        try:
            renewal = await self._ports.store.renew(record.id, record.epoch, self._terms.lease)
        except StoreUnavailable:
            return
        if renewal.state == "fenced":
            if record.id in self._held and self._held[record.id] is held:
                held.task.cancel()
        elif renewal.budget is not None:
            held.conductor.orders.update(renewal.budget, renewal.budget_version, renewal.cancel_requested)


async def _apart(work: Coroutine[Any, Any, Any], *unless: Coroutine[Any, Any, Any]) -> Any:
    """What `work` returns, as a task of its own: a cancellation ends the wait, whether or not `work` heeds it.

    None, and `work` is called off, when one of `unless` returns first.
    """
    task = asyncio.create_task(work)
    others = [asyncio.create_task(other) for other in unless]
    try:
        await asyncio.wait({task, *others}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for each in (task, *others):
            each.cancel()
