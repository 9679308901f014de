"""Streaming clients: each follows one job over as many connections as it takes, and notes what it should not have seen.

They speak plain HTTP, so that nothing stands between the service and what is noted: every event that a connection
brings must be the next one after that which the client named when it connected.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2

from burnish.wire import TERMINAL_EVENTS

PAUSE = 0.5
"""Seconds between two connections, as the service's `retry:` asks."""

SILENCE = 10.0
"""Seconds without a byte, a heartbeat included, after which a client connects anew."""

BROKEN = (httpx2.RequestError, httpx2.StreamError, OSError)


@dataclass
class Reader:
    """One client. `seen`: sequence numbers as they came; `heard`: when a byte came last; `gap`: the longest silence;
    `connections` that were accepted; `refused`: answers other than 200, by status; `wrong`: events out of turn."""

    job: str
    seen: list[int] = field(default_factory=list[int])
    heard: float = field(default_factory=time.monotonic)
    gap: float = 0.0
    connections: int = 0
    refused: dict[int, int] = field(default_factory=dict[int, int])
    wrong: list[str] = field(default_factory=list[str])
    ended: bool = False

    async def follow(self, http: httpx2.AsyncClient) -> None:
        """Until the terminal event."""
        while not self.ended:
            with contextlib.suppress(*BROKEN):
                await self._connect(http)
            if not self.ended:
                await asyncio.sleep(PAUSE)

    async def _connect(self, http: httpx2.AsyncClient) -> None:
        after = self.seen[-1] if self.seen else 0
        headers = {"accept": "text/event-stream", "last-event-id": str(after)}
        async with http.stream("GET", f"/v1/jobs/{self.job}/events", headers=headers) as reply:
            if reply.status_code != 200:
                self.refused[reply.status_code] = self.refused.get(reply.status_code, 0) + 1
                return
            self.connections += 1
            async for name, number in self._events(reply):
                if number != after + 1:
                    self.wrong.append(f"event {number} of {self.job} came after {after}")
                self.seen.append(number)
                after = number
                if name in TERMINAL_EVENTS:
                    self.ended = True
                    return

    async def _events(self, reply: httpx2.Response) -> AsyncIterator[tuple[str, int]]:
        """Name and number of each whole event; one that was cut off before its empty line is none."""
        name, number, data = "", 0, ""
        async for line in reply.aiter_lines():
            self._hear()
            match line.partition(": ")[::2]:
                case ("event", text):
                    name = text
                case ("id", text):
                    number = int(text)
                case ("data", text):
                    data = text
                case ("", ""):
                    if data:
                        json.loads(data)  # whole, and not two that were mixed up
                        yield name, number
                    name, number, data = "", 0, ""

    def _hear(self) -> None:
        now = time.monotonic()
        self.gap, self.heard = max(self.gap, now - self.heard), now


def client(url: str) -> httpx2.AsyncClient:
    """Connections for any number of readers."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx2.AsyncClient(base_url=url, timeout=httpx2.Timeout(5.0, read=SILENCE), limits=limits)
