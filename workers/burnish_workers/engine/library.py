"""Port: what is known of uploaded files (models and arrays). Their bytes live with the artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from burnish.wire.files import PREFIX, FileType, StoredFile


@dataclass(frozen=True)
class FilesPage:
    files: list[StoredFile]
    has_more: bool


def artifact_of(type: FileType, id: str) -> str:
    """The name under which the bytes of an upload are kept."""
    return f"{type}s/{id.removeprefix(PREFIX)}"


class Library(Protocol):
    """All methods raise `StoreUnavailable` when the store cannot be reached within its retries."""

    async def add(self, file: StoredFile) -> StoredFile:
        """Keep it, durable when this returns, and give back what is kept then.

        What is there already stays as it is, but for a rejected model: that one is checked again. A model in
        `checking` wakes the runners.
        """
        ...

    async def get(self, type: FileType, id: str) -> StoredFile | None: ...

    async def list(self, type: FileType, *, limit: int, after: str | None = None) -> FilesPage:
        """Newest first; `after` is the id of the last file of the page before."""
        ...

    async def to_check(self, lease: float) -> StoredFile | None:
        """Take a model in `checking` that nobody checks now, for `lease` seconds by the store's own clock."""
        ...

    async def settle(self, file: StoredFile) -> None:
        """Replace a model in `checking` by its verdict; nothing if it was removed or settled meanwhile."""
        ...

    async def use(self, type: FileType, id: str, job_id: str) -> bool:
        """Note that a job names this file, so that it is not removed; False when there is no such file."""
        ...

    async def unuse(self, type: FileType, id: str, job_id: str) -> None: ...

    async def users(self, type: FileType, id: str) -> dict[str, float]:
        """Ids of the jobs that name it, and how many seconds ago each began to."""
        ...

    async def remove(self, type: FileType, id: str) -> bool:
        """Forget it; False when there is no such file."""
        ...
