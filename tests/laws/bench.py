"""A whole service in one process for the tests of the law: memory store, chaos fleet, dispatcher."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any

from burnish.wire import Job, Refinement
from burnish_workers.core.registry import registry
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.dispatcher import Dispatcher, Terms
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.storage import Storage


class House:
    """`fleet` may be swapped between runners, which come and go; store and artifacts stay."""

    def __init__(self, fleet: Any):
        self.store, self.artifacts, self.clock = MemoryStore(), MemoryArtifacts(), SystemClock()
        self.fleet = fleet
        self.library = MemoryLibrary()
        self.storage = Storage(self.store, self.library, self.artifacts, MemoryCoordination())
        self.app = self.storage.app(registry(), self.clock)

    @asynccontextmanager
    async def runner(self, lease: float = 5.0):
        """One runner; leaving the block kills it where it stands, its leases unreleased."""
        ports = self.storage.ports(self.fleet, self.clock)
        task = asyncio.create_task(Dispatcher(registry(), ports, Terms(lease=lease, poll=0.02)).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def post(self, spec: dict[str, Any]) -> str:
        return (await self.app.create(json.dumps(spec).encode())).job.id

    async def ended(self, job: str, timeout: float = 60.0) -> Job:
        async with asyncio.timeout(timeout):
            after = 0
            while not (found := await self.app.get(job)).done:
                events = await self.app.next_events(job, after, 1.0)
                after = events[-1].sequence if events else after
        return found

    async def refined(self, job: str, times: int) -> None:
        """Wait until the job has been refined so often."""
        async with asyncio.timeout(60):
            while len(await self.refinements(job)) < times:
                page = await self.app.events(job, 0, 1000)
                await self.app.next_events(job, page.data[-1].sequence, 1.0)

    async def refinements(self, job: str) -> list[Refinement]:
        page = await self.app.events(job, 0, 1000, frozenset({"refinement"}))
        return [Refinement.model_validate(event.data) for event in page.data]

    async def attempts(self, job: str) -> list[int]:
        return [row.attempts for row in (await self.app.ledger(job, -1, 1000)).data]


async def unlawful(house: House, job: str, law: dict[int, str]) -> list[int]:
    """The block counts at which the job published something else than the law says."""
    return [r.blocks for r in await house.refinements(job) if r.digest != law[r.blocks]]
