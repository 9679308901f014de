"""What only a store behind a network can get wrong: lost replies, outages, servers that would lose jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import asyncio as redis

from burnish.wire import Budget
from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.records import (
    Emission,
    Idempotency,
    JobRecord,
    NewEvent,
    NotDurable,
    StoreUnavailable,
)
from burnish_workers.engine.redis_durability import Durability, check_room, judge
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore

from .proxy import Proxy

Make = Callable[..., JobRecord]
NOBODY: frozenset[str] = frozenset()
PROGRESS = Emission((NewEvent("progress", {}),))
END = Emission((NewEvent("completed", {}),), {"status": "completed"}, ends=True)


@pytest.fixture
async def proxy(valkey_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(valkey_url) as proxy:
        yield proxy


@pytest.fixture
async def far(proxy: Proxy) -> AsyncIterator[RedisStore]:
    """A store behind the proxy, with all scripts loaded."""
    store = RedisStore(RedisLink(proxy.url, retries=5))
    await store.ping()
    yield store
    await store.close()


@pytest.fixture
async def raw(valkey_url: str) -> AsyncIterator[Any]:
    client = redis.Redis.from_url(valkey_url, decode_responses=True)
    yield client
    await client.aclose()


# --- a reply that is lost ---------------------------------------------------------------------------------------------


async def test_repeated_writes_happen_once(
    proxy: Proxy, far: RedisStore, redis_store: RedisStore, record: Make
) -> None:
    """Each kind of write loses its reply once, and is repeated by the store; everything must have happened once."""

    async def losing(what: bytes, call: Awaitable[Any]) -> Any:
        before = proxy.lost
        proxy.lose_reply(what)
        answer = await call
        assert proxy.lost == before + 1
        return answer

    await redis_store.create(record(9))  # loads what is not loaded yet, so that EVALSHA is what gets lost
    await far.create(record(8))
    created = await losing(b"EVALSHA", far.create(record(1), Idempotency("key", "body")))
    assert not created.replayed
    created = await losing(b"EVALSHA", far.create(record(2)))
    assert not created.replayed
    assert await far.claim(60.0, 0, NOBODY) == []
    claimed = await losing(b"EVALSHA", far.claim(60.0, 2, NOBODY))
    assert [(job.id, job.epoch) for job in claimed] == [("job_000001", 1), ("job_000002", 1)]
    assert await far.emit("job_000001", 1, PROGRESS) == 2
    assert await losing(b"EVALSHA", far.emit("job_000001", 1, PROGRESS)) == 3
    await far.extend("job_000001", Budget(units=1))
    extended = await losing(b"EVALSHA", far.extend("job_000001", Budget(units=10)))
    assert (extended.budget, extended.budget_version) == (Budget(units=1011), 2)
    await losing(b"EVALSHA", far.emit("job_000002", 1, END))
    await far.release("job_000001", 1)
    events = await far.events("job_000001", after=0, limit=99)
    assert [event.sequence for event in events] == [1, 2, 3]
    assert [event.type for event in await far.events("job_000002", after=0, limit=99)] == ["status", "completed"]


async def test_a_forgetful_script_cache_does_not_matter(redis_store: RedisStore, raw: Any, record: Make) -> None:
    await redis_store.create(record(1))
    await raw.script_flush()
    await redis_store.create(record(2))
    assert len(await redis_store.claim(60.0, 5, NOBODY)) == 2


async def test_a_cancelled_call_does_not_confuse_the_next(valkey_url: str, record: Make) -> None:
    store = RedisStore(RedisLink(valkey_url, connections=1))
    await store.create(record(1))
    for delay in (0.0, 0.0001, 0.0002, 0.0004, 0.0008, 0.0016):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(store.list(limit=5), delay)
        kept = await store.get("job_000001")
        assert kept is not None
        assert kept.id == "job_000001"
    await store.close()


# --- a server that is away --------------------------------------------------------------------------------------------


async def test_every_call_says_that_the_store_is_away(valkey_url: str, record: Make) -> None:
    port = urlsplit(valkey_url).port
    async with Proxy(valkey_url) as proxy:
        url = proxy.url
    store = RedisStore(RedisLink(url, retries=1))
    calls: list[Awaitable[Any]] = [
        store.ping(),
        store.link.check_durability(),
        store.create(record()),
        store.get("job_1"),
        store.list(limit=1),
        store.events("job_1", after=0, limit=1),
        store.wait("job_1", after=0, timeout=0.01),
        store.ledger("job_1", after=0, limit=1),
        store.extend("job_1", Budget(units=1)),
        store.request_cancel("job_1"),
        store.claim(1.0, 1, NOBODY),
        store.renew("job_1", 1, 1.0),
        store.emit("job_1", 1, PROGRESS),
        store.release("job_1", 1),
        store.wait_for_work(0.01),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1") as refused:
            await call
        assert str(port) not in str(refused.value)
        assert ":@" not in str(refused.value)
    await store.close()


async def test_a_wrong_password_is_said_at_once(valkey_url: str) -> None:
    store = RedisStore(RedisLink(valkey_url.replace("redis://:", "redis://:not"), retries=1000))
    with pytest.raises(StoreUnavailable, match=r"WRONGPASS|invalid"):
        await asyncio.wait_for(store.ping(), 10.0)
    await store.close()


async def test_a_short_outage_is_ridden_out(proxy: Proxy, far: RedisStore, record: Make) -> None:
    await far.create(record())
    await proxy.cut()
    await far.claim(60.0, 1, NOBODY)
    for _ in range(5):
        await proxy.cut()
        await far.emit("job_000001", 1, PROGRESS)
    events = await far.events("job_000001", after=0, limit=99)
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6]


# --- waking thousands -------------------------------------------------------------------------------------------------


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20.0):
        while not await condition():  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.02)


async def test_all_readers_share_one_connection_and_leave_nothing(
    redis_store: RedisStore, raw: Any, record: Make
) -> None:
    for number in range(50):
        await redis_store.create(record(number))
    jobs = await redis_store.claim(60.0, 50, NOBODY)
    waiting = [asyncio.create_task(redis_store.wait(job.id, after=1, timeout=30.0)) for job in jobs for _ in range(40)]

    async def channels() -> int:
        return len(await raw.pubsub_channels())

    async def all_open() -> bool:
        return await channels() == 51  # and that of the runners

    await until(all_open)
    assert len(await raw.client_list(_type="pubsub")) == 1
    for job in jobs:
        await redis_store.emit(job.id, 1, PROGRESS)
    assert all(await asyncio.wait_for(asyncio.gather(*waiting), 20.0))

    async def all_left() -> bool:
        return await channels() == 1

    await until(all_left)


async def test_readers_survive_a_reconnect(
    proxy: Proxy, far: RedisStore, redis_store: RedisStore, record: Make
) -> None:
    await redis_store.create(record())
    await redis_store.claim(60.0, 1, NOBODY)
    assert not await far.wait("job_000001", after=1, timeout=0.1)

    after = 1
    for _ in range(5):
        waiting = asyncio.create_task(far.wait("job_000001", after=after, timeout=30.0))
        await asyncio.sleep(0.02)
        await proxy.cut()
        after = await redis_store.emit("job_000001", 1, PROGRESS)  # nobody hears this one
        assert await asyncio.wait_for(waiting, 10.0)
        # Woken by the loss or by looking again; either way the next wait knows the number.
        assert await asyncio.wait_for(far.wait("job_000001", after=after - 1, timeout=30.0), 10.0)
        assert not await far.wait("job_000001", after=after, timeout=0.02)


# --- servers that would lose jobs -------------------------------------------------------------------------------------

SAFE = {"aof_enabled": 1, "maxmemory_policy": "noeviction", "redis_version": "7.0.0"}


@pytest.mark.parametrize(
    ("info", "fsync", "waitaof", "why"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "always", True, "allkeys-lru.*noeviction"),
        ({"aof_enabled": 0}, "always", True, "append-only"),
        ({}, "no", True, "appendfsync no"),
        ({}, "everysec", False, r"7\.0\.0.*7\.2"),
        ({}, None, False, r"7\.0\.0.*7\.2"),
    ],
)
def test_a_server_that_would_lose_jobs_is_refused(
    info: dict[str, Any], fsync: str | None, waitaof: bool, why: str
) -> None:
    with pytest.raises(NotDurable, match=why):
        judge({**SAFE, **info}, fsync, waitaof, allow_volatile=False)


def test_a_server_that_keeps_them_is_taken() -> None:
    assert judge(SAFE, "always", False, allow_volatile=False) == Durability(waits=False)
    assert judge(SAFE, "everysec", True, allow_volatile=False) == Durability(waits=True)
    assert judge(SAFE, None, True, allow_volatile=False) == Durability(waits=True)
    assert judge({**SAFE, "aof_enabled": 0}, "everysec", True, allow_volatile=True) == Durability(waits=False)


def test_a_full_server_takes_no_new_jobs() -> None:
    check_room({"used_memory": 10**9, "maxmemory": 0})
    check_room({"used_memory": 79, "maxmemory": 100})
    with pytest.raises(StoreUnavailable, match="81%"):
        check_room({"used_memory": 81, "maxmemory": 100})


async def test_real_servers_are_judged(tmp_path_factory: pytest.TempPathFactory, record: Make) -> None:
    with EmbeddedValkey(tmp_path_factory.mktemp("judged")) as server:  # everysec: writes wait for the disk
        client = redis.Redis.from_url(server.url)
        for setting, value, why in (
            ("maxmemory-policy", "allkeys-lru", "allkeys-lru"),
            ("appendfsync", "no", "appendfsync no"),
            ("appendonly", "no", "append-only"),
        ):
            store = RedisStore(RedisLink(server.url, retries=3))
            await store.link.check_durability()
            before = str((await client.config_get(setting))[setting])
            await client.config_set(setting, value)
            refused = RedisStore(RedisLink(server.url, retries=3))
            with pytest.raises(NotDurable, match=why):
                await refused.link.check_durability()
            with pytest.raises(NotDurable, match=why):
                await refused.create(record())
            await refused.close()
            await client.config_set(setting, before)
            await store.close()
        await until(lambda: _aof_is_on(client))
        store = RedisStore(RedisLink(server.url, retries=3))
        await asyncio.gather(*(store.create(record(number)) for number in range(20)))
        (job,) = await store.claim(60.0, 1, NOBODY)
        await client.config_set("maxmemory", int(1.1 * (await client.info("memory"))["used_memory"]))
        with pytest.raises(StoreUnavailable, match="full"):
            await store.create(record(99))
        assert await store.emit(job.id, 1, PROGRESS) == 2
        await store.close()
        await client.aclose()


async def _aof_is_on(client: Any) -> bool:
    info = await client.info("persistence")
    return not info["aof_rewrite_in_progress"] and not info["aof_rewrite_scheduled"]


# --- keys and clocks --------------------------------------------------------------------------------------------------


async def test_prefixes_keep_stores_apart(valkey_url: str, redis_store: RedisStore, raw: Any, record: Make) -> None:
    other = RedisStore(RedisLink(valkey_url, prefix="other:"))
    await redis_store.create(record(), Idempotency("key", "body"))
    assert await other.get("job_000001") is None
    assert await other.claim(60.0, 1, NOBODY) == []
    assert all(key.startswith("burnish:") for key in await raw.keys("*"))
    assert {key for key in await raw.keys("*") if "job_000001" in key} == {
        "burnish:{job_000001}:job",
        "burnish:{job_000001}:events",
    }
    await other.close()


async def test_idempotency_keys_live_a_day(redis_store: RedisStore, raw: Any, record: Make) -> None:
    await redis_store.create(record(), Idempotency("any ünicode\n*", "body"))
    (key,) = await raw.keys("burnish:once:*")
    assert 86_390 <= await raw.ttl(key) <= 86_400

    now = 1000.0
    twin = MemoryStore(now=lambda: now)
    await twin.create(record(1), Idempotency("key", "body"))
    now += 86_399.0
    assert (await twin.create(record(2), Idempotency("key", "body"))).replayed
    now += 1.0
    assert not (await twin.create(record(2), Idempotency("key", "other body"))).replayed


async def test_the_twin_leases_by_the_clock_it_is_given(record: Make) -> None:
    now = 0.0
    twin = MemoryStore(now=lambda: now)
    await twin.create(record())
    assert len(await twin.claim(10.0, 1, NOBODY)) == 1
    now = 9.9
    assert await twin.claim(10.0, 1, NOBODY) == []
    now = 10.0
    assert [job.epoch for job in await twin.claim(10.0, 1, NOBODY)] == [2]
