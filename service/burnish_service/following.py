"""Waiting for a job on behalf of a reader who may leave."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

import structlog
from fastapi import Request

from burnish.wire import TERMINAL_EVENTS, Event
from burnish_service.context import Context
from burnish_workers.engine.app import EVENT_PAGE

log = structlog.get_logger()

T = TypeVar("T")

_ENDING: set[asyncio.Task[None]] = set()
"""Cancellations on their way: the loop itself keeps no task alive."""


async def followed(context: Context, job: str) -> AsyncIterator[Event | None]:
    """A job's events from the first on, up to the one that ends it; None now and then while nothing happens.

    Raises Refusal when the job is deleted meanwhile, StoreUnavailable.
    """
    after = 0
    while True:
        events = await context.app.next_events(job, after, context.settings.heartbeat)
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


@contextlib.asynccontextmanager
async def tied(context: Context, job: str, *, keep: bool) -> AsyncIterator[None]:
    """Cancels the job unless the block is left in good order. `keep`: never."""
    try:
        yield
    except BaseException:
        if not keep:
            task = asyncio.create_task(_cancel(context, job))  # this one may have been cancelled itself
            _ENDING.add(task)
            task.add_done_callback(_ENDING.discard)
        raise


async def _cancel(context: Context, job: str) -> None:
    try:
        await context.app.cancel(job)
    except Exception as error:
        log.warning("job.uncancelled", job_id=job, why=str(error))


class Gone(Exception):
    """The reader has disconnected."""


async def while_there(request: Request, work: Awaitable[T]) -> T:
    """The result of the work; Gone is raised, and the work stopped, when the reader leaves. Read the body before."""
    task, watch = asyncio.ensure_future(work), asyncio.create_task(_leaves(request))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Gone
        return task.result()
    finally:
        for each in (task, watch):
            each.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
