"""One event loop in a thread of its own, for all that this process asks of servers: blocks wait for it, not in it.

Connections stay open between blocks, many requests are out at once, and a deadline really ends a request, also one
that drips: a read time-out would begin anew with every byte.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """Starts when it is first needed. `close` ends its thread; what is asked afterwards starts another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._leaving: list[Callable[[], Awaitable[None]]] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` gives, done in the loop; the calling thread waits."""
        return asyncio.run_coroutine_threadsafe(work, self._running()).result()

    def on_close(self, then: Callable[[], Awaitable[None]]) -> None:
        """Called in the loop: what to await before it ends."""
        self._leaving.append(then)

    def close(self) -> None:
        with self._lock:
            loop, thread, leaving = self._loop, self._thread, self._leaving
            self._loop, self._thread, self._leaving = None, None, []
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_all(leaving), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="burnish-outbound", daemon=True)
                self._thread.start()
            return self._loop


async def _all(leaving: list[Callable[[], Awaitable[None]]]) -> None:
    for then in leaving:
        await then()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()


OUTBOUND = Loop()
atexit.register(OUTBOUND.close)
