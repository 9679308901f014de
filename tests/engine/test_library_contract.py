"""What the port of uploaded files promises, held by every implementation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from burnish.wire import FileType, Problem, StoredFile
from burnish_workers.engine.library import Library
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.redis_library import RedisLibrary
from burnish_workers.engine.redis_link import RedisLink


@pytest.fixture(params=["memory", "redis"])
async def library(request: pytest.FixtureRequest) -> AsyncIterator[Library]:
    if request.param == "memory":
        yield MemoryLibrary()
        return
    link = RedisLink(request.getfixturevalue("valkey_url"), retries=3)
    yield RedisLibrary(link)
    await link.close()


def file(number: int = 1, type: FileType = "model", **changes: object) -> StoredFile:
    made = StoredFile(
        id=f"sha256:{number:064x}",
        type=type,
        state="checking" if type == "model" else "ready",
        bytes=10 + number,
        created_at="2026-01-01T00:00:00.000Z",
        card={"dim": number},
    )
    return made.model_copy(update=changes)


async def test_add_and_get(library: Library) -> None:
    assert await library.get("model", file().id) is None
    assert await library.add(file()) == file()
    assert await library.get("model", file().id) == file()
    assert await library.get("array", file().id) is None


async def test_what_is_there_stays(library: Library) -> None:
    await library.add(file())
    assert await library.add(file(card={"dim": 99})) == file()
    assert (await library.get("model", file().id)) == file()


async def test_listed_newest_first_in_pages(library: Library) -> None:
    for number in (3, 1, 2):
        await library.add(file(number))
    await library.add(file(4, "array"))
    first = await library.list("model", limit=2)
    assert [f.card["dim"] for f in first.files] == [2, 1]
    assert first.has_more
    rest = await library.list("model", limit=2, after=first.files[-1].id)
    assert [f.card["dim"] for f in rest.files] == [3]
    assert not rest.has_more
    assert [f.type for f in (await library.list("array", limit=5)).files] == ["array"]


async def test_a_model_is_checked_by_one_at_a_time(library: Library) -> None:
    await library.add(file())
    assert await library.to_check(60.0) == file()
    assert await library.to_check(60.0) is None


async def test_a_check_that_was_never_finished_is_done_by_another(library: Library) -> None:
    await library.add(file())
    assert await library.to_check(0.01) == file()
    await asyncio.sleep(0.03)
    assert await library.to_check(60.0) == file()


async def test_arrays_are_not_checked(library: Library) -> None:
    await library.add(file(1, "array"))
    assert await library.to_check(60.0) is None


async def test_a_verdict_is_final(library: Library) -> None:
    await library.add(file())
    await library.settle(file(state="ready", card={"dim": 1, "seconds": 0.5}))
    await library.settle(file(state="rejected"))
    found = await library.get("model", file().id)
    assert found is not None
    assert (found.state, found.card["seconds"]) == ("ready", 0.5)
    assert await library.to_check(60.0) is None


async def test_a_verdict_on_what_was_removed_brings_nothing_back(library: Library) -> None:
    await library.add(file())
    assert await library.remove("model", file().id)
    await library.settle(file(state="ready"))
    assert await library.get("model", file().id) is None
    assert not await library.remove("model", file().id)
    assert (await library.list("model", limit=5)).files == []
    assert await library.to_check(60.0) is None


async def test_a_rejected_model_may_be_tried_again(library: Library) -> None:
    problem = Problem(title="Model rejected", status=422, detail="it took too long")
    await library.add(file())
    await library.settle(file(state="rejected", problem=problem))
    assert (await library.add(file())).state == "checking"
    assert await library.to_check(60.0) == file()


async def test_users(library: Library) -> None:
    assert not await library.use("model", file().id, "job_1")
    await library.add(file())
    assert await library.use("model", file().id, "job_1")
    assert await library.use("model", file().id, "job_2")
    ages = await library.users("model", file().id)
    assert sorted(ages) == ["job_1", "job_2"]
    assert all(-1 <= age < 60 for age in ages.values())
    await library.unuse("model", file().id, "job_1")
    assert sorted(await library.users("model", file().id)) == ["job_2"]
    await library.remove("model", file().id)
    assert await library.users("model", file().id) == {}
