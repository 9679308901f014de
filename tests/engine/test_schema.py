"""Stored state is read by its version: what today's version 1 kept goes on to the same bits, a newer one is refused."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from burnish_workers.core.registry import registry
from burnish_workers.engine.checkpoint import Checkpoint
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.dispatcher import Terms
from burnish_workers.engine.encoding import decode_record, encode_record
from burnish_workers.engine.fleet import InlineFleet, numeric_class_here
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.redis_library import RedisLibrary
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.schema import MARK, SCHEMA, StoredByNewer, StoreTooNew, check_version, upgraded
from burnish_workers.engine.storage import Storage
from burnish_workers.testing import lawful_digests

KEPT = Path(__file__).parent / "kept" / "version-1.json"
"""Everything that a service of version 1 left in Valkey and beside it: a completed job, one that was handed over after
15 of its 32 blocks, an uploaded array, idempotency keys, usage."""


async def restore(link: RedisLink, kept: dict[str, Any]) -> None:
    """Write the keys back as they were."""
    for key, entry in kept.items():
        match entry["type"], entry["value"]:
            case "string", value:
                await link.command("SET", key, value)
            case "hash", value:
                await link.command("HSET", key, *(text for pair in value.items() for text in pair))
            case "zset", value:
                for member, score in value:
                    await link.command("ZADD", key, score, member)
            case "stream", value:
                for id, fields in value:
                    await link.command("XADD", key, id, *(text for pair in fields.items() for text in pair))
            case type, _:
                raise ValueError(type)


@pytest.fixture
async def kept(valkey_url: str) -> AsyncIterator[Storage]:
    """A store and artifacts as version 1 left them; jobs are pinned to the class of this machine."""
    found = json.loads(KEPT.read_text().replace("@numeric-class@", numeric_class_here("cpu")))
    link, artifacts = RedisLink(valkey_url, retries=3), MemoryArtifacts()
    await restore(link, found["keys"])
    for name, data in found["artifacts"].items():
        await artifacts.write(name, base64.b64decode(data))
    yield Storage(RedisStore(link), RedisLibrary(link), artifacts, MemoryCoordination())
    await link.close()


async def test_version_1_is_read_and_goes_on_to_the_same_bits(kept: Storage) -> None:
    await kept.store.open()
    page = await kept.store.list(limit=10)
    going, done = page.records
    assert (done.status, done.stopped_by, done.last_refinement and done.last_refinement.final) == (
        "completed",
        "units",
        True,
    )
    assert (going.status, going.promise, going.budget.deadline) == ("running", None, None)
    assert [file.type for file in (await kept.library.list("array", limit=5)).files] == ["array"]
    assert {row.kind: row.jobs for row in await kept.store.usage(36_000)} == {"correlated": 2}

    task = kept.dispatcher(registry(), InlineFleet(1), SystemClock(), Terms(lease=5.0, poll=0.05))
    running = asyncio.create_task(task.run())
    while not (record := await kept.store.get(going.id)) or not record.done:
        assert not running.done()
        await asyncio.sleep(0.05)
    await task.leave()
    await running
    law = lawful_digests({**going.spec, "nap": 0.0}, 32)
    events = await kept.store.events(going.id, after=0, limit=1000)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    refinements = [event.data for event in events if event.type == "refinement"]
    assert refinements[-1]["blocks"] == 32
    assert {each["blocks"]: each["digest"] for each in refinements} == {
        each["blocks"]: law[each["blocks"]] for each in refinements
    }
    rows = await kept.store.ledger(going.id, after=-1, limit=100)
    assert [row.index for row in rows] == list(range(32))
    assert {row.epoch for row in rows} == {1, 2}, "the prefix of version 1 was not run again"
    assert await field(kept, going.id) == str(SCHEMA), "who holds a job writes it in its own version"


async def field(storage: Storage, job: str) -> str:
    assert isinstance(storage.store, RedisStore)
    link = storage.store.link
    return await link.command("HGET", link.keys.job(job), MARK)


async def test_what_a_newer_version_wrote_is_never_read(kept: Storage) -> None:
    assert isinstance(kept.store, RedisStore)
    link = kept.store.link
    going, done = (await kept.store.list(limit=10)).records
    for job in (going.id, done.id):
        await link.command("HSET", link.keys.job(job), MARK, str(SCHEMA + 1), "status", "paused in a new way")
    with pytest.raises(StoredByNewer, match=f"schema {SCHEMA + 1}"):
        await kept.store.get(going.id)
    with pytest.raises(StoredByNewer):
        await kept.store.list(limit=10)
    assert await kept.store.claim(5.0, 10, frozenset()) == [], "left to a runner of that version"
    assert await field(kept, going.id) == str(SCHEMA + 1)


async def test_newer_jobs_hide_no_older_ones(kept: Storage, record) -> None:
    """A runner passes over jobs of a newer version, however many wait before its own."""
    assert isinstance(kept.store, RedisStore)
    link = kept.store.link
    for number in range(30):
        await kept.store.create(record(number))
        await link.command("HSET", link.keys.job(record(number).id), MARK, str(SCHEMA + 1))
    for number in range(30, 33):
        await kept.store.create(record(number))
    (first,) = await kept.store.claim(60.0, 1, frozenset())
    rest = await kept.store.claim(60.0, 5, frozenset({first.id}))
    mine = [each.id for each in (first, *rest) if each.kind == "surrogate"]
    assert mine == [record(number).id for number in (30, 31, 32)]
    assert await kept.store.claim(60.0, 5, frozenset()) == []


async def test_a_store_that_served_a_newer_version_is_refused(valkey_url: str) -> None:
    link = RedisLink(valkey_url, retries=1)
    store = RedisStore(link)
    await store.open()
    assert await link.command("GET", link.keys.schema) == str(SCHEMA)
    await store.open()
    await link.command("SET", link.keys.schema, SCHEMA + 1)
    with pytest.raises(StoreTooNew, match="newer burnish"):
        await store.open()
    assert await link.command("GET", link.keys.schema) == str(SCHEMA + 1), "the mark never goes back"
    await store.close()


def test_each_version_passes_through_one_upgrade_after_the_other(record) -> None:
    fields = encode_record(record(1))
    assert fields[MARK] == str(SCHEMA)
    assert decode_record(fields) == record(1)
    steps = {
        1: lambda old: {**{k: v for k, v in old.items() if k != "cost"}, "price": old["cost"]},
        2: lambda old: {**old, "price": str(2 * int(old["price"]))},
    }
    assert upgraded({"id": "a", "cost": "3"}, 3, steps) == {"id": "a", "price": "6", MARK: "3"}
    assert upgraded({"id": "a", "price": "3", MARK: "2"}, 3, steps) == {"id": "a", "price": "6", MARK: "3"}
    assert upgraded({"id": "a", "price": "3", MARK: "3"}, 3, steps) == {"id": "a", "price": "3", MARK: "3"}
    with pytest.raises(StoredByNewer, match="job a"):
        upgraded({"id": "a", MARK: "4"}, 3, steps)


def test_checkpoints_carry_their_version() -> None:
    whole = Checkpoint(3, {})
    assert Checkpoint.from_bytes(whole.to_bytes()) == whole
    with pytest.raises(StoredByNewer, match="checkpoint"):
        check_version(SCHEMA + 1, "the checkpoint")
