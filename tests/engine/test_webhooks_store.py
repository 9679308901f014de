"""What the port promises of webhooks and their outbox, held by every implementation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from burnish.wire import Budget
from burnish_workers.engine.records import BudgetChanged, Emission, Fenced, JobRecord, NewEvent
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.store import Store
from burnish_workers.engine.webhooks import Backlog, Claimed, Delivery, Endpoint

from .test_redis_store import Proxy, far, proxy

__all__ = ["far", "proxy"]

Make = Callable[..., JobRecord]
ALL = ("job.completed", "job.failed", "job.crashed", "job.cancelled")
NOBODY: frozenset[str] = frozenset()
KEPT = 200


def endpoint(number: int = 1, tenant: str = "default", **changes: Any) -> Endpoint:
    given = {"url": "http://h/x", "events": ALL, "created_at": "2026-01-01T00:00:00.000Z", "secret": "whsec_eA=="}
    return Endpoint(id=f"wh_{number}", tenant=tenant, **{**given, **changes})


async def end(store: Store, record: JobRecord, status: str = "completed", **changes: Any) -> int:
    """Store a job, take it, end it: the number of its last event."""
    await store.create(record)
    (held,) = await store.claim(60.0, 1, NOBODY)
    event = NewEvent(status, {"status": status})  # type: ignore[arg-type]
    return await store.emit(held.id, held.epoch, ending(event, status, **changes))


def ending(event: NewEvent, status: str, **changes: Any) -> Emission:
    return Emission((event,), {"status": status, **changes}, ends=True, budget_version=-1)


async def claimed(store: Store, lease: float = 60.0, busy: frozenset[str] = NOBODY) -> Claimed:
    found = await store.webhooks.claim(lease, busy)
    assert found is not None
    return found


async def settle(store: Store, claim: Claimed, state: str = "delivered", wait: float | None = None) -> bool:
    after = claim.delivery.with_changes(state=state, attempts=claim.delivery.attempts + 1, status=200)
    return await store.webhooks.settle(claim, after, wait, KEPT)


async def nothing_due(store: Store) -> bool:
    return await store.webhooks.claim(60.0, NOBODY) is None


# --- endpoints --------------------------------------------------------------------------------------------------------
async def test_webhooks_are_each_tenants_own(store: Store) -> None:
    hooks = store.webhooks
    first, second, other = endpoint(1), endpoint(2, description="ü", previous="p", disabled_at="t"), endpoint(3, "a")
    for each in (first, second, other):
        assert await hooks.add(each, most=2)
    assert not await hooks.add(endpoint(4), most=2)
    assert await hooks.list("default") == [second, first]
    assert await hooks.list("a") == [other]
    assert await hooks.get("default", first.id) == first
    assert await hooks.get("a", first.id) is None
    await hooks.remove(first)
    assert await hooks.get("default", first.id) is None
    assert await hooks.add(endpoint(4), most=2)


@pytest.mark.parametrize("tenant", ["all", "due", "waiting", "of"])
async def test_no_name_of_a_tenant_is_one_of_ours(store: Store, record: Make, tenant: str) -> None:
    await store.webhooks.add(endpoint(1, tenant), most=9)
    await end(store, record(1, tenant=tenant))
    assert await store.webhooks.list(tenant) == [endpoint(1, tenant)]
    assert (await claimed(store)).endpoint == endpoint(1, tenant)


async def test_changes_only_from_what_was_seen(store: Store) -> None:
    hooks, before = store.webhooks, endpoint()
    after = before.with_changes(secret="whsec_eQ==")
    assert not await hooks.swap(before, after)
    await hooks.add(before, most=9)
    assert await hooks.swap(before, after)
    assert not await hooks.swap(before, before.with_changes(url="http://h/z"))
    assert await hooks.get("default", before.id) == after


# --- the outbox -------------------------------------------------------------------------------------------------------
async def test_without_webhooks_nothing_waits(store: Store, record: Make) -> None:
    await end(store, record())
    await store.webhooks.add(endpoint(), most=9)
    assert await nothing_due(store)
    assert await store.webhooks.backlog() == Backlog()
    assert await store.webhooks.deliveries(endpoint(), 10) == []


@pytest.mark.parametrize("status", ["completed", "failed", "crashed", "cancelled"])
async def test_the_end_of_a_job_is_told_by_the_write_that_ends_it(store: Store, record: Make, status: str) -> None:
    await store.webhooks.add(endpoint(), most=9)
    last = await end(store, record(7, purpose="plan"), status, stopped_by="units")
    found = await claimed(store)
    assert found.endpoint == endpoint()
    told = found.delivery
    assert (told.id, told.type) == (f"msg_job_000007_{last}", f"job.{status}")
    known = {"id": "job_000007", "kind": "surrogate", "status": status, "purpose": "plan", "stopped_by": "units"}
    assert told.data == known
    assert (told.state, told.attempts, told.next_at, told.error) == ("waiting", 0, None, None)
    (event,) = await store.events("job_000007", after=last - 1, limit=5)
    assert abs(told.at - _seconds(event.at)) < 0.5


async def test_what_is_refused_is_not_told(store: Store, record: Make) -> None:
    await store.webhooks.add(endpoint(), most=9)
    await store.create(record())
    (held,) = await store.claim(60.0, 1, NOBODY)
    event = NewEvent("completed", {})
    with pytest.raises(Fenced):
        await store.emit(held.id, held.epoch + 1, ending(event, "completed"))
    await store.extend(held.id, Budget(units=5))
    with pytest.raises(BudgetChanged):
        await store.emit(held.id, held.epoch, Emission((event,), {"status": "completed"}, ends=True, budget_version=0))
    await store.emit(held.id, held.epoch, Emission((NewEvent("progress", {}),)))
    assert await nothing_due(store)


async def test_canaries_and_other_tenants_jobs_and_unwanted_ends_are_not_told(store: Store, record: Make) -> None:
    wants = (endpoint(1), endpoint(2, events=("job.failed",)), endpoint(3, "a"), endpoint(4, disabled_at="t"))
    for each in wants:
        await store.webhooks.add(each, most=9)
    await end(store, record(1, purpose="canary"))
    await end(store, record(2))
    assert (await claimed(store)).endpoint.id == "wh_1"
    assert await nothing_due(store)


async def test_a_job_that_goes_on_ends_again(store: Store, record: Make) -> None:
    await store.webhooks.add(endpoint(), most=9)
    await end(store, record())
    await store.extend(record().id, Budget(units=5))
    (held,) = await store.claim(60.0, 1, NOBODY)
    await store.emit(held.id, held.epoch, ending(NewEvent("failed", {}), "failed"))
    told = await store.webhooks.deliveries(endpoint(), 10)
    assert [each.type for each in told] == ["job.failed", "job.completed"]
    assert len({each.id for each in told}) == 2


async def test_deleted_jobs_are_still_told_of(store: Store, record: Make) -> None:
    await store.webhooks.add(endpoint(), most=9)
    await end(store, record())
    await store.delete(record().id)
    assert (await claimed(store)).delivery.data["id"] == record().id


# --- senders ----------------------------------------------------------------------------------------------------------
async def test_one_sender_has_it_until_its_claim_is_over(store: Store, record: Make) -> None:
    await store.webhooks.add(endpoint(), most=9)
    await end(store, record())
    dead = await claimed(store, lease=0.0)
    heir = await claimed(store)
    assert heir.delivery == dead.delivery, "the same id, the same message"
    assert await nothing_due(store)
    assert not await settle(store, dead), "fenced"
    assert await settle(store, heir)
    assert not await settle(store, heir)
    (told,) = await store.webhooks.deliveries(endpoint(), 10)
    assert (told.state, told.attempts, told.status) == ("delivered", 1, 200)
    assert await store.webhooks.backlog() == Backlog()
    assert (await store.tallied())["webhooks|delivered"] == 1


async def test_what_failed_waits_and_is_due_again(store: Store, record: Make) -> None:
    await store.webhooks.add(endpoint(), most=9)
    await end(store, record())
    assert await settle(store, await claimed(store), "waiting", wait=60.0)
    assert await nothing_due(store)
    assert (await store.webhooks.backlog()).waiting == 1
    await end(store, record(2))
    second = await claimed(store)
    assert await settle(store, second, "waiting", wait=0.0)
    again = await claimed(store)
    assert (again.delivery.id, again.delivery.attempts) == (second.delivery.id, 1)
    assert await settle(store, again, "failed")
    tallied = await store.tallied()
    assert (tallied["webhooks|retried"], tallied["webhooks|failed"]) == (2, 1)


async def test_a_busy_endpoint_does_not_hold_up_the_others(store: Store, record: Make) -> None:
    for each in (endpoint(1), endpoint(2, "a")):
        await store.webhooks.add(each, most=9)
    for number in range(3):
        await end(store, record(number))
    await end(store, record(9, tenant="a"))
    found = await claimed(store, busy=frozenset({endpoint(1).whose}))
    assert found.endpoint.id == "wh_2"
    assert await store.webhooks.claim(60.0, frozenset({endpoint(1).whose})) is None
    assert [(await claimed(store)).delivery.data["id"] for _ in range(3)] == [record(n).id for n in range(3)]


async def test_the_oldest_that_waits(store: Store) -> None:
    await store.webhooks.add(endpoint(), most=9)
    await store.webhooks.post(endpoint(), Delivery("msg_1", "webhook.test", 1_000.0, {}))
    backlog = await store.webhooks.backlog()
    assert backlog.waiting == 1
    assert backlog.oldest > 1e9
    await store.webhooks.remove(endpoint())
    assert await store.webhooks.backlog() == Backlog()
    assert await nothing_due(store)
    await store.webhooks.post(endpoint(), Delivery("msg_2", "webhook.test", 1_000.0, {}))
    assert await nothing_due(store), "nobody is there to be told"


async def test_removing_a_webhook_under_its_sender(store: Store, record: Make) -> None:
    await store.webhooks.add(endpoint(), most=9)
    await end(store, record())
    found = await claimed(store)
    await store.webhooks.remove(endpoint())
    assert not await settle(store, found)
    assert await store.webhooks.deliveries(endpoint(), 10) == []


async def test_the_last_settled_ones_are_kept(store: Store) -> None:
    await store.webhooks.add(endpoint(), most=9)
    for number in range(5):
        await store.webhooks.post(endpoint(), Delivery(f"msg_{number}", "webhook.test", 1_000.0 + number, {}))
    for _ in range(4):
        found = await claimed(store)
        await store.webhooks.settle(found, found.delivery.with_changes(state="delivered"), None, kept=2)
    assert [each.id for each in await store.webhooks.deliveries(endpoint(), 10)] == ["msg_4", "msg_3", "msg_2"]
    assert [each.id for each in await store.webhooks.deliveries(endpoint(), 1)] == ["msg_4"]
    assert await store.webhooks.sweep(3_600.0) == 0
    assert await store.webhooks.sweep(-1.0) == 2
    assert [each.id for each in await store.webhooks.deliveries(endpoint(), 10)] == ["msg_4"], "what waits stays"


async def test_a_settled_message_is_sent_once_more(store: Store, record: Make) -> None:
    await store.webhooks.add(endpoint(), most=9)
    await end(store, record())
    first = await claimed(store)
    assert await store.webhooks.again(endpoint(), first.delivery.id) is None, "it waits already"
    await settle(store, first, "failed")
    assert await store.webhooks.again(endpoint(), first.delivery.id) == first.delivery
    assert (await claimed(store)).delivery == first.delivery
    assert await store.webhooks.again(endpoint(), "msg_none") is None


# --- Redis alone ------------------------------------------------------------------------------------------------------
async def test_what_is_repeated_because_its_reply_was_lost_happens_once(
    proxy: Proxy, far: RedisStore, redis_store: RedisStore, record: Make
) -> None:
    async def losing(call: Awaitable[Any]) -> Any:
        before = proxy.lost
        proxy.lose_reply(b"EVALSHA")
        answer = await call
        assert proxy.lost == before + 1
        return answer

    hooks = redis_store.webhooks
    for number in (8, 9):  # loads all scripts, so that EVALSHA is what gets lost
        await hooks.add(endpoint(number, "a"), most=9)
        await end(redis_store, record(number, tenant="a"))
        await settle(redis_store, await claimed(redis_store))
        await hooks.again(endpoint(8, "a"), "msg_job_000008_2")
        await hooks.remove(endpoint(number, "a"))
    assert await losing(far.webhooks.add(endpoint(), most=1))
    await redis_store.create(record())
    (held,) = await redis_store.claim(60.0, 1, NOBODY)
    await losing(far.emit(held.id, held.epoch, ending(NewEvent("completed", {}), "completed")))
    (told,) = await hooks.deliveries(endpoint(), 10)
    assert await losing(settle(far, await claimed(far), "failed"))
    assert (await redis_store.tallied())["webhooks|failed"] == 1
    assert await losing(far.webhooks.again(endpoint(), told.id)) == told
    assert await hooks.deliveries(endpoint(), 10) == [told]
    await losing(far.webhooks.remove(endpoint()))
    assert await nothing_due(redis_store)


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
