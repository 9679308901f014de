"""What the store counts with what it counts, each implementation in turn, and what processes add to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from burnish.wire import LedgerRow, Spent
from burnish_workers.engine.counts import AGES, Counts
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.records import Emission, Fenced, JobRecord, NewEvent, StoreUnavailable
from burnish_workers.engine.store import Store

Make = Callable[..., JobRecord]
Claimed = Callable[..., Awaitable[JobRecord]]
NOBODY: frozenset[str] = frozenset()


def rows(*attempts: int, first: int = 0) -> tuple[LedgerRow, ...]:
    told: dict[str, Any] = {"digest": "sha256:0", "numeric_class": "cpu", "seconds": 0.1, "epoch": 1}
    return tuple(LedgerRow(index=first + i, attempts=each, **told) for i, each in enumerate(attempts))


def ending(status: str = "completed") -> Emission:
    event = NewEvent("completed", {"status": status})
    return Emission((event,), {"status": status}, ends=True, budget_version=-1)


async def test_a_block_counts_once_however_often_it_is_written(store: Store, record: Make, claimed: Claimed) -> None:
    held = await claimed(store, record())
    await store.emit(held.id, 1, Emission(ledger=rows(1, 3)))
    await store.emit(held.id, 1, Emission(ledger=rows(3, 2, first=1)))  # another runner ran block 1 again
    counted = await store.tallied()
    assert (counted["blocks|surrogate"], counted["reissued|surrogate"]) == (3.0, 3.0)


async def test_ends_are_counted_by_kind_and_status(store: Store, record: Make, claimed: Claimed) -> None:
    held = await claimed(store, record())
    await store.emit(held.id, 1, Emission((NewEvent("status", {"status": "running"}),), {"status": "running"}))
    assert await store.census() == {"running": 1}
    await store.emit(held.id, 1, ending())
    canary = await claimed(store, record(2, purpose="canary"))
    assert await store.census() == {}
    await store.emit(canary.id, 1, ending())
    ends = {name: amount for name, amount in (await store.tallied()).items() if name.startswith("ended|")}
    assert ends == {"ended|surrogate|completed": 1.0}


async def test_the_census_counts_held_and_free_jobs(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record(1))
    await store.create(record(2))
    await store.create(record(3, purpose="canary"))
    assert await store.census() == {"queued": 2}


async def test_spending_is_counted_by_amount(store: Store, record: Make, claimed: Claimed) -> None:
    held = await claimed(store, record())
    for units, tokens in ((10, 0), (30, 7)):
        await store.emit(held.id, 1, Emission(changes={"spent": Spent(units=units, tokens=tokens, worker_seconds=0.5)}))
    spent = {name: amount for name, amount in (await store.tallied()).items() if name.startswith("spent|")}
    assert spent == {
        "spent|default|surrogate|units": 30.0,
        "spent|default|surrogate|tokens": 7.0,
        "spent|default|surrogate|worker_seconds": 0.5,
    }


async def test_a_job_that_begins_again_has_spent_what_it_spent(store: Store, record: Make, claimed: Claimed) -> None:
    held = await claimed(store, record())
    checkpoint = f"{held.id}/checkpoint-3-1.npz"
    first = {"spent": Spent(units=30, worker_seconds=3), "checkpoint": checkpoint}
    await store.emit(held.id, 1, Emission(changes=first, ledger=rows(1, 1, 1)))
    nothing = {"spent": Spent(units=0, worker_seconds=3), "checkpoint": None, "last_refinement": None}
    await store.emit(held.id, 1, Emission(changes=nothing, anew=True))
    assert await store.ledger(held.id, after=-1, limit=9) == []
    kept = await store.get(held.id)
    assert kept is not None
    assert (kept.checkpoint, kept.last_refinement, kept.spent.units) == (None, None, 0)
    await store.emit(held.id, 1, Emission(changes={"spent": Spent(units=20, worker_seconds=5)}, ledger=rows(2)))
    assert [row.attempts for row in await store.ledger(held.id, after=-1, limit=9)] == [2]
    spent = {name: amount for name, amount in (await store.tallied()).items() if name.startswith("spent|")}
    assert spent == {"spent|default|surrogate|units": 50.0, "spent|default|surrogate|worker_seconds": 5.0}
    total = (await store.usage(1, None))[0]
    assert (total.units, total.worker_seconds) == (50, 5.0)


async def test_takeovers_are_leases_that_ran_out(store: Store, record: Make) -> None:
    await store.create(record())
    (held,) = await store.claim(60.0, 1, NOBODY)
    await store.release(held.id, 1)
    (again,) = await store.claim(0.05, 1, NOBODY)
    assert "takeovers" not in await store.tallied()  # handed over, not taken
    await asyncio.sleep(0.1)
    (taken,) = await store.claim(60.0, 1, NOBODY)
    assert (taken.epoch, (await store.tallied())["takeovers"]) == (again.epoch + 1, 1.0)


async def test_fenced_writes_are_counted(store: Store, record: Make, claimed: Claimed) -> None:
    held = await claimed(store, record())
    for _ in range(2):
        with pytest.raises(Fenced):
            await store.emit(held.id, 7, Emission((NewEvent("progress", {}),)))
    assert (await store.tallied())["fenced"] == 2.0


async def test_processes_add_up(store: Store) -> None:
    one, other = Counts(), Counts()
    for counts, ages in ((one, (0.03, 4.0)), (other, (0.03, 99.0))):
        for age in ages:
            counts.observe("delivery", age, AGES)
        await counts.flush(store)
        await counts.flush(store)
    counted = await store.tallied()
    assert (counted["delivery|0.05"], counted["delivery|5"], counted["delivery|+Inf"]) == (2.0, 1.0, 1.0)
    assert counted["delivery|sum"] == pytest.approx(103.06)


async def test_what_cannot_be_added_now_is_added_later() -> None:
    class Away(MemoryStore):
        async def tally(self, more: Any) -> None:
            raise StoreUnavailable("away")

    counts, store = Counts(), MemoryStore()
    counts.add("lost", 2)
    await counts.flush(Away())
    counts.add("lost")
    await counts.flush(store)
    assert await store.tallied() == {"lost": 3.0}
