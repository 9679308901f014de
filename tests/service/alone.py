"""`python -m tests.service.alone ENTRIES`: a service in a process of its own, so that its memory can be watched.

It keeps its jobs in memory and has no workers: what is accepted waits. It prints its address, and ends with its input.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import structlog

from burnish_workers.engine.fleet import InlineFleet, NoSuchClass

from .harness import in_memory, serving


class Closed(InlineFleet):
    """A fleet without workers: jobs are accepted and wait."""

    async def numeric_class(self) -> str:
        raise NoSuchClass("there are no workers")

    async def start(self) -> None: ...


@dataclass(frozen=True)
class Alone:
    """One that runs."""

    url: str
    process: subprocess.Popen[str]

    @property
    def resident(self) -> float:
        """MiB."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20


@contextlib.contextmanager
def alone(entries: str) -> Iterator[Alone]:
    command = [sys.executable, "-m", "tests.service.alone", entries]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert url, "the service did not come up"
            yield Alone(url, process)
        finally:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(120)
            process.kill()


def main(entries: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    parts = in_memory(api_keys=entries)
    parts.fleet = lambda: Closed(1)
    with serving(parts) as service:
        sys.stdout.write(f"{service.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
