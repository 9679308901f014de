"""Ends whatever is left of a service once its supervisor is gone: `python guardian.py`, stdin held by the supervisor.

The first line on stdin is the process id of the server. All its descendants are watched while their parents live: Ray's
daemons leave their sessions, rename themselves over their own environment and outlive their parents by minutes. Kept to
the standard library and run by its path.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from pathlib import Path

LOOK = 0.25
"""Seconds between two looks at who is there."""
PATIENCE = 30.0
"""Seconds after which what cannot be killed is left alone."""
QUIET = 1.0
"""Seconds without a process of the run after which it is over."""

Process = tuple[int, str]
"""Process id and start time: ids are used again."""


def table() -> dict[Process, int]:
    """All processes of this machine, with their parents' ids."""
    found: dict[Process, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError, IndexError, ValueError):
                # The name, in parentheses, may hold anything.
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] != "Z":
                    found[int(folder.name), fields[19]] = int(fields[1])
    return found


class Family:
    """The server and all that has ever descended from it, for as long as it lives."""

    def __init__(self, server: int) -> None:
        self._server, self.members = server, set[Process]()

    def look(self) -> None:
        """Add children of members, and forget the dead."""
        everybody = table()
        self.members = {process for process in self.members if process in everybody}
        ids = {self._server} | {pid for pid, _ in self.members}
        grown = True
        while grown:
            fresh = {p for p, parent in everybody.items() if (p[0] == self._server or parent in ids)} - self.members
            self.members |= fresh
            ids |= {pid for pid, _ in fresh}
            grown = bool(fresh)

    def end(self) -> None:
        """Kill until none has been seen for a while."""
        deadline = time.monotonic() + PATIENCE
        quiet = time.monotonic() + QUIET
        while time.monotonic() < min(deadline, quiet):
            self.look()
            for pid, _ in self.members:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
                quiet = time.monotonic() + QUIET
            time.sleep(0.05)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    server = sys.stdin.readline().strip()
    if not server:
        return
    family = Family(int(server))
    while not select.select([sys.stdin], [], [], LOOK)[0]:
        family.look()
    family.end()


if __name__ == "__main__":
    main()
