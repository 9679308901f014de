"""A job's events for somebody who waits for them: as they happen, or those that there are."""

from __future__ import annotations

from collections.abc import AsyncIterator

from burnish.wire import TERMINAL_EVENTS, Event
from burnish_service.access import Unauthorised
from burnish_service.context import Context
from burnish_service.streams import look_every
from burnish_workers.engine.app import EVENT_PAGE


async def followed(context: Context, job: str) -> AsyncIterator[Event | None]:
    """A job's events from the first on, up to the one that ends it; None now and then while nothing happens.

    Raises Refusal when the job is deleted meanwhile, or the key of whoever waits is good no more; StoreUnavailable.
    """
    after, clock = 0, context.clock
    looks = clock.monotonic() + look_every(context)
    while True:
        if clock.monotonic() >= looks:
            if not await context.welcome():
                raise Unauthorised("the key was revoked, or has expired, while the answer was awaited", sent=True)
            looks = clock.monotonic() + look_every(context)
        events = await context.app.next_events(job, after, max(looks - clock.monotonic(), 0.0))
        if not events:
            await context.app.record(job)
            yield None
        for event in events:
            yield event
            if event.type in TERMINAL_EVENTS:
                return
        after = events[-1].sequence if events else after


async def so_far(context: Context, job: str) -> AsyncIterator[Event]:
    """The events there are, up to the first that ends the job."""
    after = 0
    while events := await context.app.store.events(job, after=after, limit=EVENT_PAGE):
        for event in events:
            yield event
            if event.type in TERMINAL_EVENTS:
                return
        after = events[-1].sequence
