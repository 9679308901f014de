"""Port: where large things live (checkpoints, samples, models). Names are paths such as `job_1/checkpoint-64-2.npz`."""

from __future__ import annotations

from typing import Protocol


class Artifacts(Protocol):
    async def write(self, name: str, data: bytes) -> None:
        """Store `data` whole under `name`, durable when this returns; a reader never sees half of it.

        Raises StoreUnavailable when there is no room for it.
        """
        ...

    async def read(self, name: str) -> bytes:
        """The bytes stored under `name`; raises KeyError when there is none."""
        ...

    async def remove(self, prefix: str) -> None:
        """Drop everything whose name starts with `prefix`."""
        ...

    async def owners(self) -> list[str]:
        """First words of the names there are, each once, sorted; such as the jobs that have files."""
        ...
