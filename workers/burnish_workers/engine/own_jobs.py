"""The store as one tenant sees it: its own jobs, and no others.

Every request of a tenant goes through this and through `own_files`; no route asks whose a job is, so none forgets to.
"""

from __future__ import annotations

from collections.abc import Mapping

from burnish.wire import Budget, DayUsage, Event, LedgerRow
from burnish_workers.engine.quotas import Caller, too_many_jobs, too_many_units
from burnish_workers.engine.records import (
    Created,
    Heard,
    Idempotency,
    JobRecord,
    Page,
    Posted,
    Promised,
    Taken,
    TooManyJobs,
)
from burnish_workers.engine.store import FrontStore
from burnish_workers.engine.tenants import DEFAULT, Quota
from burnish_workers.engine.webhooks import Webhooks


class OwnJobs:
    """For one request of `caller`. Another tenant's job is one that does not exist; quotas refuse with `OverQuota`."""

    def __init__(self, store: FrontStore, caller: Caller) -> None:
        self._store, self._caller, self._tenant = store, caller, caller.tenant
        self._mine: set[str] = set()

    @property
    def webhooks(self) -> Webhooks:
        """Those of a tenant are asked for by its name: see `webhook_desk`."""
        return self._store.webhooks

    async def _owns(self, job_id: str) -> bool:
        """Whose a job is never changes, and ids are not used again: asked once for each."""
        if job_id not in self._mine:
            tenant = await self._store.tenant_of(job_id)
            if tenant != self._tenant and not (tenant and self._caller.operator and await self._is_canary(job_id)):
                return False
            self._mine.add(job_id)
        return True

    async def _is_canary(self, job_id: str) -> bool:
        record = await self._store.get(job_id)
        return record is not None and record.purpose == "canary"

    # --- jobs ---------------------------------------------------------------------------------------------------------
    async def create(
        self,
        record: JobRecord,
        idempotency: Idempotency | None = None,
        *,
        promised: int | None = None,
        most: int | None = None,
    ) -> Created:
        quota = await self._caller.quota()
        made = await self.replayed(idempotency) if idempotency else None
        if made is not None:
            return Created(made, replayed=True)
        await self._within_units(quota)
        record, once = record.with_changes({"tenant": self._tenant}), self._own(idempotency)
        try:
            created = await self._store.create(record, once, promised=promised, most=quota.jobs)
        except TooManyJobs:
            raise too_many_jobs(self._caller.jobs(quota.jobs or 0, quota.jobs or 0)) from None
        if quota.jobs is not None:
            self._caller.jobs(quota.jobs, await self._store.live(self._tenant))
        return created

    async def replayed(self, idempotency: Idempotency) -> JobRecord | None:
        return await self._store.replayed(self._own(idempotency) or idempotency)

    async def get(self, job_id: str) -> JobRecord | None:
        record = await self._store.get(job_id)
        if record is None:
            return None
        shown = record.tenant == self._tenant or (record.purpose == "canary" and self._caller.operator)
        return record if shown else None

    async def list(
        self,
        *,
        limit: int,
        after: str | None = None,
        status: str | None = None,
        kind: str | None = None,
        canaries: bool = False,
        tenant: str | None = None,
    ) -> Page:
        return await self._store.list(
            limit=limit,
            after=after,
            status=status,
            kind=kind,
            canaries=canaries and self._caller.operator,
            tenant=self._tenant,
        )

    async def extend(
        self, job_id: str, more: Budget, idempotency: Idempotency | None = None, *, most: int | None = None
    ) -> JobRecord | None:
        if not await self._owns(job_id):
            return None
        quota = await self._caller.quota()
        await self._within_units(quota)
        try:
            return await self._store.extend(job_id, more, self._own(idempotency), most=quota.jobs)
        except TooManyJobs:
            raise too_many_jobs(self._caller.jobs(quota.jobs or 0, quota.jobs or 0)) from None

    async def resume(self, job_id: str, *, most: int | None = None) -> JobRecord | None:
        if not await self._owns(job_id):
            return None
        quota = await self._caller.quota()
        try:
            return await self._store.resume(job_id, most=quota.jobs)
        except TooManyJobs:
            raise too_many_jobs(self._caller.jobs(quota.jobs or 0, quota.jobs or 0)) from None

    async def delete(self, job_id: str) -> bool:
        return await self._owns(job_id) and await self._store.delete(job_id)

    async def request_cancel(self, job_id: str) -> JobRecord | None:
        return await self._store.request_cancel(job_id) if await self._owns(job_id) else None

    # --- what belongs to a job ----------------------------------------------------------------------------------------
    async def events(self, job_id: str, *, after: int, limit: int, types: frozenset[str] | None = None) -> list[Event]:
        if not await self._owns(job_id):
            return []
        return await self._store.events(job_id, after=after, limit=limit, types=types)

    async def wait(self, job_id: str, *, after: int, timeout: float) -> bool:
        return await self._owns(job_id) and await self._store.wait(job_id, after=after, timeout=timeout)

    async def ledger(self, job_id: str, *, after: int, limit: int) -> list[LedgerRow]:
        return await self._store.ledger(job_id, after=after, limit=limit) if await self._owns(job_id) else []

    async def observe(self, job_id: str, posted: Posted) -> Taken | None:
        return await self._store.observe(job_id, posted) if await self._owns(job_id) else None

    async def observations(self, job_id: str, *, start: int, limit: int) -> Heard:
        if not await self._owns(job_id):
            return Heard([], last=False)
        return await self._store.observations(job_id, start=start, limit=limit)

    async def wait_for_observations(self, job_id: str, *, after: int, timeout: float) -> bool:
        mine = await self._owns(job_id)
        return mine and await self._store.wait_for_observations(job_id, after=after, timeout=timeout)

    # --- sums ---------------------------------------------------------------------------------------------------------
    async def usage(self, days: int, tenant: str | None = None) -> list[DayUsage]:
        return await self._store.usage(days, tenant if self._caller.operator else self._tenant)

    async def spent_today(self, tenant: str) -> tuple[float, float]:
        return await self._store.spent_today(self._tenant)

    async def live(self, tenant: str) -> int:
        return await self._store.live(self._tenant)

    async def tenant_of(self, job_id: str) -> str | None:
        return self._tenant if await self._owns(job_id) else None

    # --- the service's own, which tells nothing of anybody's jobs -----------------------------------------------------
    async def promises(self) -> Promised:
        """Of all tenants: they promise parts of one pool."""
        return await self._store.promises()

    async def tally(self, more: Mapping[str, float]) -> None:
        await self._store.tally(more)

    async def tallied(self) -> dict[str, float]:
        return await self._store.tallied()

    async def census(self) -> dict[str, int]:
        return await self._store.census()

    async def ping(self) -> None:
        await self._store.ping()

    async def open(self) -> None:
        await self._store.open()

    async def close(self) -> None:
        """The store is everybody's: whoever opened it closes it."""

    def _own(self, idempotency: Idempotency | None) -> Idempotency | None:
        """Under a name that no other tenant can send: headers hold no line break."""
        if idempotency is None or self._tenant == DEFAULT:
            return idempotency
        return Idempotency(f"{self._tenant}\n{idempotency.key}", idempotency.body)

    async def _within_units(self, quota: Quota) -> None:
        if quota.units is not None:
            limit = self._caller.units(quota.units, *await self._store.spent_today(self._tenant))
            if limit.left == 0:
                raise too_many_units(limit)
