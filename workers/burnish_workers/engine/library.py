"""Port: what is known of uploaded files (models and arrays). Their bytes live with the artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from burnish.wire.files import PREFIX, FileType, StoredFile
from burnish_workers.engine.tenants import DEFAULT


@dataclass(frozen=True)
class FilesPage:
    files: list[StoredFile]
    has_more: bool


def artifact_of(type: FileType, id: str) -> str:
    """The name under which the bytes of an upload are kept."""
    return f"{type}s/{id.removeprefix(PREFIX)}"


def user_of(tenant: str, job_id: str) -> str:
    """The name under which a job is noted as a user of a file; it says whose job it is."""
    return job_id if tenant == DEFAULT else f"{tenant}/{job_id}"


Dropped = Literal["gone", "shared", "missing"]
"""What became of a file: nobody has it any more; others still do; there was none."""


class TooManyBytes(Exception):
    """The uploads of the tenant would be larger than they may. `kept`: bytes that there are."""

    def __init__(self, kept: int):
        super().__init__(f"{kept} bytes are kept")
        self.kept = kept


class Files(Protocol):
    """Where a file is found. All methods raise `StoreUnavailable` when the store cannot be reached in its retries."""

    async def get(self, type: FileType, id: str) -> StoredFile | None: ...


class Shelf(Files, Protocol):
    """The files of one tenant, as its requests see them."""

    async def add(self, file: StoredFile) -> StoredFile: ...

    async def list(self, type: FileType, *, limit: int, after: str | None = None) -> FilesPage: ...

    async def use(self, type: FileType, id: str, job_id: str) -> bool: ...

    async def unuse(self, type: FileType, id: str, job_id: str) -> None: ...

    async def users(self, type: FileType, id: str) -> dict[str, float]: ...

    async def drop(self, type: FileType, id: str) -> Dropped: ...


class Library(Files, Protocol):
    """The files of all tenants. Bytes that several have sent are kept once; each sees them as its own."""

    async def add(self, file: StoredFile, tenant: str = DEFAULT, *, most: int | None = None) -> StoredFile:
        """Keep it for a tenant, durable when this returns, and give back what is kept then.

        What is there already stays as it is, but for a rejected model: that one is checked again. A model in
        `checking` wakes the runners. `most`: bytes that the tenant may have; raises TooManyBytes.
        """
        ...

    async def has(self, type: FileType, id: str, tenant: str) -> bool:
        """Whether the tenant has this file."""
        ...

    async def bytes_of(self, tenant: str) -> int:
        """How many bytes of uploads a tenant has, those of before there were tenants not counted."""
        ...

    async def list(self, type: FileType, *, limit: int, after: str | None = None, tenant: str = DEFAULT) -> FilesPage:
        """Newest first; `after` is the id of the last file of the page before."""
        ...

    async def drop(self, type: FileType, id: str, tenant: str = DEFAULT) -> Dropped:
        """Take it from a tenant; it is removed when nobody else has it."""
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
        """Forget it, whose it may be; False when there is no such file."""
        ...
