"""The twin of `RedisLibrary` in one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from burnish.wire.files import FileType, StoredFile
from burnish_workers.engine.library import FilesPage


@dataclass
class _Entry:
    """`lease`: until when somebody checks it."""

    file: StoredFile
    lease: float = 0.0
    users: dict[str, float] = field(default_factory=dict[str, float])


class MemoryLibrary:
    """`now` is the clock of leases; `signal` wakes the runner of the same process."""

    def __init__(self, now: Callable[[], float] = time.monotonic, signal: Callable[[], None] = lambda: None) -> None:
        self._now, self._signal = now, signal
        self._files: dict[tuple[FileType, str], _Entry] = {}

    async def add(self, file: StoredFile) -> StoredFile:
        key = (file.type, file.id)
        kept = self._files.get(key)
        if kept is None:
            self._files[key] = _Entry(file)
        elif kept.file.state == "rejected":
            kept.file, kept.lease = file, 0.0
        self._signal()
        return self._files[key].file

    async def get(self, type: FileType, id: str) -> StoredFile | None:
        entry = self._files.get((type, id))
        return entry.file if entry else None

    async def list(self, type: FileType, *, limit: int, after: str | None = None) -> FilesPage:
        kept = [entry.file for (kind, _), entry in reversed(self._files.items()) if kind == type]
        ids = [file.id for file in kept]
        start = ids.index(after) + 1 if after in ids else 0
        return FilesPage(kept[start : start + limit], has_more=len(kept) > start + limit)

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

    async def remove(self, type: FileType, id: str) -> bool:
        return self._files.pop((type, id), None) is not None
