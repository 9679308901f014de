"""Quotas: what was set, and what is in use of it. No HTTP. Errors are `Refusal`s."""

from __future__ import annotations

from burnish.wire.keys import QuotaUse, TenantQuota
from burnish_workers.engine.library import Library
from burnish_workers.engine.reading import read_json, validated
from burnish_workers.engine.refusals import Refusal
from burnish_workers.engine.store import FrontStore
from burnish_workers.engine.tenancy import Tenancy
from burnish_workers.engine.tenants import TENANT, TENANT_RULE, Quota


class QuotaAdmin:
    """`usual`: of tenants for whom nothing was set."""

    def __init__(self, tenancy: Tenancy, store: FrontStore, library: Library, usual: Quota):
        self._tenancy, self._store, self._library, self._usual = tenancy, store, library, usual

    async def quota(self, tenant: str) -> Quota:
        return await self._tenancy.quota(tenant) or self._usual

    async def use(self, tenant: str) -> QuotaUse:
        """Raises Refusal."""
        _check(tenant)
        quota = await self.quota(tenant)
        return QuotaUse(
            tenant=tenant,
            limits=TenantQuota(jobs=quota.jobs, units=quota.units, bytes=quota.bytes),
            jobs=await self._store.live(tenant),
            units=(await self._store.spent_today(tenant))[0],
            bytes=await self._library.bytes_of(tenant),
        )

    async def set(self, tenant: str, body: bytes) -> QuotaUse:
        """In place of what was set before; a limit that is left out is none. Raises Refusal."""
        _check(tenant)
        asked = validated(TenantQuota, body, read_json(body))
        await self._tenancy.set_quota(tenant, Quota(asked.jobs, asked.units, asked.bytes))
        return await self.use(tenant)

    async def forget(self, tenant: str) -> None:
        """Back to the usual. Raises Refusal."""
        _check(tenant)
        await self._tenancy.set_quota(tenant, None)


def _check(tenant: str) -> None:
    if not TENANT.fullmatch(tenant):
        raise Refusal(404, "Not found", f"{tenant[:80]!r} is no tenant's name: {TENANT_RULE}")
