"""Our own Valkey: private, alone in its folder, gone with its parent, and it keeps what it acknowledged."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.records import Emission, JobRecord, NewEvent
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore

Make = Callable[..., JobRecord]
NOBODY: frozenset[str] = frozenset()
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc; the death signal is Linux's")


def running(pid: int) -> bool:
    """Whether this process is a Valkey that runs; a zombie that waits to be collected has no command line."""
    try:
        return b"valkey" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    deadline = time.monotonic() + 10.0
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not running(pid)


async def test_it_starts_answers_and_stops(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "data")
    with server:
        store = RedisStore(RedisLink(server.url, retries=3))
        await store.ping()
        await store.link.check_durability()
        await store.close()
        assert server.alive
        assert urlsplit(server.url).hostname == "127.0.0.1"
    assert not server.alive
    server.stop()


@linux
def test_the_password_stays_private(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "data") as server:
        password = urlsplit(server.url).password
        assert password is not None
        assert len(password) > 30
        process = Path(f"/proc/{server.pid}")
        assert password.encode() not in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        for path in (tmp_path / "data").rglob("*"):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_one_server_per_folder(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as first:
        with pytest.raises(BlockingIOError, match="another server"):
            EmbeddedValkey(tmp_path).start()
        assert first.alive
        assert first.start() is first
    with EmbeddedValkey(tmp_path) as second:
        assert second.url.split("@")[0] == first.url.split("@")[0]


def test_a_taken_port_is_an_error_with_its_log(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "a") as first:
        port = urlsplit(first.url).port
        with pytest.raises(RuntimeError, match="in use"):
            EmbeddedValkey(tmp_path / "b", port=port).start(timeout=5.0)


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, record: Make) -> None:
    server = EmbeddedValkey(tmp_path).start()
    url = server.url
    store = RedisStore(RedisLink(url, retries=30))
    await store.create(record(1))
    (job,) = await store.claim(60.0, 1, NOBODY)
    await store.emit(job.id, job.epoch, Emission((NewEvent("progress", {}),), {"status": "running"}))
    os.kill(server.pid or 0, signal.SIGKILL)

    async def restart() -> None:
        await asyncio.sleep(0.3)
        await asyncio.to_thread(server.start)

    # A runner that has the lease goes on over the outage, without a gap.
    restarting = asyncio.create_task(restart())
    assert await store.emit(job.id, job.epoch, Emission((NewEvent("progress", {}),))) == 3
    await restarting
    assert server.url == url
    kept = await store.get("job_000001")
    assert kept is not None
    assert (kept.status, kept.sequence, kept.epoch) == ("running", 3, 1)
    assert (await store.renew("job_000001", 1, 60.0)).state == "held"
    await store.close()
    server.stop()
    with EmbeddedValkey(tmp_path) as again:
        store = RedisStore(RedisLink(again.url, retries=3))
        assert await store.get("job_000001") == kept
        await store.close()


def test_it_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """The death signal belongs to a thread: a server started from a pool's thread must not die with that one."""
    server = EmbeddedValkey(tmp_path)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert server.alive
    server.stop()


PARENT = """
import os, signal, sys, time
from burnish_workers.engine.embedded_store import EmbeddedValkey
server = EmbeddedValkey(sys.argv[1]).start()
print(server.pid, flush=True)
time.sleep(60)
"""


@linux
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        try:
            assert running(pid)
            parent.send_signal(how)
            parent.wait()
            assert ends(pid)
        finally:
            parent.kill()
            if running(pid):
                os.kill(pid, signal.SIGKILL)
    with EmbeddedValkey(tmp_path) as server:  # and leaves the folder free
        assert server.alive
