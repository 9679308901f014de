"""Readers of streams that are cut and resumed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2

from burnish import Burnish


@dataclass
class Reader:
    """One who reads a job's stream, resumes where it was cut, and writes down what it saw, until the job has ended.

    `odd`: answers that are neither the stream nor a 503 that says when to come back.
    """

    url: str
    job: str
    key: str = ""
    seen: list[int] = field(default_factory=list[int])
    odd: list[str] = field(default_factory=list[str])
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        while not self.stopped.is_set():
            with contextlib.suppress(httpx2.TransportError):
                if self._ended():
                    return
            self.stopped.wait(0.2)

    def _ended(self) -> bool:
        headers = {"accept": "text/event-stream", "last-event-id": str(self.seen[-1] if self.seen else 0)}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        path = f"{self.url}/v1/jobs/{self.job}/events"
        with httpx2.stream("GET", path, headers=headers, timeout=30) as reply:
            if reply.status_code == 200:
                self.connections += 1
            elif reply.status_code != 204 and (reply.status_code, "retry-after" in reply.headers) != (503, True):
                self.odd.append(f"{reply.status_code} {reply.read()[:200]!r}")
            for line in reply.iter_lines():
                if self.stopped.is_set():
                    break
                if line.startswith("id:"):
                    self.seen.append(int(line[3:]))
        return reply.status_code == 204


@contextlib.contextmanager
def reading(url: str, jobs: list[str], key: str = "") -> Iterator[list[tuple[Reader, threading.Thread]]]:
    """Readers that outlive no test, whatever becomes of it."""
    readers = [Reader(url, job, key) for job in jobs]
    threads = [threading.Thread(target=reader.follow, daemon=True) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        yield list(zip(readers, threads, strict=True))
    finally:
        for reader in readers:
            reader.stopped.set()
        for thread in threads:
            thread.join(40)


def saw_each_event_once(client: Burnish, reader: Reader, thread: threading.Thread, odd: bool = False) -> None:
    """`odd`: whether it may have been told something else meanwhile, as by a proxy that is just starting."""
    thread.join(30)
    assert not thread.is_alive()
    assert odd or not reader.odd
    assert reader.connections > 1, "the stream was not cut"
    assert reader.seen == [event.sequence for event in client.events(reader.job, limit=1000)]
