"""What the port promises to runners, held by every implementation: claims, fences, emissions, budgets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from burnish.wire import Budget, LedgerRow, Problem
from burnish_workers.engine.records import (
    BudgetChanged,
    Emission,
    Fenced,
    Idempotency,
    IdempotencyConflict,
    JobRecord,
    NewEvent,
    NotExtensible,
)
from burnish_workers.engine.store import Store

Make = Callable[..., JobRecord]
Claimed = Callable[..., Awaitable[JobRecord]]
Refined = Callable[..., Emission]
NOBODY: frozenset[str] = frozenset()


def progress(number: int) -> Emission:
    return Emission((NewEvent("progress", {"done": number}),))


def ended(status: Any = "completed", budget_version: int = 0, **changes: Any) -> Emission:
    event = NewEvent(status, {"status": status})
    return Emission((event,), {"status": status, **changes}, ends=True, budget_version=budget_version)


def row(index: int, digest: str = "sha256:0", epoch: int = 1) -> LedgerRow:
    return LedgerRow(index=index, digest=digest, numeric_class="cpu", seconds=0.1, attempts=1, epoch=epoch)


async def numbers(store: Store, job_id: str) -> list[int]:
    return [event.sequence for event in await store.events(job_id, after=0, limit=10_000)]


# --- claims and fences ------------------------------------------------------------------------------------------------


async def test_claims_go_oldest_first_and_to_one_runner(store: Store, record: Make) -> None:
    for number in (2, 3, 1):
        await store.create(record(number))
    assert [r.id for r in await store.claim(60.0, 2, NOBODY)] == ["job_000001", "job_000002"]
    assert [(r.id, r.epoch) for r in await store.claim(60.0, 2, NOBODY)] == [("job_000003", 1)]
    assert await store.claim(60.0, 2, NOBODY) == []


async def test_concurrent_claims_never_share_a_job(store: Store, record: Make) -> None:
    for number in range(30):
        await store.create(record(number))
    shares = await asyncio.gather(*(store.claim(60.0, 4, NOBODY) for _ in range(10)))
    taken = [r.id for share in shares for r in share]
    assert len(taken) == len(set(taken)) == 30


async def test_claims_skip_what_the_runner_believes_to_hold(store: Store, record: Make) -> None:
    for number in (1, 2, 3):
        await store.create(record(number))
    await store.claim(0.0, 3, NOBODY)  # leases that have run out at once
    held = frozenset({"job_000001", "job_000002"})
    assert [(r.id, r.epoch) for r in await store.claim(60.0, 2, held)] == [("job_000003", 2)]
    assert await store.claim(60.0, 0, NOBODY) == []


async def test_an_expired_lease_is_claimed_anew_and_fences_the_old_runner(
    store: Store, record: Make, claimed: Claimed
) -> None:
    await claimed(store, record(), lease=0.05)
    await asyncio.sleep(0.06)
    (again,) = await store.claim(60.0, 5, NOBODY)
    assert again.epoch == 2
    for stale in (progress(1), ended(), Emission(changes={"stage": "late"}), Emission(ledger=(row(0),))):
        with pytest.raises(Fenced):
            await store.emit("job_000001", 1, stale)
    assert (await store.renew("job_000001", 1, 60.0)).state == "fenced"
    await store.release("job_000001", 1)
    assert await store.claim(60.0, 5, NOBODY) == []
    assert await store.emit("job_000001", 2, progress(1)) == 2
    kept = await store.get("job_000001")
    assert kept is not None
    assert (kept.status, kept.stage, kept.epoch) == ("queued", None, 2)
    assert await store.ledger("job_000001", after=-1, limit=9) == []


async def test_a_late_renewal_holds_when_nobody_has_claimed(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record(1), lease=0.0)
    await store.create(record(2))
    assert [r.id for r in await store.claim(60.0, 5, frozenset({"job_000001"}))] == ["job_000002"]
    assert (await store.renew("job_000001", 1, 60.0)).state == "held"
    assert await store.claim(60.0, 5, NOBODY) == []


async def test_renewals_tell_what_the_user_changed(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record())
    renewal = await store.renew("job_000001", 1, 60.0)
    assert (renewal.state, renewal.cancel_requested, renewal.budget_version) == ("held", False, 0)
    assert renewal.budget == Budget(units=1000)
    await store.extend("job_000001", Budget(units=5))
    await store.request_cancel("job_000001")
    renewal = await store.renew("job_000001", 1, 60.0)
    assert (renewal.state, renewal.cancel_requested, renewal.budget_version) == ("held", True, 1)
    assert renewal.budget == Budget(units=1005)


async def test_a_released_job_is_free_at_once(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record())
    await store.release("job_000001", 1)
    with pytest.raises(Fenced):
        await store.emit("job_000001", 1, progress(1))
    (again,) = await store.claim(60.0, 5, NOBODY)
    assert again.epoch == 2


# --- emissions --------------------------------------------------------------------------------------------------------


async def test_an_emission_is_written_whole(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record(stage="pilot"))
    changes = {"status": "running", "stage": None, "checkpoint": "job_000001/checkpoint-1-1.npz", "closed": (4,)}
    events = (NewEvent("status", {"status": "running"}), NewEvent("progress", {"done": 1}))
    assert await store.emit("job_000001", 1, Emission(events, changes, (row(0), row(1)))) == 3
    kept = await store.get("job_000001")
    assert kept is not None
    assert (kept.status, kept.stage, kept.closed, kept.sequence) == ("running", None, (4,), 3)
    assert kept.checkpoint == "job_000001/checkpoint-1-1.npz"
    assert [r.index for r in await store.ledger("job_000001", after=-1, limit=9)] == [0, 1]
    assert await store.emit("job_000001", 1, Emission(changes={"stage": "fit"})) == 3


@pytest.mark.parametrize("changes", [{"epoch": 7}, {"budget": Budget(units=1)}, {"stagee": "x"}])
async def test_an_emission_cannot_change_what_is_not_its_own(
    store: Store, record: Make, changes: dict[str, Any], claimed: Claimed
) -> None:
    await claimed(store, record())
    with pytest.raises(ValueError, match="may change"):
        await store.emit("job_000001", 1, Emission(changes=changes))


async def test_an_emission_that_is_not_json_writes_nothing(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record())
    bad = Emission((NewEvent("progress", {"x": 1}), NewEvent("progress", {"x": float("nan")})), {"stage": "x"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        await store.emit("job_000001", 1, bad)
    assert await store.get("job_000001") == record(epoch=1, sequence=1)


async def test_only_terminal_statuses_end_a_job(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record())
    with pytest.raises(ValueError, match="terminal"):
        await store.emit("job_000001", 1, Emission(changes={"status": "completed"}))
    with pytest.raises(ValueError, match="terminal"):
        await store.emit("job_000001", 1, Emission(changes={"status": "running"}, ends=True))


async def test_the_terminal_emission_gives_the_lease_up_for_good(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record(), lease=0.0)
    await store.emit("job_000001", 1, ended(stopped_by="units", finished_at="2026-01-01T00:00:09.000Z"))
    kept = await store.get("job_000001")
    assert kept is not None
    assert kept.done
    assert (kept.stopped_by, kept.finished_at) == ("units", "2026-01-01T00:00:09.000Z")
    assert await store.claim(60.0, 5, NOBODY) == []
    with pytest.raises(Fenced):
        await store.emit("job_000001", 1, progress(1))
    assert (await store.renew("job_000001", 1, 60.0)).state == "fenced"


async def test_events_are_gapless_under_many_emitters(store: Store, record: Make, refined: Refined) -> None:
    for number in range(20):
        await store.create(record(number))
    jobs = await store.claim(60.0, 20, NOBODY)

    async def emit(job: JobRecord) -> None:
        for number in range(10):
            two = Emission((*progress(number).events, *refined(number + 1).events))
            await store.emit(job.id, job.epoch, two)

    await asyncio.gather(*(emit(job) for job in jobs))
    for job in jobs:
        assert await numbers(store, job.id) == list(range(1, 22))
        data = [e.data for e in await store.events(job.id, after=1, limit=99, types=frozenset({"progress"}))]
        assert data == [{"done": number} for number in range(10)]


async def test_ledger_rows_are_rewritten_by_index(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record())
    await store.emit("job_000001", 1, Emission(ledger=tuple(row(i) for i in range(12))))
    await store.emit("job_000001", 1, Emission(ledger=(row(11, "sha256:again", 2), row(12))))
    page = await store.ledger("job_000001", after=8, limit=3)
    assert [(r.index, r.digest) for r in page] == [(9, "sha256:0"), (10, "sha256:0"), (11, "sha256:again")]
    assert await store.ledger("job_000001", after=11, limit=3) == [row(12)]
    assert [r.index for r in await store.ledger("job_000001", after=-1, limit=99)] == list(range(13))


# --- budgets ----------------------------------------------------------------------------------------------------------


async def test_concurrent_extensions_all_count(store: Store, record: Make) -> None:
    await store.create(record())
    answers = await asyncio.gather(*(store.extend("job_000001", Budget(units=2**i)) for i in range(12)))
    assert sorted(a.budget_version for a in answers if a is not None) == list(range(1, 13))
    kept = await store.get("job_000001")
    assert kept is not None
    assert kept.budget == Budget(units=1000 + 2**12 - 1)
    assert await numbers(store, "job_000001") == [1]  # a live job's status did not change


async def test_no_job_ends_on_a_budget_that_was_just_topped_up(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record())
    await store.extend("job_000001", Budget(seconds=3))
    with pytest.raises(BudgetChanged):
        await store.emit("job_000001", 1, ended(budget_version=0))
    kept = await store.get("job_000001")
    assert kept is not None
    assert (kept.status, kept.sequence) == ("queued", 1)
    assert kept.budget == Budget(units=1000, seconds=3)
    await store.emit("job_000001", 1, progress(1))  # still held
    assert await store.emit("job_000001", 1, ended(budget_version=1)) == 3


async def test_a_job_that_is_cancelled_or_broken_ends_whatever_its_budget(
    store: Store, record: Make, claimed: Claimed
) -> None:
    await claimed(store, record())
    await store.extend("job_000001", Budget(units=3))
    assert await store.emit("job_000001", 1, ended("cancelled", budget_version=-1)) == 2


@pytest.mark.parametrize("status", ["completed", "cancelled"])
async def test_more_budget_queues_an_ended_job_again(
    store: Store, record: Make, status: str, claimed: Claimed, refined: Refined
) -> None:
    await claimed(store, record())
    if status == "cancelled":
        await store.request_cancel("job_000001")
    last = refined(4)
    await store.emit("job_000001", 1, last)
    end = ended(status, stopped_by="units", finished_at="2026-01-01T00:00:09.000Z", closed=(4,), checkpoint="c")
    await store.emit("job_000001", 1, end)
    extended = await store.extend("job_000001", Budget(units=500, abs_tol=1e-3))
    assert extended is not None
    assert (extended.status, extended.stopped_by, extended.finished_at) == ("queued", None, None)
    assert not extended.cancel_requested
    assert extended.budget == Budget(units=1500, abs_tol=1e-3)
    assert (extended.closed, extended.checkpoint) == ((4,), "c")
    assert extended.last_refinement is not None
    assert extended.last_refinement.sequence == 2
    (event,) = await store.events("job_000001", after=3, limit=9)
    assert (event.sequence, event.type, event.data) == (4, "status", {"status": "queued"})
    with pytest.raises(Fenced):
        await store.emit("job_000001", 1, progress(1))
    (again,) = await store.claim(60.0, 5, NOBODY)
    assert (again.epoch, again.budget_version) == (2, 1)


@pytest.mark.parametrize("status", ["failed", "crashed"])
async def test_failed_and_crashed_jobs_cannot_be_extended(
    store: Store, record: Make, status: str, claimed: Claimed
) -> None:
    await claimed(store, record())
    await store.emit("job_000001", 1, ended(status, error=Problem(title="t", status=500, detail="d")))
    with pytest.raises(NotExtensible, match=status):
        await store.extend("job_000001", Budget(units=1))
    kept = await store.get("job_000001")
    assert kept is not None
    assert kept.budget == Budget(units=1000)


async def test_an_extension_with_a_key_counts_once(store: Store, record: Make) -> None:
    await store.create(record(1), Idempotency("create", "body"))
    await store.create(record(2))
    key = Idempotency("key", "body")
    answers = await asyncio.gather(*(store.extend("job_000001", Budget(units=7), key) for _ in range(10)))
    assert [a.budget.units for a in answers if a is not None] == [1007] * 10
    with pytest.raises(IdempotencyConflict):
        await store.extend("job_000001", Budget(units=7), Idempotency("key", "other body"))
    with pytest.raises(IdempotencyConflict):
        await store.extend("job_000002", Budget(units=7), key)
    with pytest.raises(IdempotencyConflict):
        await store.extend("job_000001", Budget(units=7), Idempotency("create", "other body"))


async def test_cancel_asks_the_holder_and_leaves_ended_jobs_alone(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record())
    for _ in range(2):
        asked = await store.request_cancel("job_000001")
        assert asked is not None
        assert (asked.cancel_requested, asked.status) == (True, "queued")
    await store.emit("job_000001", 1, ended("completed"))
    extended = await store.extend("job_000001", Budget(units=1))
    assert extended is not None
    (again,) = await store.claim(60.0, 1, NOBODY)
    await store.emit("job_000001", again.epoch, ended("completed", budget_version=1))
    after = await store.request_cancel("job_000001")
    assert after is not None
    assert (after.cancel_requested, after.status) == (False, "completed")


async def test_a_job_cancelled_in_the_queue_is_still_handed_out(store: Store, record: Make) -> None:
    await store.create(record())
    await store.request_cancel("job_000001")
    (held,) = await store.claim(60.0, 1, NOBODY)
    assert held.cancel_requested
