"""Artifacts as files below one folder, which several machines may share."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from pathlib import Path
from secrets import token_hex

import structlog

from burnish_workers.engine.artifact_names import checked_name, checked_prefix
from burnish_workers.engine.records import StoreUnavailable

log = structlog.get_logger()

_PARTIAL = ".partial"  # no artifact's name begins with a dot
_FORGOTTEN = 3600.0
_AGAIN = 0.5
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class FileArtifacts:
    """Each artifact is one file, renamed into place once it is whole and on disk. A name cannot also be a folder.

    `patience`: seconds for which a write waits for room on a full disk before it raises StoreUnavailable. Runners can
    wait for an operator to make some; a front, which has to answer, cannot.
    """

    def __init__(self, root: Path | str, patience: float = 30.0) -> None:
        self._root, self._patience = Path(root).resolve(), patience
        self._partial = self._root / _PARTIAL
        self._partial.mkdir(parents=True, exist_ok=True)
        self._sweep()

    async def write(self, name: str, data: bytes) -> None:
        path, deadline = self._root / checked_name(name), time.monotonic() + self._patience
        while True:
            try:
                return await asyncio.to_thread(self._write, path, data)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                log.warning("artifacts.full", root=str(self._root), name=name, bytes=len(data), why=str(error))
                if time.monotonic() > deadline:
                    what = f"{len(data)} bytes of {name} below {self._root}"
                    raise StoreUnavailable(f"no room for {what}: {error.strerror}; make some") from error
            await asyncio.sleep(_AGAIN)

    async def read(self, name: str) -> bytes:
        path = self._root / checked_name(name)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise KeyError(name) from None

    async def remove(self, prefix: str) -> None:
        await asyncio.to_thread(self._remove, checked_prefix(prefix))

    async def owners(self) -> list[str]:
        return await asyncio.to_thread(self._owners)

    def _owners(self) -> list[str]:
        there = (path for path in self._root.iterdir() if path.name != _PARTIAL)
        # Empty folders are left by removals.
        return sorted(path.name for path in there if path.is_file() or any(not p.is_dir() for p in path.rglob("*")))

    def _write(self, path: Path, data: bytes) -> None:
        partial = self._partial / token_hex(16)
        try:
            with partial.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._make(path.parent)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        _sync(path.parent)

    def _make(self, folder: Path) -> None:
        """Create a folder below the root, durably: a file is lost if the entry of its folder is."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)

    def _remove(self, prefix: str) -> None:
        folder, _, beginning = prefix.rpartition("/")
        for path in (self._root / folder).glob(f"{beginning}*"):
            if path.name == _PARTIAL:
                continue
            for file in [path, *path.rglob("*")]:
                if not file.is_dir():
                    file.unlink(missing_ok=True)
            # Empty folders stay: removing one could break a write that has just created it.

    def _sweep(self) -> None:
        """Drop what writers that were killed left half-written."""
        for path in self._partial.iterdir():
            try:
                if path.stat().st_mtime < time.time() - _FORGOTTEN:
                    path.unlink()
            except FileNotFoundError:
                pass


def _sync(folder: Path) -> None:
    """Put the entries of a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
