"""What the port promises to the front, held by every implementation: creating, reading, waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from burnish.wire import Budget, Problem, Spent
from burnish_workers.engine.records import (
    Emission,
    Fenced,
    Idempotency,
    IdempotencyConflict,
    JobRecord,
    NewEvent,
)
from burnish_workers.engine.store import Store

Make = Callable[..., JobRecord]
Claimed = Callable[..., Awaitable[JobRecord]]
Refined = Callable[..., Emission]
NOBODY: frozenset[str] = frozenset()


def progress(number: int) -> Emission:
    return Emission((NewEvent("progress", {"done": number}),))


async def test_it_answers(store: Store) -> None:
    await store.ping()


# --- create -----------------------------------------------------------------------------------------------------------


async def test_create_stores_a_queued_job_with_its_first_event(store: Store, record: Make) -> None:
    made = await store.create(record())
    assert not made.replayed
    assert made.record == record(sequence=1)
    assert await store.get("job_000001") == record(sequence=1)
    (event,) = await store.events("job_000001", after=0, limit=10)
    assert (event.sequence, event.type, event.data) == (1, "status", {"status": "queued"})
    assert event.at.endswith("Z")


async def test_every_field_survives(store: Store, record: Make) -> None:
    full = record(
        stage="fitting",
        resolved={"kind": "surrogate", "nested": {"empty": [], "none": None, "x": [0.1, 1e-300, 2**53 - 1, "ü"]}},
        started_at="2026-01-01T00:00:01.000Z",
        finished_at="2026-01-01T00:00:02.000Z",
        spent=Spent(seconds=0.1 + 0.2, units=3),
        stopped_by="units",
        error=Problem(title="t", status=422, detail="d"),
        resumable=True,
        checkpoint="job_000001/checkpoint-8-1.npz",
        closed=(3, 17),
    )
    await store.create(full)
    assert await store.get(full.id) == full.with_changes({"sequence": 1})


async def test_what_is_not_there(store: Store) -> None:
    assert await store.get("job_9") is None
    assert await store.events("job_9", after=0, limit=10) == []
    assert await store.ledger("job_9", after=-1, limit=10) == []
    assert await store.extend("job_9", Budget(units=1)) is None
    assert await store.request_cancel("job_9") is None
    assert (await store.renew("job_9", 1, 10.0)).state == "fenced"
    await store.release("job_9", 1)
    with pytest.raises(Fenced):
        await store.emit("job_9", 1, progress(1))


async def test_what_is_given_back_is_not_what_is_kept(store: Store, record: Make) -> None:
    mine = record(spec={"a": [1]})
    given = (await store.create(mine)).record
    mine.spec["a"].append(2)
    given.spec["a"].append(3)
    kept = await store.get(mine.id)
    assert kept is not None
    assert kept.spec == {"a": [1]}


async def test_same_key_and_body_is_the_same_job(store: Store, record: Make) -> None:
    first = await store.create(record(1), Idempotency("key", "body"))
    again = await store.create(record(2), Idempotency("key", "body"))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.record == first.record
    assert await store.get("job_000002") is None
    other = await store.create(record(3), Idempotency("another key", "body"))
    assert not other.replayed


async def test_same_key_with_another_body_is_a_conflict(store: Store, record: Make) -> None:
    await store.create(record(1), Idempotency("key", "body"))
    with pytest.raises(IdempotencyConflict):
        await store.create(record(2), Idempotency("key", "other body"))
    assert await store.get("job_000002") is None


async def test_of_fifty_concurrent_creates_one_creates(store: Store, record: Make) -> None:
    made = await asyncio.gather(*(store.create(record(i), Idempotency("key", "body")) for i in range(50)))
    assert sum(not one.replayed for one in made) == 1
    assert len({one.record.id for one in made}) == 1
    assert len((await store.list(limit=100)).records) == 1
    assert len(await store.claim(60.0, 100, NOBODY)) == 1


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_pages_of_jobs_newest_first(store: Store, record: Make) -> None:
    for number in (3, 1, 5, 2, 4):
        await store.create(record(number))
    first = await store.list(limit=2)
    assert ([r.id for r in first.records], first.has_more) == (["job_000005", "job_000004"], True)
    second = await store.list(limit=3, after="job_000004")
    assert ([r.id for r in second.records], second.has_more) == (["job_000003", "job_000002", "job_000001"], False)
    assert await store.list(limit=3, after="job_000001") == type(first)([], has_more=False)


async def test_filtered_pages_skip_what_does_not_match(store: Store, record: Make) -> None:
    # More than one look of the store wide, with the matches at the far end.
    await asyncio.gather(*(store.create(record(i, kind="surrogate" if i < 5 else "other")) for i in range(1200)))
    page = await store.list(limit=3, kind="surrogate")
    assert ([r.id for r in page.records], page.has_more) == (["job_000004", "job_000003", "job_000002"], True)
    rest = await store.list(limit=3, kind="surrogate", after="job_000002", status="queued")
    assert ([r.id for r in rest.records], rest.has_more) == (["job_000001", "job_000000"], False)
    assert (await store.list(limit=3, status="completed")).records == []


async def test_events_page_and_filter(store: Store, record: Make, claimed: Claimed, refined: Refined) -> None:
    await claimed(store, record())
    for number in range(2, 12):
        await store.emit("job_000001", 1, refined(number) if number % 5 == 0 else progress(number))
    events = await store.events("job_000001", after=3, limit=4)
    assert [e.sequence for e in events] == [4, 5, 6, 7]
    refinements = await store.events("job_000001", after=0, limit=10, types=frozenset({"refinement"}))
    assert [e.sequence for e in refinements] == [5, 10]
    assert [
        e.sequence for e in await store.events("job_000001", after=0, limit=1, types=frozenset({"refinement"}))
    ] == [5]
    assert await store.events("job_000001", after=11, limit=4) == []


async def test_refinements_carry_their_number_and_job(
    store: Store, record: Make, claimed: Claimed, refined: Refined
) -> None:
    await claimed(store, record())
    await store.emit("job_000001", 1, progress(1))
    assert await store.emit("job_000001", 1, refined(4)) == 3
    await store.emit("job_000001", 1, progress(2))
    (event,) = await store.events("job_000001", after=0, limit=9, types=frozenset({"refinement"}))
    assert (event.data["sequence"], event.data["job_id"], event.data["blocks"]) == (3, "job_000001", 4)
    kept = await store.get("job_000001")
    assert kept is not None
    assert kept.last_refinement is not None
    assert (kept.last_refinement.sequence, kept.last_refinement.job_id) == (3, "job_000001")
    assert kept.last_refinement.model_dump(mode="json") == event.data
    assert kept.sequence == 4


async def test_a_terminal_event_that_holds_the_job_numbers_its_refinement(
    store: Store, record: Make, claimed: Claimed, refined: Refined
) -> None:
    await claimed(store, record())
    last = refined(8)
    job = {"id": "job_000001", "last_refinement": last.events[0].data}
    events = (*last.events, NewEvent("completed", job))
    await store.emit("job_000001", 1, Emission(events, {**last.changes, "status": "completed"}, ends=True))
    event = (await store.events("job_000001", after=2, limit=9))[0]
    assert (event.sequence, event.data["last_refinement"]["sequence"]) == (3, 2)


# --- waiting ----------------------------------------------------------------------------------------------------------


async def test_wait_returns_at_once_when_there_is_something(store: Store, record: Make) -> None:
    await store.create(record())
    assert await store.wait("job_000001", after=0, timeout=30.0)


async def test_wait_gives_up(store: Store, record: Make) -> None:
    await store.create(record())
    assert not await store.wait("job_000001", after=1, timeout=0.05)
    assert not await store.wait("job_9", after=0, timeout=0.05)


async def test_wait_wakes_all_readers_of_an_event(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record())
    waiting = [asyncio.create_task(store.wait("job_000001", after=1, timeout=30.0)) for _ in range(200)]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in waiting)
    await store.emit("job_000001", 1, progress(1))
    assert all(await asyncio.wait_for(asyncio.gather(*waiting), 10.0))


async def test_a_reader_who_follows_misses_nothing(store: Store, record: Make, claimed: Claimed) -> None:
    """Emissions race with waits; a lost wake-up would leave the reader asleep for its 30 s."""
    await claimed(store, record())

    async def read() -> list[int]:
        seen: list[int] = []
        while len(seen) < 301:
            after = seen[-1] if seen else 0
            assert await store.wait("job_000001", after=after, timeout=30.0)
            seen += [e.sequence for e in await store.events("job_000001", after=after, limit=50)]
        return seen

    readers = [asyncio.create_task(read()) for _ in range(5)]
    for number in range(300):
        await store.emit("job_000001", 1, progress(number))
        if number % 7 == 0:
            await asyncio.sleep(0.001)
    for seen in await asyncio.wait_for(asyncio.gather(*readers), 20.0):
        assert seen == list(range(1, 302))


@pytest.mark.parametrize("what", ["create", "extend", "cancel", "release"])
async def test_work_wakes_the_runners(store: Store, record: Make, claimed: Claimed, what: str) -> None:
    await claimed(store, record(1))
    assert await store.wait_for_work(30.0)  # that one was queued
    waiting = asyncio.create_task(store.wait_for_work(30.0))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    match what:
        case "create":
            await store.create(record(2))
        case "extend":
            await store.extend("job_000001", Budget(units=1))
        case "cancel":
            await store.request_cancel("job_000001")
        case _:
            await store.release("job_000001", 1)
    assert await asyncio.wait_for(waiting, 10.0)


async def test_no_work_is_slept_through(store: Store, record: Make) -> None:
    assert not await store.wait_for_work(0.02)
    await store.create(record(1))
    assert len(await store.claim(60.0, 1, NOBODY)) == 1
    await store.request_cancel("job_000001")  # after the claim and before the wait
    assert await asyncio.wait_for(store.wait_for_work(30.0), 10.0)
    async with asyncio.timeout(10.0):
        while await store.wait_for_work(0.02):  # both may be told, but then there is rest
            pass
