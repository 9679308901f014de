"""Server-sent events as a load test reads them: one connection, lines, and how late each event came."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

TERMINAL = frozenset({"completed", "failed", "crashed", "cancelled"})


@dataclass(frozen=True)
class Seen:
    """An event; `lag`: milliseconds from the time that it carries to its arrival."""

    sequence: int
    type: str
    data: dict[str, Any]
    lag: float


class Stream:
    """The events of a job after `after`. Iterating ends with the connection; `with` closes it."""

    def __init__(self, base: str, job: str, after: int = 0, timeout: float = 40.0):
        where = urlsplit(base)
        self._connection = http.client.HTTPConnection(where.hostname or "127.0.0.1", where.port, timeout=timeout)
        headers = {"accept": "text/event-stream", "last-event-id": str(after)}
        self._connection.request("GET", f"/v1/jobs/{job}/events", headers=headers)
        self._reply = self._connection.getresponse()
        if self._reply.status != 200:
            raise ConnectionError(f"HTTP {self._reply.status}: {self._reply.read(300)!r}")

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def slowly(self, size: int, pause: float, seconds: float) -> int:
        """Read so many bytes, pause, again, for so long: a reader that does not keep up. Bytes read."""
        read, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            piece = self._reply.read1(size)
            if not piece:
                break
            read += len(piece)
            time.sleep(pause)
        return read

    def __iter__(self) -> Iterator[Seen]:
        fields: dict[str, str] = {}
        for line in self._reply:
            name, _, value = line.decode().rstrip("\r\n").partition(":")
            if name:
                fields[name] = value.strip()
            elif "data" in fields and "event" in fields:
                data = json.loads(fields["data"])
                lag = 1e3 * (datetime.now(UTC) - datetime.fromisoformat(data["at"])).total_seconds()
                yield Seen(int(fields["id"]), fields["event"], data, lag)
                fields = {}
