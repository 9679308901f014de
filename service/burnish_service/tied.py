"""Jobs that are tied to a reader: he leaves, and they are cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Coroutine
from typing import Any, TypeVar

import structlog
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from burnish.wire import Job
from burnish_service.access import Unauthorised
from burnish_service.context import Context
from burnish_service.streams import STREAM_HEADERS

log = structlog.get_logger()

T = TypeVar("T")

_ENDING: set[asyncio.Task[None]] = set()
"""Cancellations on their way: the loop itself keeps no task alive."""


@contextlib.asynccontextmanager
async def tied(context: Context, job: str, *, keep: bool) -> AsyncIterator[None]:
    """Cancels the job unless the block is left in good order. `keep`: never."""
    try:
        yield
    except BaseException:
        if not keep:
            _later(_cancel(context, job))  # this task may have been cancelled itself
        raise


class TiedStream(StreamingResponse):
    """A stream of server-sent events whose job is cancelled unless it comes to its end. `keep`: never.

    The response is tied, not the iterator: who leaves before its first event is asked for would never start it.
    """

    def __init__(
        self, context: Context, job: str, content: AsyncIterator[bytes], headers: dict[str, str], *, keep: bool
    ):
        super().__init__(self._watched(content), 200, {**headers, **STREAM_HEADERS}, media_type="text/event-stream")
        self._context, self._job, self._keep, self._whole = context, job, keep, False

    async def _watched(self, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        with contextlib.suppress(Unauthorised):  # the reader's key has ended, and he with it
            async for each in content:
                yield each
            self._whole = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if not self._whole and not self._keep:
                _later(_cancel(self._context, self._job))


async def born(context: Context, making: Awaitable[Job], *, keep: bool) -> Job:
    """The job that `making` makes. If the reader leaves meanwhile it is made all the same, since half of it may be
    stored already, and cancelled then unless it is one to `keep`."""
    task = asyncio.ensure_future(making)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not keep:
            _later(_cancel_new(context, task))
        raise


def _later(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    _ENDING.add(task)
    task.add_done_callback(_ENDING.discard)


async def _cancel_new(context: Context, making: asyncio.Future[Job]) -> None:
    try:
        job = await making
    except Exception:
        return  # it was refused
    await _cancel(context, job.id)


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
