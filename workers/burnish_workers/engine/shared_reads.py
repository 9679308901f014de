"""Readers of one job who are woken at once ask the store the same: one read serves them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedReads(Generic[T]):
    """Whoever asks before a read has begun gets its result. Nobody joins one that has: what was written before the
    question is in the answer, as if each had asked alone."""

    def __init__(self) -> None:
        self._to_come: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """The result of `read`, or of another's for the same key. It must not be changed: it has other readers."""
        reading = self._to_come.get(key)
        if reading is None:
            reading = self._to_come[key] = asyncio.create_task(self._begun(key, read))
            reading.add_done_callback(_retrieved)
        return await asyncio.shield(reading)  # one who leaves does not end it for the others

    async def _begun(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        del self._to_come[key]
        return await read()


def _retrieved(reading: asyncio.Task[T]) -> None:
    """An error that nobody stayed to hear of is not one of the program."""
    if not reading.cancelled():
        reading.exception()
