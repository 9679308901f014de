"""A task that is cancelled ends, whatever it was doing with the store."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable

import pytest

from burnish_workers.engine.cancellation import heeding
from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore

TRIALS = 300


async def hiding(work: Awaitable[None]) -> None:
    """Loses a cancellation, as `asyncio.wait_for` of Python 3.11 does."""
    try:
        await work
    except asyncio.CancelledError:
        return


async def test_a_cancellation_that_was_lost_is_raised() -> None:
    async def hidden() -> None:
        await heeding(hiding(asyncio.sleep(60)))

    task = asyncio.create_task(hidden())
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_one_that_came_before_is_not_raised_again() -> None:
    async def cleans_up() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await heeding(asyncio.sleep(0))
            return "clean"
        return "early"

    task = asyncio.create_task(cleans_up())
    await asyncio.sleep(0.01)
    task.cancel()
    assert await task == "clean"


async def test_errors_stay_errors() -> None:
    async def breaks() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await heeding(breaks())


async def test_a_timeout_around_it_stays_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await heeding(hiding(asyncio.sleep(60)))


async def test_tasks_that_speak_to_the_store_can_be_cancelled(valkey: EmbeddedValkey) -> None:
    store, rng = RedisStore(RedisLink(valkey.url, retries=3)), random.Random(1)

    async def reads() -> None:
        while True:
            await store.events("job_000000", after=0, limit=10)

    await store.events("job_000000", after=0, limit=10)
    try:
        for _ in range(TRIALS):
            task = asyncio.create_task(reads())
            await asyncio.sleep(0.004 * rng.random())
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=10)
            assert done
            assert task.cancelled()
    finally:
        await store.close()
