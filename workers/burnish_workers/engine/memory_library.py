"""The twin of `RedisLibrary` in one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from burnish.wire.files import FileType, StoredFile
from burnish_workers.engine.library import Dropped, FilesPage, TooManyBytes
from burnish_workers.engine.tenants import DEFAULT


@dataclass
class _Entry:
    """`lease`: until when somebody checks it; `owners`: the tenants that have it."""

    file: StoredFile
    lease: float = 0.0
    users: dict[str, float] = field(default_factory=dict[str, float])
    owners: set[str] = field(default_factory=set[str])


class MemoryLibrary:
    """`now` is the clock of leases; `signal` wakes the runner of the same process."""

    def __init__(self, now: Callable[[], float] = time.monotonic, signal: Callable[[], None] = lambda: None) -> None:
        self._now, self._signal = now, signal
        self._files: dict[tuple[FileType, str], _Entry] = {}
        self._order: dict[tuple[FileType, str], list[str]] = {}

    async def add(self, file: StoredFile, tenant: str = DEFAULT, *, most: int | None = None) -> StoredFile:
        key = (file.type, file.id)
        kept = self._files.get(key)
        mine = kept is not None and tenant in kept.owners
        if most is not None and not mine and (there := await self.bytes_of(tenant)) + file.bytes > most:
            raise TooManyBytes(there)
        if kept is None:
            kept = self._files[key] = _Entry(file)
        elif kept.file.state == "rejected":
            kept.file, kept.lease = file, 0.0
        if not mine:
            kept.owners.add(tenant)
            self._order.setdefault((file.type, tenant), []).append(file.id)
        self._signal()
        return kept.file

    async def get(self, type: FileType, id: str) -> StoredFile | None:
        entry = self._files.get((type, id))
        return entry.file if entry else None

    async def has(self, type: FileType, id: str, tenant: str) -> bool:
        entry = self._files.get((type, id))
        return entry is not None and tenant in entry.owners

    async def bytes_of(self, tenant: str) -> int:
        return sum(entry.file.bytes for entry in self._files.values() if tenant in entry.owners)

    async def list(self, type: FileType, *, limit: int, after: str | None = None, tenant: str = DEFAULT) -> FilesPage:
        ids = self._order.get((type, tenant), [])[::-1]
        start = ids.index(after) + 1 if after in ids else 0
        found = [self._files[type, id].file for id in ids[start : start + limit]]
        return FilesPage(found, has_more=len(ids) > start + limit)

    async def to_check(self, lease: float) -> StoredFile | None:
        for entry in self._files.values():
            if entry.file.state == "checking" and entry.lease <= self._now():
                entry.lease = self._now() + lease
                return entry.file
        return None

    async def settle(self, file: StoredFile) -> None:
        entry = self._files.get((file.type, file.id))
        if entry is not None and entry.file.state == "checking":
            entry.file = file

    async def use(self, type: FileType, id: str, job_id: str) -> bool:
        entry = self._files.get((type, id))
        if entry is not None:
            entry.users[job_id] = self._now()
        return entry is not None

    async def unuse(self, type: FileType, id: str, job_id: str) -> None:
        entry = self._files.get((type, id))
        if entry is not None:
            entry.users.pop(job_id, None)

    async def users(self, type: FileType, id: str) -> dict[str, float]:
        entry = self._files.get((type, id))
        return {job: self._now() - since for job, since in entry.users.items()} if entry else {}

    async def drop(self, type: FileType, id: str, tenant: str = DEFAULT) -> Dropped:
        entry = self._files.get((type, id))
        if entry is None or tenant not in entry.owners:
            return "missing"
        entry.owners.remove(tenant)
        self._order[type, tenant].remove(id)
        if entry.owners:
            return "shared"
        del self._files[type, id]
        return "gone"

    async def remove(self, type: FileType, id: str) -> bool:
        entry = self._files.pop((type, id), None)
        for tenant in entry.owners if entry else ():
            self._order[type, tenant].remove(id)
        return entry is not None
