"""Resuming and deleting jobs, and what was spent: promises of the port, held by every implementation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from burnish.wire import Problem, Spent
from burnish_workers.engine.records import (
    Emission,
    Idempotency,
    IdempotencyConflict,
    JobRecord,
    NewEvent,
    NotResumable,
    StillLive,
)
from burnish_workers.engine.store import Store

Make = Callable[..., JobRecord]
Claimed = Callable[..., Awaitable[JobRecord]]


def ending(status: str, **changes: object) -> Emission:
    event = NewEvent("crashed" if status == "crashed" else "completed", {"status": status})
    return Emission((event,), {"status": status, **changes}, ends=True, budget_version=-1)


async def crashed(store: Store, record: JobRecord, claimed: Claimed) -> JobRecord:
    held = await claimed(store, record)
    error = Problem(title="The job crashed", status=500, detail="d")
    await store.emit(held.id, 1, ending("crashed", error=error, resumable=True, checkpoint="c", finished_at="t"))
    return held


async def test_resume_takes_a_crashed_job_up_again(store: Store, record: Make, claimed: Claimed) -> None:
    held = await crashed(store, record(), claimed)
    resumed = await store.resume(held.id)
    assert resumed is not None
    assert (resumed.status, resumed.error, resumed.finished_at, resumed.resumable) == ("queued", None, None, False)
    assert resumed.checkpoint == "c"
    events = await store.events(held.id, after=0, limit=10)
    assert [event.type for event in events] == ["status", "crashed", "status"]
    (again,) = await store.claim(60.0, 5, frozenset())
    assert (again.id, again.epoch) == (held.id, 2)


async def test_resume_is_idempotent_and_only_for_crashed_jobs(store: Store, record: Make, claimed: Claimed) -> None:
    held = await crashed(store, record(), claimed)
    await store.resume(held.id)
    await store.resume(held.id)
    assert len(await store.events(held.id, after=0, limit=10)) == 3
    await store.claim(60.0, 5, frozenset())
    await store.emit(held.id, 2, ending("completed"))
    with pytest.raises(NotResumable, match="completed"):
        await store.resume(held.id)
    assert await store.resume("job_none") is None


async def test_delete_forgets_all_of_a_job(store: Store, record: Make, claimed: Claimed) -> None:
    held = await claimed(store, record())
    with pytest.raises(StillLive, match="queued"):
        await store.delete(held.id)
    await store.emit(held.id, 1, ending("completed"))
    assert await store.delete(held.id)
    assert await store.get(held.id) is None
    assert await store.events(held.id, after=0, limit=10) == []
    assert await store.ledger(held.id, after=-1, limit=10) == []
    assert (await store.list(limit=10)).records == []
    assert not await store.delete(held.id)


async def test_a_key_whose_job_was_deleted_makes_no_other(store: Store, record: Make, claimed: Claimed) -> None:
    await store.create(record(), Idempotency("k", "body"))
    (held,) = await store.claim(60.0, 1, frozenset())
    await store.emit(held.id, 1, ending("completed"))
    await store.delete(held.id)
    with pytest.raises(IdempotencyConflict, match="deleted"):
        await store.create(record(2), Idempotency("k", "body"))


async def test_usage_adds_up_what_jobs_say_they_spent(store: Store, record: Make, claimed: Claimed) -> None:
    assert await store.usage(30) == []
    held = await claimed(store, record())
    first = Emission(changes={"spent": Spent(seconds=1.5, worker_seconds=3.0, units=10)})
    await store.emit(held.id, 1, first)
    await store.emit(held.id, 1, first)
    await store.emit(held.id, 1, ending("completed", spent=Spent(seconds=2.0, worker_seconds=4.0, units=25)))
    await store.create(record(2, purpose="plan"))
    (row,) = await store.usage(30)
    assert (row.kind, row.jobs, row.units, row.seconds, row.worker_seconds) == ("surrogate", 1, 25, 2.0, 4.0)
    await store.delete(held.id)
    assert await store.usage(30) == [row]
    assert len(row.day) == 10
