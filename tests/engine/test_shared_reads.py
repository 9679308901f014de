"""Many readers of one job cost the store one read an event, and still each sees what was written before it asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from burnish_workers.engine.records import Emission, JobRecord, NewEvent, StoreUnavailable
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.shared_reads import SharedReads

READERS = 100


async def test_who_asks_before_a_read_begins_shares_it_and_who_asks_later_does_not() -> None:
    reads, begun, go, written = SharedReads[int](), 0, asyncio.Event(), 1

    async def read() -> int:
        nonlocal begun
        begun += 1
        found = written
        await go.wait()
        return found

    early = [asyncio.create_task(reads.get("job", read)) for _ in range(READERS)]
    other = asyncio.create_task(reads.get("another job", read))
    await asyncio.sleep(0.01)
    assert begun == 2
    written = 2
    late = asyncio.create_task(reads.get("job", read))
    await asyncio.sleep(0.01)
    assert begun == 3
    go.set()
    assert await asyncio.gather(*early, other) == [1] * (READERS + 1)
    assert await late == 2


async def test_one_who_leaves_does_not_end_it_for_the_others() -> None:
    reads, go = SharedReads[str](), asyncio.Event()

    async def read() -> str:
        await go.wait()
        return "read"

    first, second = (asyncio.create_task(reads.get("job", read)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go.set()
    assert await second == "read"


async def test_all_hear_of_an_error_and_the_next_reads_anew() -> None:
    reads = SharedReads[str]()

    async def away() -> str:
        raise StoreUnavailable("gone")

    async def back() -> str:
        return "read"

    found = await asyncio.gather(*(reads.get("job", away) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in found] == [StoreUnavailable] * 3
    assert await reads.get("job", back) == "read"


async def test_a_hundred_readers_of_a_job_are_one_read_an_event(
    redis_store: RedisStore,
    record: Callable[..., JobRecord],
    claimed: Callable[..., Awaitable[JobRecord]],
) -> None:
    """Every event reaches each of them, once and in order."""
    job = await claimed(redis_store, record())
    seen: list[list[int]] = [[] for _ in range(READERS)]

    async def follow(mine: list[int]) -> None:
        while len(mine) < 20:
            after = mine[-1] if mine else 0
            events = await redis_store.events(job.id, after=after, limit=100)
            if not events:
                assert await redis_store.wait(job.id, after=after, timeout=10)
            mine += [event.sequence for event in events]

    before = await calls(redis_store)
    following = [asyncio.create_task(follow(mine)) for mine in seen]
    while not all(task.done() for task in following):
        await redis_store.emit(job.id, job.epoch, Emission((NewEvent("progress", {}),)))
        await asyncio.sleep(0.02)
    await asyncio.gather(*following)
    assert all(mine == list(range(1, len(mine) + 1)) for mine in seen)
    assert await calls(redis_store) - before < 5 * max(len(mine) for mine in seen)


async def calls(store: RedisStore) -> int:
    """XRANGE so far."""
    told = str(await store.link.command("INFO", "commandstats"))
    found = [line for line in told.splitlines() if line.startswith("cmdstat_xrange:")]
    return int(found[0].split("calls=")[1].split(",")[0]) if found else 0
