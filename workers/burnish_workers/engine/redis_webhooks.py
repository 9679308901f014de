"""Webhooks and their outbox on Redis or Valkey. What ends a job puts into the outbox what is to be told of it."""

from __future__ import annotations

from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.webhooks import Backlog, Claimed, Delivery, Endpoint


class RedisWebhooks:
    """Over one link, which may serve other ports too."""

    def __init__(self, link: RedisLink) -> None:
        self._command, self._run, self._keys = link.command, link.run, link.keys

    async def add(self, endpoint: Endpoint, most: int) -> bool:
        touched = [self._keys.webhooks(endpoint.tenant), self._keys.all_webhooks]
        words = (endpoint.id, endpoint.to_json(), endpoint.whose, most)
        return bool(await self._run("webhooks_add", touched, *words, durable=True))

    async def get(self, tenant: str, id: str) -> Endpoint | None:
        text = await self._command("HGET", self._keys.webhooks(tenant), id)
        return Endpoint.from_json(text) if text else None

    async def list(self, tenant: str) -> list[Endpoint]:
        found = [Endpoint.from_json(text) for text in await self._command("HVALS", self._keys.webhooks(tenant))]
        return sorted(found, key=lambda each: each.id, reverse=True)

    async def swap(self, before: Endpoint, after: Endpoint) -> bool:
        words = (after.id, before.to_json(), after.to_json())
        return bool(await self._run("tenancy_swap", [self._keys.webhooks(after.tenant)], *words, durable=True))

    async def remove(self, endpoint: Endpoint) -> None:
        touched = [self._keys.webhooks(endpoint.tenant), self._keys.all_webhooks]
        words = (self._keys.prefix, endpoint.id, endpoint.whose)
        await self._run("webhooks_remove", touched, *words, durable=True)

    async def post(self, endpoint: Endpoint, delivery: Delivery) -> None:
        told = (delivery.id, f"{delivery.at:.6f}", delivery.to_json())
        words = (self._keys.prefix, endpoint.id, endpoint.whose, *told)
        await self._run("webhooks_post", [self._keys.webhooks(endpoint.tenant)], *words, durable=True)

    async def deliveries(self, endpoint: Endpoint, limit: int) -> list[Delivery]:
        touched = [self._keys.webhook(endpoint.whose, part) for part in ("order", "deliveries")]
        return [Delivery.from_json(text) for text in await self._run("webhooks_list", touched, limit)]

    async def again(self, endpoint: Endpoint, id: str) -> Delivery | None:
        text = await self._run("webhooks_again", [], self._keys.prefix, endpoint.whose, id, durable=True)
        return Delivery.from_json(text) if text else None

    async def claim(self, lease: float, busy: frozenset[str]) -> Claimed | None:
        taken = await self._run("webhooks_claim", [self._keys.webhooks_due], self._keys.prefix, lease, *busy)
        if not taken:
            return None
        endpoint, delivery, until = taken
        return Claimed(Endpoint.from_json(endpoint), Delivery.from_json(delivery), until)

    async def settle(self, claimed: Claimed, after: Delivery, wait: float | None, kept: int) -> bool:
        # Not durable: what is lost with the server is sent once more.
        counted = f"webhooks|{'retried' if wait is not None else after.state}"
        held = (self._keys.prefix, claimed.endpoint.whose, after.id, claimed.until)
        words = (after.to_json(), "" if wait is None else f"{wait:.6f}", kept, counted)
        return bool(await self._run("webhooks_settle", [self._keys.tallies], *held, *words))

    async def backlog(self) -> Backlog:
        waiting = int(await self._command("ZCARD", self._keys.webhooks_waiting))
        oldest = await self._command("ZRANGE", self._keys.webhooks_waiting, 0, 0, "WITHSCORES")
        seconds, micros = await self._command("TIME")
        if not oldest:
            return Backlog(waiting)
        return Backlog(waiting, max(int(seconds) + int(micros) / 1e6 - _score(oldest), 0.0))

    async def sweep(self, age: float) -> int:
        return int(await self._run("webhooks_sweep", [self._keys.all_webhooks], self._keys.prefix, age))


def _score(found: list[object]) -> float:
    """Of the first: flat, or in pairs, by the protocol."""
    first = found[0]
    return float(first[1] if isinstance(first, list | tuple) else found[1])  # type: ignore[arg-type]
