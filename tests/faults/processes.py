"""Finding processes of a service by their titles, and freezing them for a look before they are killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable

import psutil

WORKER = "ray::BlockWorker"
BUSY_WORKER = "ray::BlockWorker.run"
RUNNER = "ray::ServeReplica:burnish:Runner"
FRONT = "ray::ServeReplica:burnish:Front"
CONTROLLER = "ray::ServeController"


def family(*roots: int) -> list[psutil.Process]:
    """These processes and all that descend from them."""
    found: dict[int, psutil.Process] = {}
    for pid in roots:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            found |= {each.pid: each for each in (process, *process.children(recursive=True))}
    return list(found.values())


def titled(processes: Iterable[psutil.Process], title: str) -> list[psutil.Process]:
    """Those whose command line begins with a title; Ray names its workers after what they do."""
    found: list[psutil.Process] = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if " ".join(process.cmdline()).startswith(title):
                found.append(process)
    return found


def named(processes: Iterable[psutil.Process], name: str) -> list[psutil.Process]:
    """Those of an executable."""
    found: list[psutil.Process] = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.name() == name:
                found.append(process)
    return found


def title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def freeze(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(signal.SIGSTOP)


def thaw(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(signal.SIGCONT)


def kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def connections(process: psutil.Process) -> int:
    """Established TCP connections."""
    with contextlib.suppress(psutil.Error):
        return sum(each.status == psutil.CONN_ESTABLISHED for each in process.net_connections("tcp"))
    return 0


def gone(processes: list[psutil.Process], seconds: float = 20.0) -> list[psutil.Process]:
    """Those that are still there after so many seconds."""
    _, left = psutil.wait_procs(processes, timeout=seconds)
    return left


def caught(candidates: Callable[[], list[psutil.Process]], busy: Callable[[psutil.Process], bool], seconds: float = 10):
    """A process that was busy when it was frozen, and still is frozen; None when none was within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for process in candidates():
            freeze(process)
            if busy(process):
                return process
            thaw(process)
        time.sleep(0.003)
    return None


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
