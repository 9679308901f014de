"""Retention: what an operator wants removed after some days, and what nobody can reach any more.

Run by the runner that leads. A live job is never removed: the store refuses it in the same script that would delete it,
so that one that is extended at this moment stays. An upload that a job names stays as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from burnish.wire.files import FileType
from burnish_workers.core.registry import Registry
from burnish_workers.engine.app import App
from burnish_workers.engine.encoding import rfc3339
from burnish_workers.engine.ids import JOB
from burnish_workers.engine.ports import Ports
from burnish_workers.engine.records import JobRecord, StillLive, StoreUnavailable
from burnish_workers.engine.refusals import Refusal
from burnish_workers.engine.uploads import Uploads

log = structlog.get_logger()

DAY = 86_400.0
EVERY = 3_600.0
"""Seconds between two sweeps."""

_PAGE = 200


@dataclass(frozen=True)
class Retention:
    """Days: of jobs after their end, of models and arrays after their upload while no job names them, of what is told
    of deliveries of webhooks after they are settled; 0: for ever."""

    jobs: float = 0.0
    models: float = 0.0
    arrays: float = 0.0
    deliveries: float = 0.0


class Janitor:
    """`leads`: whether this runner is the one to sweep."""

    def __init__(self, registry: Registry, ports: Ports, retention: Retention, leads: Callable[[], bool]):
        self._ports, self._retention, self._leads = ports, retention, leads
        uploads = Uploads(ports.library, ports.artifacts, ports.store, ports.clock)
        self._app = App(registry, ports.store, uploads, ports.clock)

    async def run(self) -> None:
        """Sweep every hour, for ever. What cannot be removed now is met again by the next sweep."""
        while True:
            await self._ports.clock.sleep(EVERY)
            if not self._leads():
                continue
            try:
                await self.sweep()
            except StoreUnavailable as error:
                log.warning("store.unavailable", why=str(error))
            except Exception:
                log.exception("janitor.broken")  # no reason to stop conducting jobs

    async def sweep(self) -> dict[str, int]:
        """Remove what is due, and count it: `jobs`, `models`, `arrays`, `deliveries` where those are ever removed, and
        `orphans`, folders of jobs that are gone."""
        removed = {"jobs": await self._jobs(self._retention.jobs)}
        removed["models"] = await self._uploads("model", self._retention.models)
        removed["arrays"] = await self._uploads("array", self._retention.arrays)
        if self._retention.deliveries:
            removed["deliveries"] = await self._ports.store.webhooks.sweep(self._retention.deliveries * DAY)
        removed["orphans"] = await self._orphans()
        if any(removed.values()):
            log.info("janitor.swept", **removed)
            await self._ports.store.tally({f"removed|{what}": float(many) for what, many in removed.items() if many})
        return removed

    async def _jobs(self, days: float) -> int:
        if not days:
            return 0
        before, count = self._before(days), 0
        async for record in self._records():
            if record.done and (record.finished_at or record.created_at) < before:
                with contextlib.suppress(StillLive, Refusal):  # gone on, or removed by its user, since it was listed
                    await self._app.forget(record.id)
                    count += 1
        return count

    async def _records(self) -> AsyncIterator[JobRecord]:
        """All jobs, newest first."""
        after: str | None = None
        while True:
            page = await self._ports.store.list(limit=_PAGE, after=after, canaries=True)
            for record in page.records:
                yield record
            if not page.has_more:
                return
            after = page.records[-1].id

    async def _uploads(self, type: FileType, days: float) -> int:
        if not days:
            return 0
        before, count, after = self._before(days), 0, None
        while True:
            page = await self._ports.library.list(type, limit=_PAGE, after=after)
            # The next page begins after one that stays, since what is removed has no place in the order any more.
            for file in page.files:
                if file.created_at >= before or file.state == "checking" or not await self._removed(type, file.id):
                    after = file.id
                else:
                    count += 1
            if not page.has_more:
                return count

    async def _removed(self, type: FileType, id: str) -> bool:
        try:
            await self._app.uploads.delete(type, id)
        except Refusal:  # a job names it, or its user has just removed it
            return False
        return True

    async def _orphans(self) -> int:
        """Files of jobs that are gone: whoever removed the job died before it removed them."""
        count = 0
        for owner in await self._ports.artifacts.owners():
            if owner.startswith(JOB) and await self._ports.store.get(owner) is None:
                await self._ports.artifacts.remove(f"{owner}/")
                count += 1
        return count

    def _before(self, days: float) -> str:
        """The moment so many days ago, as records write it."""
        now = datetime.fromisoformat(self._ports.clock.now())
        return rfc3339((now - timedelta(days=days)).timestamp())
