"""A job's events as server-sent events: resumable, with heartbeats, rotated so that no connection lives for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

from burnish.wire import TERMINAL_EVENTS, Event
from burnish_service.context import Context
from burnish_service.lines import line
from burnish_workers.engine.records import StoreUnavailable

HEARTBEAT = b": heartbeat\n\n"
LATE = 0.5
"""Seconds after which a heartbeat does not wait any more for the store to say that there is nothing new."""

LOOK = 10.0
"""Seconds after which at the latest it is looked whether the reader's key is still good."""

EARLIEST = 0.5
"""Streams that began together (after a start, or an outage) do not all come back together: each closes at a time drawn
from this part of the rotation to all of it."""

UNWELCOME = b": this key opens nothing any more\n\n"

RETRY = b"retry: 500\n\n"
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def job_stream(
    context: Context, job: str, after: int, types: frozenset[str] | None = None, *, latest: bool = False
) -> AsyncIterator[bytes]:
    """Events with sequence > after as they happen; ends after the terminal event, or by rotation.

    A reader resumes with the last `id:` it saw. `types` leaves others out, terminal ones excepted. `latest`: of the
    refinements that wait to be sent only the newest. Since nothing is fetched before the reader has taken what came
    before, a slow reader is never behind by more than one. It also ends when the reader's key is revoked or expires,
    within `look_every` seconds: who comes back is a 401.
    """
    clock, settings = context.clock, context.settings
    closes, since = clock.monotonic() + settings.rotation * random.uniform(EARLIEST, 1.0), clock.now()
    looks = clock.monotonic() + look_every(context)
    yield RETRY
    with context.attendance.stream():
        try:
            while (left := closes - clock.monotonic()) > 0:
                if clock.monotonic() >= looks:
                    if not await context.welcome():
                        yield UNWELCOME
                        return
                    looks = clock.monotonic() + look_every(context)
                patience = min(settings.heartbeat, left, max(looks - clock.monotonic(), 0.0))
                asked = asyncio.create_task(context.app.next_events(job, after, patience, latest=latest))
                try:
                    while not (await asyncio.wait({asked}, timeout=settings.heartbeat + LATE))[0]:
                        yield HEARTBEAT  # the store is slow to answer: no reason for the reader to think us dead
                    events = asked.result()
                finally:
                    asked.cancel()
                if not events:
                    yield HEARTBEAT
                after = events[-1].sequence if events else after
                wanted = [e for e in events if types is None or e.type in types or e.type in TERMINAL_EVENTS]
                if wanted:
                    # One piece: on its way each costs the front and Serve's proxy more than what is in it.
                    yield b"".join([await _encode(context, job, event) for event in wanted])
                    for event in wanted:
                        context.attendance.delivered(event, since, clock.now())
                if events and events[-1].type in TERMINAL_EVENTS and await context.app.over(job, after):
                    return
        except StoreUnavailable:
            return  # the reader comes back and resumes


def look_every(context: Context) -> float:
    """Seconds for which an open stream takes its reader's key to be good."""
    return min(context.settings.heartbeat, LOOK)


async def _encode(context: Context, job: str, event: Event) -> bytes:
    """What a page tells of the event. A terminal one carries the whole job, as it ended: by now it may have been
    extended and run again."""
    if event.type not in TERMINAL_EVENTS:
        return context.lines.of(job, event)
    return line(event, (await context.app.get(job)).model_dump(mode="json") | event.data)
