"""The port over which runners share the pool, each implementation in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from burnish_workers.core.demand import Need
from burnish_workers.engine.coordination import Coordination, Report, Share
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.redis_coordination import RedisCoordination
from burnish_workers.engine.redis_link import RedisLink

NEED = Need(
    "job_1",
    "a",
    12,
    tenant="t",
    in_flight=3,
    weight=2.5,
    blocks=7,
    replicates=112,
    seconds=3.25,
    block_seconds=0.4,
    spread=0.125,
    remaining=17.5,
    barred=True,
)


@pytest.fixture(params=["memory", "redis"])
async def coordination(request: pytest.FixtureRequest) -> AsyncIterator[Coordination]:
    if request.param == "memory":
        yield MemoryCoordination()
        return
    link = RedisLink(request.getfixturevalue("valkey_url"), retries=3)
    yield RedisCoordination(link)
    await link.close()


def report(runner: str, jobs: int = 0) -> Report:
    return Report(runner, tuple(Need(f"{runner}-{i}", runner, 4) for i in range(jobs)))


async def test_the_first_leads_and_hears_all_reports(coordination: Coordination) -> None:
    first = await coordination.exchange(Report("a", (NEED,)), 60, 60)
    second = await coordination.exchange(report("b", 2), 60, 60)
    again = await coordination.exchange(Report("a", (NEED,)), 60, 60)
    assert (first.epoch, second.epoch, again.epoch) == (1, None, 1)
    assert first.share is second.share is None
    assert again.loads == {"a": 1, "b": 2}
    assert again.reports == (Report("a", (NEED,)), report("b", 2)), "word for word"
    assert second.reports == (), "not for who does not lead"


async def test_shares_reach_their_runners(coordination: Coordination) -> None:
    await coordination.exchange(report("a"), 60, 60)
    assert await coordination.publish(1, {"a": Share("1.1", 3), "b": Share("1.1", 5, {"job": 5})})
    assert (await coordination.exchange(report("b"), 60, 60)).share == Share("1.1", 5, {"job": 5})
    assert await coordination.publish(1, {"a": Share("1.2", 8)})
    assert (await coordination.exchange(report("b"), 60, 60)).share is None, "not in the last decision"
    assert (await coordination.exchange(report("a"), 60, 60)).share == Share("1.2", 8)


async def test_a_leader_that_is_silent_is_followed_and_fenced(coordination: Coordination) -> None:
    assert (await coordination.exchange(report("zombie"), 60, 0.05)).epoch == 1
    assert (await coordination.exchange(report("next"), 60, 60)).epoch is None
    await asyncio.sleep(0.1)
    assert (await coordination.exchange(report("next"), 60, 60)).epoch == 2
    assert await coordination.publish(2, {"next": Share("2.1", 16)})
    assert not await coordination.publish(1, {"zombie": Share("1.9", 16)}), "fenced"
    assert (await coordination.exchange(report("zombie"), 60, 60)).epoch is None
    assert (await coordination.exchange(report("next"), 60, 60)).share == Share("2.1", 16)


async def test_who_comes_back_late_leads_under_a_new_epoch(coordination: Coordination) -> None:
    assert (await coordination.exchange(report("a"), 60, 0.05)).epoch == 1
    await asyncio.sleep(0.1)
    assert (await coordination.exchange(report("a"), 60, 60)).epoch == 2


async def test_silent_runners_are_forgotten(coordination: Coordination) -> None:
    await coordination.exchange(report("a", 1), 0.05, 60)
    await coordination.exchange(report("b", 2), 60, 60)
    await asyncio.sleep(0.1)
    assert (await coordination.exchange(report("b", 2), 60, 60)).loads == {"b": 2}


async def test_who_leaves_is_forgotten_at_once_and_leads_no_more(coordination: Coordination) -> None:
    await coordination.exchange(report("a", 1), 60, 60)
    await coordination.exchange(report("b", 2), 60, 60)
    await coordination.leave("a")
    found = await coordination.exchange(report("b", 2), 60, 60)
    assert found.epoch == 2
    assert found.loads == {"b": 2}
    assert found.reports == (report("b", 2),)


async def test_who_follows_and_leaves_takes_nothing_with_it(coordination: Coordination) -> None:
    await coordination.exchange(report("a"), 60, 60)
    await coordination.exchange(report("b"), 60, 60)
    await coordination.leave("b")
    assert (await coordination.exchange(report("a"), 60, 60)).epoch == 1


async def test_exactly_one_of_many_leads(coordination: Coordination) -> None:
    found = await asyncio.gather(*(coordination.exchange(report(f"{i}"), 60, 60) for i in range(20)))
    assert sorted(each.epoch for each in found if each.epoch is not None) == [1]


async def test_a_report_of_a_later_version_is_read(valkey_url: str) -> None:
    """Two versions run side by side while the service is upgraded."""
    link = RedisLink(valkey_url, retries=3)
    coordination = RedisCoordination(link)
    await coordination.exchange(report("a"), 60, 60)
    await link.command("HSET", link.keys.reports, "b", '["b",[{"id":"j","runner":"b","demand":2,"mood":"good"}]]')
    found = await coordination.exchange(report("a"), 60, 60)
    assert found.reports[1] == Report("b", (Need("j", "b", 2),))
    await link.close()
