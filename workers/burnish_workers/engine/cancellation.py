"""Cancellations that get through.

`asyncio.wait_for` of Python 3.11 loses a cancellation that comes in the very turn of the loop in which its work is done
(https://github.com/python/cpython/issues/86296, mended in 3.12). redis-py writes every command by it: about one in a
hundred tasks that were cancelled while they spoke to the store went on for ever. Our own code uses `asyncio.timeout`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def heeding(work: Awaitable[T]) -> T:
    """The result of `work`; raises CancelledError if this task was cancelled meanwhile and `work` did not notice."""
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        found = await work
    except Exception as error:
        if task.cancelling() > before:
            raise asyncio.CancelledError from error
        raise
    if task.cancelling() > before:
        raise asyncio.CancelledError
    return found
