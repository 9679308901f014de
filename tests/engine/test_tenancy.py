"""What the ports promise of tenants: jobs, uploads, usage, keys and quotas, held by every implementation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from burnish.wire import Budget, Spent, StoredFile
from burnish_workers.engine.api_keys import configured, minted
from burnish_workers.engine.library import Library, TooManyBytes
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.memory_tenancy import MemoryTenancy
from burnish_workers.engine.records import Emission, JobRecord, NewEvent, TooManyJobs
from burnish_workers.engine.redis_library import RedisLibrary
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.redis_tenancy import RedisTenancy
from burnish_workers.engine.store import Store
from burnish_workers.engine.tenancy import StoredKey, Tenancy
from burnish_workers.engine.tenants import Quota

Make = Callable[..., JobRecord]
Claimed = Callable[..., Awaitable[JobRecord]]

ENDED = Emission((NewEvent("completed", {}),), {"status": "completed", "spent": Spent(units=70)}, ends=True)


@dataclass
class House:
    store: Store
    library: Library
    tenancy: Tenancy


@pytest.fixture(params=["memory", "redis"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    if request.param == "memory":
        yield House(MemoryStore(), MemoryLibrary(), MemoryTenancy())
        return
    link = RedisLink(request.getfixturevalue("valkey_url"), retries=3)
    yield House(RedisStore(link), RedisLibrary(link), RedisTenancy(link))
    await link.close()


async def test_jobs_are_listed_by_tenant(house: House, record: Make) -> None:
    for number, tenant in enumerate(("a", "b", "a", "a")):
        await house.store.create(record(number, tenant=tenant))
    await house.store.create(record(9, tenant="c", purpose="canary"))
    page = await house.store.list(limit=2, tenant="a")
    assert ([one.id[-1] for one in page.records], page.has_more) == (["3", "2"], True)
    rest = await house.store.list(limit=2, tenant="a", after=page.records[-1].id)
    assert ([one.id[-1] for one in rest.records], rest.has_more) == (["0"], False)
    assert [one.id[-1] for one in (await house.store.list(limit=9, tenant="b", canaries=True)).records] == ["9", "1"]
    assert len((await house.store.list(limit=9)).records) == 4
    assert await house.store.tenant_of(record(1).id) == "b"
    assert await house.store.tenant_of("job_none") is None


async def test_live_jobs_are_counted_and_limited(house: House, record: Make, claimed: Claimed) -> None:
    store = house.store
    held = await claimed(store, record(1, tenant="a"))
    await store.create(record(2, tenant="a"), most=2)
    await store.create(record(3, tenant="b"), most=1)
    await store.create(record(4, tenant="a", purpose="canary"))
    with pytest.raises(TooManyJobs):
        await store.create(record(5, tenant="a"), most=2)
    assert await store.get(record(5).id) is None
    assert (await store.live("a"), await store.live("b")) == (2, 1)
    await store.emit(held.id, held.epoch, ENDED)
    assert await store.live("a") == 1
    await store.create(record(5, tenant="a"), most=2)
    with pytest.raises(TooManyJobs):
        await store.extend(held.id, Budget(units=5), most=2)
    await store.extend(record(5).id, Budget(units=5), most=2)  # it is live already
    assert (await store.extend(held.id, Budget(units=5), most=3)).status == "queued"  # type: ignore[union-attr]
    assert await store.live("a") == 3


async def test_a_crashed_job_goes_on_within_the_limit(house: House, record: Make, claimed: Claimed) -> None:
    held = await claimed(house.store, record(1, tenant="a"))
    crashed = Emission((NewEvent("crashed", {}),), {"status": "crashed"}, ends=True, budget_version=-1)
    await house.store.emit(held.id, held.epoch, crashed)
    with pytest.raises(TooManyJobs):
        await house.store.resume(held.id, most=0)
    assert (await house.store.resume(held.id, most=1)).status == "queued"  # type: ignore[union-attr]
    assert await house.store.live("a") == 1


async def test_usage_by_tenant(house: House, record: Make, claimed: Claimed) -> None:
    held = await claimed(house.store, record(1, tenant="a"))
    await house.store.emit(held.id, held.epoch, ENDED)
    await house.store.create(record(2, tenant="b"))
    assert [(row.jobs, row.units) for row in await house.store.usage(1, "a")] == [(1, 70)]
    assert [(row.jobs, row.units) for row in await house.store.usage(1)] == [(2, 70)]
    units, left = await house.store.spent_today("a")
    assert units == 70
    assert 0 < left <= 86_400
    assert (await house.store.spent_today("b"))[0] == 0


def file(number: int = 1) -> StoredFile:
    known = {"id": f"sha256:{number:064x}", "type": "array", "state": "ready", "bytes": 100}
    return StoredFile.model_validate({**known, "created_at": "2026-01-01T00:00:00.000Z"})


async def test_files_are_had_by_those_who_sent_them(house: House) -> None:
    library = house.library
    for tenant in ("a", "b", "a"):
        await library.add(file(), tenant)
    await library.add(file(2), "a", most=200)
    with pytest.raises(TooManyBytes) as error:
        await library.add(file(3), "a", most=299)
    assert error.value.kept == 200
    assert await library.get("array", file(3).id) is None
    await library.add(file(1), "a", most=0)  # it has that
    assert [one.id for one in (await library.list("array", limit=5, tenant="a")).files] == [file(2).id, file().id]
    assert (await library.list("array", limit=5)).files == []
    assert [await library.has("array", file().id, tenant) for tenant in ("a", "b", "default")] == [True, True, False]
    assert await library.drop("array", file().id, "c") == "missing"
    assert await library.drop("array", file().id, "a") == "shared"
    assert await library.drop("array", file().id, "a") == "missing"
    assert await library.get("array", file().id) == file()
    assert await library.drop("array", file().id, "b") == "gone"
    assert await library.get("array", file().id) is None
    assert [await library.bytes_of(tenant) for tenant in ("a", "b")] == [100, 0]
    assert await library.remove("array", file(2).id)
    assert (await library.list("array", limit=5, tenant="a")).files == []
    assert await library.bytes_of("a") == 0


async def test_keys_change_only_from_what_was_seen(house: House) -> None:
    tenancy = house.tenancy
    (key,) = configured(f"a={minted().text}")
    key = key.with_changes(created_at="2026-01-01T00:00:00.000Z", previous="0" * 64)
    assert (await tenancy.key(key.id), await tenancy.count()) == (None, 0)
    assert await tenancy.swap(None, key)
    assert not await tenancy.swap(None, key.with_changes(tenant="b"))
    revoked = key.with_changes(revoked_at="2026-01-02T00:00:00.000Z")
    assert await tenancy.swap(key, revoked)
    assert not await tenancy.swap(key, key.with_changes(digest="1" * 64))
    assert await tenancy.key(key.id) == revoked
    assert await tenancy.keys() == [revoked]
    assert await tenancy.count() == 1


async def test_quotas(house: House) -> None:
    assert await house.tenancy.quota("a") is None
    await house.tenancy.set_quota("a", Quota(jobs=3))
    assert await house.tenancy.quota("a") == Quota(jobs=3)
    await house.tenancy.set_quota("a", None)
    assert await house.tenancy.quota("a") is None


def test_fields_of_a_newer_version_are_left_out() -> None:
    (key,) = configured(f"a={minted().text}")
    newer = key.to_json()[:-1] + ',"network":"10.0.0.0/8"}'
    assert StoredKey.from_json(newer) == key


# --- what was stored before there were tenants, and by runners that know of none --------------------------------------
async def test_what_is_nobodys_is_the_default_tenants(redis_store: RedisStore, record: Make) -> None:
    link, library = redis_store.link, RedisLibrary(redis_store.link)
    await redis_store.create(record(1))
    await link.command("HDEL", link.keys.job(record(1).id), "tenant")
    assert await redis_store.tenant_of(record(1).id) == "default"
    assert (await redis_store.get(record(1).id)).tenant == "default"  # type: ignore[union-attr]
    assert len((await redis_store.list(limit=5, tenant="default")).records) == 1
    assert (await redis_store.list(limit=5, tenant="a")).records == []
    await library.add(file())
    await link.command("DEL", link.keys.owners("array", file().id), link.keys.bytes)
    await library.add(file(), "a")
    assert await library.has("array", file().id, "default")
    assert await library.drop("array", file().id, "a") == "shared"
    assert await library.drop("array", file().id, "default") == "gone"
    assert await library.bytes_of("default") == 0


async def test_jobs_that_ended_unseen_take_no_place(redis_store: RedisStore, record: Make, claimed: Claimed) -> None:
    held = await claimed(redis_store, record(1, tenant="a"))
    await redis_store.emit(held.id, held.epoch, ENDED)
    await redis_store.link.command("SADD", redis_store.link.keys.live("a"), held.id, "job_deleted")
    await redis_store.create(record(2, tenant="a"), most=1)
    assert await redis_store.live("a") == 1
