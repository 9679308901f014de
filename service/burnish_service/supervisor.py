"""`burnish-server serve` as one thing: whatever happens to it, nothing that it started stays.

    supervisor (what the user started) -> server (a session of its own) -> store, Ray, Serve, workers
               `-> guardian: waits for the supervisor's end, then kills what is left

Signals reach the supervisor alone, also Ctrl-C and those to its whole process group; it passes them on to the server,
which ends in good order. (Were they to reach Ray's daemons first, the server would wait 40 s for their answers.)
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

from burnish_service import guardian
from burnish_service.settings import Settings

AGAIN = 75
"""The exit code of a server that did not come up for want of time, and may at the next try."""

TRIES = 3

STOPPING = 30.0
"""Seconds that the server has to end in good order."""

HERE = "serve-here"
"""The command under which the server itself runs."""


class AlreadyServing(RuntimeError):
    """Another server keeps its data in this folder."""


def supervise(settings: Settings, command: Sequence[str] = (sys.executable, "-m", "burnish_service", HERE)) -> int:
    """Serve until a signal. Returns the exit code of the server, `command`, which reads the settings from its input:
    with the store's password in them, they have no place on a command line. One that ends with AGAIN is started anew.
    Raises AlreadyServing."""
    with _claimed(settings.data_dir, f"http://{settings.host}:{settings.port}"):
        code = AGAIN
        for _ in range(TRIES):
            code = _watched(command, settings.model_dump_json())
            if code != AGAIN:
                break
        return code


def _watched(command: Sequence[str], settings: str) -> int:
    """Serve; what the server leaves behind is ended."""
    watcher = _guardian()
    assert watcher.stdin is not None
    try:
        return _serve(command, settings, watcher.stdin)
    finally:
        watcher.stdin.close()
        watcher.wait()


def _serve(command: Sequence[str], settings: str, watcher: IO[bytes]) -> int:
    server = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    watcher.write(f"{server.pid}\n".encode())
    watcher.flush()
    assert server.stdin is not None
    with contextlib.suppress(BrokenPipeError), server.stdin:  # it may have ended already: its code says why
        server.stdin.write(settings.encode())
    asked: list[float] = []

    def stop(number: int, frame: FrameType | None) -> None:
        asked.append(time.monotonic())
        server.terminate()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        while True:
            try:
                return server.wait(timeout=1.0)
            except subprocess.TimeoutExpired:
                if asked and time.monotonic() > asked[0] + STOPPING:
                    sys.stderr.write(f"the server did not end within {STOPPING:g} s and was killed\n")
                    server.kill()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _guardian() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", str(Path(guardian.__file__))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)


@contextlib.contextmanager
def _claimed(folder: Path, address: str) -> Iterator[None]:
    """Hold the folder; the lock goes with the process, so that a file left behind by a dead one misleads nobody."""
    folder.mkdir(parents=True, exist_ok=True)
    about = folder / "serve.json"
    with (folder / "serve.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyServing(_already(folder, about)) from None
        about.write_text(json.dumps({"pid": os.getpid(), "address": address, "since": time.time()}))
        try:
            yield
        finally:
            about.unlink(missing_ok=True)


def _already(folder: Path, about: Path) -> str:
    try:
        found = json.loads(about.read_text())
        where = f"{found['address']} (process {found['pid']})"
    except (OSError, ValueError, KeyError):
        where = "an address that it has not told yet"
    return f"a server with its data in {folder} runs already, on {where}; stop it, or choose another --data-dir"
