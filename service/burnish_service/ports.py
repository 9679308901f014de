"""A port for one service alone: HAProxy shares a port with whoever listens there, and requests would be dealt between
two services without a word."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 5.0
"""Seconds for which what a killed service left behind may still listen."""


class PortTaken(RuntimeError):
    """Something listens there."""


@contextlib.contextmanager
def claimed(host: str, port: int) -> Iterator[int]:
    """Hold a port, or any free one for 0, against other services of this machine. Raises PortTaken.

    The lock goes with the process, so that a file left behind by a dead one is in nobody's way.
    """
    with contextlib.ExitStack() as held:
        yield _given(host, port, held) if port else _free(host, held)


def _given(host: str, port: int, held: contextlib.ExitStack) -> int:
    deadline = time.monotonic() + PATIENCE
    while not (_locked(port, held) and _unheard(host, port)):
        if time.monotonic() > deadline:
            raise PortTaken(f"port {port} of {host} is in use; stop what listens there, or choose another --port")
        time.sleep(0.1)
    return port


def _free(host: str, held: contextlib.ExitStack) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if _locked(port, held):
            return port


def _locked(port: int, held: contextlib.ExitStack) -> bool:
    file = Path(tempfile.gettempdir()) / f"burnish-port-{port}.lock"
    try:
        lock = file.open("a")
    except PermissionError:
        return True  # another user's: whether somebody listens is all that can be found out
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    held.enter_context(lock)
    return True


def _unheard(host: str, port: int) -> bool:
    """Whether nobody listens: binding without SO_REUSEPORT fails where somebody does, whatever he allows."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
