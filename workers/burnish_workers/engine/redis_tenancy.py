"""API keys and quotas on Redis or Valkey: a hash of each by id and by tenant."""

from __future__ import annotations

import json
from dataclasses import asdict

from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.tenancy import StoredKey
from burnish_workers.engine.tenants import Quota


class RedisTenancy:
    """Over one link, which may serve other ports too."""

    def __init__(self, link: RedisLink) -> None:
        self._link, self._names = link, link.keys

    async def key(self, id: str) -> StoredKey | None:
        text = await self._link.command("HGET", self._names.api_keys, id)
        return StoredKey.from_json(text) if text else None

    async def keys(self) -> list[StoredKey]:
        found = [StoredKey.from_json(text) for text in await self._link.command("HVALS", self._names.api_keys)]
        return sorted(found, key=lambda key: (key.created_at, key.id), reverse=True)

    async def count(self) -> int:
        return int(await self._link.command("HLEN", self._names.api_keys))

    async def swap(self, before: StoredKey | None, after: StoredKey) -> bool:
        there = "" if before is None else before.to_json()
        words = (after.id, there, after.to_json())
        return bool(await self._link.run("tenancy_swap", [self._names.api_keys], *words, durable=True))

    async def quota(self, tenant: str) -> Quota | None:
        text = await self._link.command("HGET", self._names.quotas, tenant)
        return Quota(**json.loads(text)) if text else None

    async def set_quota(self, tenant: str, quota: Quota | None) -> None:
        text = "" if quota is None else json.dumps(asdict(quota))
        await self._link.run("tenancy_quota", [self._names.quotas], tenant, text, durable=True)
