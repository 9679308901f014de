"""Server-sent events -> Events, over as many connections as it takes.

`Reader` knows the rules and does no I/O: which event comes next, which one was there already, when to connect again and
when to give up. `follow` and `afollow` are the same twelve lines of I/O around it, sync and async.

A connection may end at any time, cleanly (the service rotates streams) or not; the next one resumes with
`Last-Event-ID`. The service sends a comment every 10 s; silence for longer than `HEARTBEAT` counts as a cut.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast, get_args

import httpx2

from burnish import calls, wire
from burnish.errors import StreamError, StreamGap, Unreachable
from burnish.retries import Retries, is_transient, retry_after, worth_retrying
from burnish.wire.events import EventType

HEARTBEAT = 30.0
"""Seconds of silence after which a connection is taken for dead: three heartbeats missed."""

PATIENCE = Retries(attempts=12, first=0.5, longest=30.0, longest_asked=120.0)
"""About three minutes of connections that bring nothing, enough for a service to be restarted."""

DONE = 204
"""The answer where the job is done and has said nothing after the event that the reader saw last."""

LARGEST_EVENT = 64 * 2**20
"""Bytes. A terminal event carries the whole job, with its spec of up to 16 MiB twice: as posted and as resolved."""

_KNOWN = frozenset(cast("tuple[str, ...]", get_args(EventType)))


@dataclass(slots=True)
class Reader:
    """Where a reader of one job's events is, and what follows from what just happened.

    `after`: the last sequence number seen. `ended`: it was that of a terminal event. `latest`: a slow reader takes the
    newest of the refinements that wait for it, so that gaps are no fault.
    """

    job_id: str
    after: int = 0
    heartbeat: float = HEARTBEAT
    patience: Retries = PATIENCE
    ended: bool = False
    latest: bool = False
    _barren: int = field(default=0, init=False)

    def request(self) -> calls.Request:
        return calls.stream(self.job_id, self.after, latest=self.latest)

    def feed(self, sse: httpx2.ServerSentEvent) -> wire.Event | None:
        """The event to pass on; null for one seen before, or of a type newer than this SDK.

        Raises `StreamGap` when events are missing, `StreamError` when it is not an event of the contract.
        """
        if sse.event not in _KNOWN and not sse.id:
            return None
        sequence = self._sequence(sse)
        if sequence <= self.after:
            return None
        if sequence > self.after + 1 and not self.latest:
            raise StreamGap(self.after, sequence)
        event = self._event(sse, sequence) if sse.event in _KNOWN else None
        self.after, self._barren = sequence, 0
        # Any event after a terminal one means that the job was extended.
        self.ended = sse.event in wire.TERMINAL_EVENTS
        return event

    def rest(
        self, outcome: httpx2.Response | Exception | None, lasted: float, draw: float, asked: float | None = None
    ) -> float:
        """Seconds to wait before the next connection, after one that `lasted` so many seconds.

        `outcome`: an answer with an error, an exception, or null for a clean end. Raises what cannot be waited out.
        """
        if isinstance(outcome, httpx2.Response) and not worth_retrying(outcome, repeatable=True):
            raise calls.failure(outcome)
        if isinstance(outcome, Exception) and not is_transient(outcome):
            raise StreamError(f"the stream of job {self.job_id} cannot be read: {outcome}") from outcome
        if self._was_alive(outcome, lasted):
            self._barren = 0
        pause = self.patience.pause(self._barren, draw=draw, asked=asked)
        if pause is None:
            raise self._give_up(outcome)
        self._barren += 1
        return pause

    def _was_alive(self, outcome: httpx2.Response | Exception | None, lasted: float) -> bool:
        """Whether heartbeats came: a job that waits for its turn has nothing else to say, and that is no failure.

        A dead connection is cut by the read timeout after one `heartbeat`, so an error after two means a live one.
        """
        return lasted >= self.heartbeat * (1 if outcome is None else 2)

    def _give_up(self, outcome: httpx2.Response | Exception | None) -> Exception:
        if isinstance(outcome, httpx2.Response):
            return calls.failure(outcome)
        what = f"{type(outcome).__name__}: {outcome}" if outcome else "every connection ends at once"
        return Unreachable(
            f"the stream of job {self.job_id} broke off after event {self.after} and could not be resumed "
            f"({self._barren} connections brought nothing; {what}). The job goes on; ask again later."
        )

    def _sequence(self, sse: httpx2.ServerSentEvent) -> int:
        if not sse.id.isdecimal():
            raise StreamError(f"event {sse.event!r} after {self.after} has the id {sse.id!r}, which is not a number")
        return int(sse.id)

    def _event(self, sse: httpx2.ServerSentEvent, sequence: int) -> wire.Event:
        try:
            data: Any = json.loads(sse.data)
        except ValueError as error:
            raise StreamError(f"event {sequence} ({sse.event}) is not JSON: {error}") from error
        if not isinstance(data, dict):
            raise StreamError(f"event {sequence} ({sse.event}) holds a {type(data).__name__} where an object belongs")
        content = cast("dict[str, Any]", data)
        at = str(content.pop("at", ""))  # SSE has no place for it beside the data
        return wire.Event(sequence=sequence, type=cast("EventType", sse.event), at=at, data=content)


def follow(http: httpx2.Client, reader: Reader, more: Callable[[int], bool]) -> Generator[wire.Event]:
    """Events until the job is done. `more(after)`: whether there are events beyond a terminal one."""
    while not reader.ended or more(reader.after):
        reader.ended = False
        opened = time.monotonic()
        try:
            with http.stream(**_sent(reader, http.timeout)) as response:
                if response.status_code == DONE:
                    return
                if (outcome := _refused(response)) is not None:
                    response.read()
                else:
                    for sse in httpx2.EventSource(response, LARGEST_EVENT):
                        if event := reader.feed(sse):
                            yield event
                        if reader.ended:
                            break
        except httpx2.RequestError as error:
            outcome = error
        if not reader.ended:
            time.sleep(_rest(reader, outcome, opened))


async def afollow(
    http: httpx2.AsyncClient, reader: Reader, more: Callable[[int], Awaitable[bool]]
) -> AsyncGenerator[wire.Event]:
    """Events until the job is done. `more(after)`: whether there are events beyond a terminal one."""
    while not reader.ended or await more(reader.after):
        reader.ended = False
        opened = time.monotonic()
        try:
            async with http.stream(**_sent(reader, http.timeout)) as response:
                if response.status_code == DONE:
                    return
                if (outcome := _refused(response)) is not None:
                    await response.aread()
                else:
                    async for sse in httpx2.EventSource(response, LARGEST_EVENT):
                        if event := reader.feed(sse):
                            yield event
                        if reader.ended:
                            break
        except httpx2.RequestError as error:
            outcome = error
        if not reader.ended:
            await asyncio.sleep(_rest(reader, outcome, opened))


def _sent(reader: Reader, usual: httpx2.Timeout) -> dict[str, Any]:
    request = reader.request()
    return {
        "method": request.method,
        "url": request.path,
        "params": dict(request.params),
        "headers": dict(request.headers),
        "timeout": httpx2.Timeout(usual.connect, read=reader.heartbeat, write=usual.write, pool=usual.pool),
    }


def _refused(response: httpx2.Response) -> httpx2.Response | None:
    return response if response.status_code >= 400 else None


def _rest(reader: Reader, outcome: httpx2.Response | Exception | None, opened: float) -> float:
    asked = retry_after(outcome.headers, datetime.now(UTC)) if isinstance(outcome, httpx2.Response) else None
    return reader.rest(outcome, time.monotonic() - opened, random.random(), asked)
