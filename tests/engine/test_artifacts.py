"""Both keepers of artifacts."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from pathlib import Path

import pytest

from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.file_artifacts import FileArtifacts
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.records import StoreUnavailable


@pytest.fixture(params=["memory", "files"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    return MemoryArtifacts() if request.param == "memory" else FileArtifacts(tmp_path / "artifacts")


async def test_what_was_written_is_read(artifacts: Artifacts) -> None:
    await artifacts.write("job_1/checkpoint-64-2.npz", b"\x00\xff" * 1000)
    await artifacts.write("models/ab/cd.pt2", b"")
    assert await artifacts.read("job_1/checkpoint-64-2.npz") == b"\x00\xff" * 1000
    assert await artifacts.read("models/ab/cd.pt2") == b""
    await artifacts.write("job_1/checkpoint-64-2.npz", b"new")
    assert await artifacts.read("job_1/checkpoint-64-2.npz") == b"new"


async def test_what_is_not_there_is_a_key_error(artifacts: Artifacts) -> None:
    await artifacts.write("job_1/a", b"a")
    for name in ("job_2/a", "job_1/b", "job_1", "job_1/a/b"):
        with pytest.raises(KeyError, match=name):
            await artifacts.read(name)


async def test_remove_takes_what_begins_so(artifacts: Artifacts) -> None:
    names = ["job_1/a-1", "job_1/a-2", "job_1/b", "job_10/a-1", "job_2/deep/down/c"]
    for name in names:
        await artifacts.write(name, name.encode())

    async def left() -> list[str]:
        found: list[str] = []
        for name in names:
            try:
                await artifacts.read(name)
            except KeyError:
                continue
            found.append(name)
        return found

    await artifacts.remove("job_1/a")
    assert await left() == ["job_1/b", "job_10/a-1", "job_2/deep/down/c"]
    await artifacts.remove("job_1")
    assert await left() == ["job_2/deep/down/c"]
    await artifacts.remove("job_3/nothing")
    await artifacts.remove("job_2/")
    assert await left() == []


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../up", "a/../../up", "a/..", ".", "..", "a//b", "a/", ".hidden", "a/.b", "a b", "a\n", "a*",
     "a\\b", "a\x00", "ä", "x" * 300, "a/" * 600 + "a"],
)  # fmt: skip
async def test_names_that_lead_elsewhere_are_refused(artifacts: Artifacts, name: str) -> None:
    with pytest.raises(ValueError, match="artifact"):
        await artifacts.write(name, b"")
    with pytest.raises(ValueError, match="artifact"):
        await artifacts.read(name)
    if name != "a/":  # a fine prefix
        with pytest.raises(ValueError, match="artifact"):
            await artifacts.remove(name)


async def test_readers_never_see_half(artifacts: Artifacts) -> None:
    await artifacts.write("big", b"0" * 1_000_000)

    async def write() -> None:
        for number in range(20):
            await artifacts.write("big", str(number % 10).encode() * 1_000_000)

    writers = [asyncio.create_task(write()) for _ in range(3)]
    while not all(writer.done() for writer in writers):
        data = await artifacts.read("big")
        assert (len(data), len(set(data))) == (1_000_000, 1)
        await asyncio.sleep(0)
    await asyncio.gather(*writers)


async def test_a_killed_writer_leaves_nothing_for_long(tmp_path: Path) -> None:
    artifacts = FileArtifacts(tmp_path)
    await artifacts.write("a", b"a")
    old, young = tmp_path / ".partial" / "old", tmp_path / ".partial" / "young"
    for left in (old, young):
        left.write_bytes(b"half")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    again = FileArtifacts(tmp_path)
    assert not old.exists()
    assert young.exists()  # perhaps another process is about to rename it
    assert await again.read("a") == b"a"


async def test_a_full_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk has no room at the first two tries; what is written then is whole, and no scraps take up the room."""
    artifacts, sync, tries = FileArtifacts(tmp_path), os.fsync, iter([errno.ENOSPC, errno.EDQUOT])

    def no_room(descriptor: int) -> None:
        if (number := next(tries, None)) is not None:
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", no_room)
    await artifacts.write("job_1/a", b"whole")
    assert await artifacts.read("job_1/a") == b"whole"
    assert not list((tmp_path / ".partial").iterdir())


@pytest.mark.parametrize(("number", "raised"), [(errno.ENOSPC, StoreUnavailable), (errno.EACCES, PermissionError)])
async def test_a_disk_that_stays_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raised: type[Exception]
) -> None:
    artifacts = FileArtifacts(tmp_path, patience=0.1)

    def no_room(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(raised, match=os.strerror(number)):
        await artifacts.write("job_1/a", b"whole")
    with pytest.raises(KeyError):
        await artifacts.read("job_1/a")
