"""The twin of `FileArtifacts` in one process."""

from __future__ import annotations

from burnish_workers.engine.artifact_names import checked_name, checked_prefix


class MemoryArtifacts:
    """Artifacts in a dictionary."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    async def write(self, name: str, data: bytes) -> None:
        self._data[checked_name(name)] = bytes(data)

    async def read(self, name: str) -> bytes:
        return self._data[checked_name(name)]

    async def remove(self, prefix: str) -> None:
        checked_prefix(prefix)
        self._data = {name: data for name, data in self._data.items() if not name.startswith(prefix)}

    async def owners(self) -> list[str]:
        return sorted({name.split("/")[0] for name in self._data})
