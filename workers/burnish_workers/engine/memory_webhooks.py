"""The twin of `RedisWebhooks` in one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from burnish_workers.engine.memory_tallies import MemoryTallies
from burnish_workers.engine.records import JobRecord
from burnish_workers.engine.webhooks import Backlog, Claimed, Delivery, Endpoint


@dataclass
class _Desk:
    """What an endpoint is told. `waits`: by the next try; `done`: by when it was settled."""

    endpoint: Endpoint
    deliveries: dict[str, Delivery] = field(default_factory=dict[str, Delivery])
    waits: dict[str, float] = field(default_factory=dict[str, float])
    done: dict[str, float] = field(default_factory=dict[str, float])


class MemoryWebhooks:
    """`wall`: seconds since 1970."""

    def __init__(self, wall: Callable[[], float], tallies: MemoryTallies) -> None:
        self._wall, self._tallies = wall, tallies
        self._desks: dict[str, _Desk] = {}

    def announce(self, record: JobRecord) -> None:
        """A job has ended: the store calls this in the step that ends it."""
        type, at = f"job.{record.status}", self._wall()
        data = {"id": record.id, "kind": record.kind, "status": record.status, "purpose": record.purpose}
        if record.stopped_by is not None:
            data["stopped_by"] = record.stopped_by
        delivery = Delivery(f"msg_{record.id}_{record.sequence}", type, at, data)
        for desk in self._desks.values():
            if desk.endpoint.tenant == record.tenant and desk.endpoint.wants(type):
                self._put(desk, delivery, at)

    async def add(self, endpoint: Endpoint, most: int) -> bool:
        if len(await self.list(endpoint.tenant)) >= most:
            return False
        self._desks[endpoint.whose] = _Desk(endpoint)
        return True

    async def get(self, tenant: str, id: str) -> Endpoint | None:
        desk = self._desks.get(f"{tenant}/{id}")
        return desk.endpoint if desk else None

    async def list(self, tenant: str) -> list[Endpoint]:
        mine = [desk.endpoint for desk in self._desks.values() if desk.endpoint.tenant == tenant]
        return sorted(mine, key=lambda each: each.id, reverse=True)

    async def swap(self, before: Endpoint, after: Endpoint) -> bool:
        desk = self._desks.get(before.whose)
        if desk is None or desk.endpoint != before:
            return False
        desk.endpoint = after
        return True

    async def remove(self, endpoint: Endpoint) -> None:
        self._desks.pop(endpoint.whose, None)

    async def post(self, endpoint: Endpoint, delivery: Delivery) -> None:
        if (desk := self._desks.get(endpoint.whose)) is not None:
            self._put(desk, delivery, self._wall())

    async def deliveries(self, endpoint: Endpoint, limit: int) -> list[Delivery]:
        desk = self._desks.get(endpoint.whose)
        found = sorted(desk.deliveries.values(), key=lambda each: (each.at, each.id), reverse=True) if desk else []
        return found[:limit]

    async def again(self, endpoint: Endpoint, id: str) -> Delivery | None:
        desk = self._desks.get(endpoint.whose)
        if desk is None or desk.done.pop(id, None) is None:
            return None
        fresh = desk.deliveries.pop(id)
        self._put(desk, Delivery(fresh.id, fresh.type, fresh.at, fresh.data), self._wall())
        return desk.deliveries[id]

    async def claim(self, lease: float, busy: frozenset[str]) -> Claimed | None:
        now = self._wall()
        due = [
            (next_at, whose, id)
            for whose, desk in self._desks.items()
            for id, next_at in desk.waits.items()
            if next_at <= now and whose not in busy
        ]
        if not due:
            return None
        _, whose, id = min(due)
        desk = self._desks[whose]
        desk.waits[id] = now + lease
        return Claimed(desk.endpoint, desk.deliveries[id], repr(desk.waits[id]))

    async def settle(self, claimed: Claimed, after: Delivery, wait: float | None, kept: int) -> bool:
        desk = self._desks.get(claimed.endpoint.whose)
        if desk is None or repr(desk.waits.get(after.id)) != claimed.until:
            return False
        desk.deliveries[after.id] = after
        self._tallies.add(f"webhooks|{'retried' if wait is not None else after.state}")
        if wait is not None:
            desk.waits[after.id] = self._wall() + wait
            return True
        del desk.waits[after.id]
        desk.done[after.id] = self._wall()
        for id in list(desk.done)[: max(len(desk.done) - kept, 0)]:
            del desk.done[id], desk.deliveries[id]
        return True

    async def backlog(self) -> Backlog:
        ages = [self._wall() - desk.deliveries[id].at for desk in self._desks.values() for id in desk.waits]
        return Backlog(len(ages), max(ages, default=0.0))

    async def sweep(self, age: float) -> int:
        before, count = self._wall() - age, 0
        for desk in self._desks.values():
            for id in [id for id, at in desk.done.items() if at < before]:
                del desk.done[id], desk.deliveries[id]
                count += 1
        return count

    def _put(self, desk: _Desk, delivery: Delivery, at: float) -> None:
        if delivery.id not in desk.deliveries:
            desk.deliveries[delivery.id], desk.waits[delivery.id] = delivery, at
