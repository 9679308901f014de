"""Many conductors in one runner: claims leases, keeps them, and shares the slots of the pool among its jobs."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass

import structlog

from burnish_workers.core.registry import Registry
from burnish_workers.engine.conductor import Conductor, Ports
from burnish_workers.engine.problems import crashed
from burnish_workers.engine.records import Fenced, JobRecord, StoreUnavailable
from burnish_workers.engine.scribe import Scribe

log = structlog.get_logger()


@dataclass(frozen=True)
class Terms:
    """`lease`: seconds that a claim holds without renewal (renewed at a third); `poll`: seconds between looks for work
    when nothing wakes the runner; `max_jobs`: jobs conducted at once."""

    lease: float = 10.0
    poll: float = 1.0
    max_jobs: int = 64


@dataclass
class _Held:
    record: JobRecord
    conductor: Conductor
    task: asyncio.Task[None]


class Dispatcher:
    """Runs until it is cancelled. Jobs it holds when it dies are claimed by another runner when their lease expires."""

    def __init__(self, registry: Registry, ports: Ports, terms: Terms | None = None):
        self._registry, self._ports, self._terms = registry, ports, terms or Terms()
        self._held: dict[str, _Held] = {}

    @property
    def jobs(self) -> list[str]:
        """The jobs that this runner conducts now."""
        return list(self._held)

    async def run(self) -> None:
        """Claim and conduct, for ever."""
        # Not awaited: jobs may say that they wait for resources, instead of nothing at all.
        background = [asyncio.create_task(self._start_fleet()), asyncio.create_task(self._beat())]
        try:
            while True:
                await self._round()
                for task in background:
                    if task.done():
                        task.result()
        finally:
            for task in background:
                task.cancel()
            for held in self._held.values():
                held.task.cancel()

    async def _start_fleet(self) -> None:
        await self._ports.fleet.start()
        log.info("runner.ready", pid=os.getpid(), workers=self._ports.fleet.workers)

    async def _round(self) -> None:
        try:
            room = self._terms.max_jobs - len(self._held)
            claimed = await self._ports.store.claim(self._terms.lease, room, frozenset(self._held)) if room > 0 else []
            for record in claimed:
                if record.kind in self._registry:
                    self._begin(record)
                else:
                    await self._refuse(record)
            if not claimed and await self._ports.store.wait_for_work(self._terms.poll):
                # Somebody queued, extended or cancelled a job: hear of it now, not at the next beat.
                await self._renew_all()
        except StoreUnavailable as error:
            log.warning("store.unavailable", why=str(error))
            await self._ports.clock.sleep(self._terms.poll)

    def _begin(self, record: JobRecord) -> None:
        log.info("job.claimed", job=record.id, epoch=record.epoch)
        kind = self._registry.get(record.kind)
        conductor = Conductor(record, kind, self._ports, lambda: self._share(record.id))
        task = asyncio.create_task(self._conduct(record, conductor))
        self._held[record.id] = _Held(record, conductor, task)

    async def _refuse(self, record: JobRecord) -> None:
        """End a job whose kind is not installed here (any more), instead of breaking every runner in turn."""
        known = ", ".join(self._registry.names)
        log.error("job.unknown_kind", job=record.id, kind=record.kind)
        with contextlib.suppress(Fenced):
            scribe = Scribe(record, self._ports.store, self._ports.artifacts, self._ports.clock)
            await scribe.broken("crashed", crashed(f"kind {record.kind!r} is not installed here (known: {known})"))

    async def _conduct(self, record: JobRecord, conductor: Conductor) -> None:
        try:
            await conductor.run()
        except Fenced:
            log.warning("job.fenced", job=record.id, epoch=record.epoch)
        except StoreUnavailable as error:
            # Not ended and not released: the lease expires, and whoever reaches the store again goes on.
            log.error("job.dropped", job=record.id, why=str(error))
        finally:
            self._held.pop(record.id, None)

    def _share(self, job_id: str) -> int:
        """Blocks that the job may have in flight: the pool's slots split by weight, at least one."""
        weights = {key: float(held.record.spec.get("weight", 1.0)) for key, held in self._held.items()}
        mine = weights.get(job_id, 1.0)
        return max(1, int(self._ports.fleet.slots * mine / max(sum(weights.values()), mine)))

    async def _beat(self) -> None:
        """Renew every lease at a third of its time, and learn what users changed."""
        while True:
            await self._ports.clock.sleep(self._terms.lease / 3)
            await self._renew_all()

    async def _renew_all(self) -> None:
        await asyncio.gather(*(self._renew(held) for held in list(self._held.values())))

    async def _renew(self, held: _Held) -> None:
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
