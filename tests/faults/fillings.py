"""What is filled up: the memory of the store, the disk of the artifacts."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from .service import Service
from .strikes import in_flight
from .trial import Hit, Scene

FULL = 8.0
"""Seconds for which something stays full."""

DISK = "96m"


def store_full(service: Service, scene: Scene) -> Hit:
    """No memory left for any write; then there is again."""
    before, at_work = refusals(service), in_flight(service)
    scene.harm()
    valkey(service, "CONFIG", "SET", "maxmemory", "1mb")
    try:
        time.sleep(FULL)
    finally:
        valkey(service, "CONFIG", "SET", "maxmemory", "0")
    refused = refusals(service) - before
    return Hit(
        at_work > 0 and refused > 0, f"full for {FULL:g} s, {at_work} blocks in flight, {refused} writes refused"
    )


def refusals(service: Service) -> int:
    """Writes that the store refused for want of memory."""
    lines = valkey(service, "INFO", "errorstats").splitlines()
    counts = [line.rpartition("=")[2] for line in lines if line.startswith("errorstat_OOM:")]
    return int(counts[0]) if counts else 0


def valkey(service: Service, *words: str) -> str:
    """What the store answers to a command, as text."""
    assert service.store is not None
    with redis.Redis.from_url(service.store.url) as client:
        client.response_callbacks.clear()
        reply = client.execute_command(*words)
    return reply.decode() if isinstance(reply, bytes) else str(reply)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of little room at `folder`. Raises CalledProcessError where mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "burnish-faults", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def disk_full(service: Service, scene: Scene) -> Hit:
    """Not a byte left where checkpoints and samples are written, until a write has failed, and then for a while."""
    artifacts, at_work = service.data / "artifacts", in_flight(service)
    filler, failed = artifacts / "filler", logged(service, "artifacts.full")
    scene.harm()
    try:
        fill(filler)
        deadline = time.monotonic() + 20
        while logged(service, "artifacts.full") == failed and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(FULL)
        failed = logged(service, "artifacts.full") - failed
    finally:
        filler.unlink()
    return Hit(at_work > 0 and failed > 0, f"full for over {FULL:g} s, {failed} writes failed meanwhile")


def fill(file: Path) -> None:
    """Until there is no room for another byte."""
    with file.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while True:
            out.write(bytes(4096))


def logged(service: Service, event: str) -> int:
    """How often the service's processes logged an event: Ray keeps what they print in its session's folder."""
    count = 0
    for file in service.session().glob("logs/worker-*.err"):
        with contextlib.suppress(OSError):
            count += file.read_text(errors="replace").count(f'"event": "{event}"')
    return count
