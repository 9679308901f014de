"""The twin of `RedisTenancy` in one process."""

from __future__ import annotations

from burnish_workers.engine.tenancy import StoredKey
from burnish_workers.engine.tenants import Quota


class MemoryTenancy:
    def __init__(self) -> None:
        self._keys: dict[str, StoredKey] = {}
        self._quotas: dict[str, Quota] = {}

    async def key(self, id: str) -> StoredKey | None:
        return self._keys.get(id)

    async def keys(self) -> list[StoredKey]:
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id), reverse=True)

    async def count(self) -> int:
        return len(self._keys)

    async def swap(self, before: StoredKey | None, after: StoredKey) -> bool:
        if self._keys.get(after.id) != before:
            return False
        self._keys[after.id] = after
        return True

    async def quota(self, tenant: str) -> Quota | None:
        return self._quotas.get(tenant)

    async def set_quota(self, tenant: str, quota: Quota | None) -> None:
        if quota is None:
            self._quotas.pop(tenant, None)
        else:
            self._quotas[tenant] = quota
