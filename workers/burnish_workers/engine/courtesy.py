"""Blocks wait for whoever answers users, where both are on one machine.

Ray runs all that it starts at one niceness. A front that holds thousands of streams then gets no more of a processor
than a worker that computes all day, falls behind, and its readers give up and come back, which is more work still.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

LAST = 19
"""The niceness of what may wait: on a busy processor of Linux a seventieth of the weight of ordinary processes."""

_TASKS = Path("/proc/self/task")

SERVERS = "0"
"""RAY_worker_niceness of a Ray of our own: fronts and runners run as other servers do."""


def go_last() -> None:
    """Let this process have what others leave. Threads that it starts later are started by these, and inherit it."""
    if not _TASKS.is_dir():  # no Linux: one niceness for the process
        os.nice(LAST)
        return
    for task in _TASKS.iterdir():
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.setpriority(os.PRIO_PROCESS, int(task.name), LAST)
