"""What a running job knows of its observations, and what it asks of the pool meanwhile."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from burnish.wire import Budget, Spent
from burnish_workers.core.feed import kept
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.kind import SpecError
from burnish_workers.core.purse import Purse
from burnish_workers.core.registry import registry
from burnish_workers.core.report import schedule_of
from burnish_workers.engine import inflow as inflow_
from burnish_workers.engine.clock import FrozenClock
from burnish_workers.engine.crew import Crew
from burnish_workers.engine.inflow import Inflow, inflow_of
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.needs import Underway, need_of
from burnish_workers.engine.progress import Progress
from burnish_workers.engine.records import JobRecord, Posted, StoreUnavailable
from burnish_workers.engine.scribe import Scribe
from burnish_workers.testing import ChaosFleet
from burnish_workers.testing_feed import resolved_tracking

LANES = 8
KIND = registry().get("tracking")


def spec_of(*observations: list[float] | None, **more: object):
    return KIND.spec.model_validate(resolved_tracking(observations, lanes=LANES, **more))


def inflow(*observations: list[float] | None, **more: object) -> Inflow:
    feed = KIND.feed(spec_of(*observations, **more), NOTHING)
    assert feed is not None
    return Inflow(feed, LANES)


async def stored(count: int, **more: object) -> MemoryStore:
    store = MemoryStore()
    spec = spec_of([0.5]).model_dump(mode="json")
    await store.create(JobRecord("job", "tracking", spec, Budget(units=1), "", given=1, **more))  # pyright: ignore
    for first in range(0, count, 1_000):
        texts = tuple(f"[{i}.0]" for i in range(first, min(count, first + 1_000)))
        await store.observe("job", Posted(first, texts, first + len(texts) == count, 10**6))
    return store


def test_blocks_wait_for_theirs():
    known = inflow([0.5], None)
    assert (known.known, known.closed) == (2, False)
    assert [known.ready(block) for block in (0, 15, 16)] == [True, True, False]
    assert [known.room(block) for block in (0, 5, 16, 20)] == [16, 11, 0, 0]
    assert [known.whole(block) for block in (0, 7, 8)] == [True, False, True]
    assert known.of(7)["observation"].tolist() == [0.5]
    assert (int(known.of(9)["number"]), np.isnan(known.of(9)["observation"]).all()) == (1, True)
    known.take(["[1.5]"], last=True)
    assert known.of(16)["observation"].tolist() == [1.5]
    assert [known.exhausted(block) for block in (16, 23, 24)] == [False, False, True]
    assert inflow([0.5], expected=1).closed


async def test_it_catches_up_over_many_pages():
    store = await stored(2_500)
    known = await inflow_of("job", spec_of([0.5]), KIND, NOTHING, store)
    assert known is not None
    assert (known.known, known.closed) == (2_501, True)
    assert [float(known.of(LANES * j)["observation"][0]) for j in (0, 1, 1_001, 2_500)] == [0.5, 0.0, 1_000.0, 2_499.0]
    assert not await known.catch_up("job", store)


async def test_it_keeps_up_while_the_store_comes_and_goes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inflow_, "AWAY", 0.01)
    store, changed, known = await stored(0), asyncio.Event(), inflow([0.5])
    real, failures = store.observations, iter([True, False, True])

    async def moody(*given: str, **more: int):
        if next(failures, False):
            raise StoreUnavailable("away")
        return await real(*given, **more)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(store, "observations", moody)
    monkeypatch.setattr(inflow_, "PATIENCE", 0.05)
    task = asyncio.create_task(known.keep_up("job", store, changed))
    for number in range(3):
        await store.observe("job", Posted(number, ("[1.0]",), number == 2, 10))
        async with asyncio.timeout(5):
            while known.known < number + 2:
                await changed.wait()
                changed.clear()
    await asyncio.wait_for(task, 5)
    assert known.closed


async def test_what_cannot_be_read_is_raised():
    store = await stored(0)
    await store.observe("job", Posted(0, ("[1.0, 2.0]",), False, 10))
    with pytest.raises(SpecError, match="2 numbers"):
        await inflow([0.5]).keep_up("job", store, asyncio.Event())


def need(blocks: int, units: int, *observations: list[float] | None):
    spec = spec_of(*observations)
    statistics, known = KIND.statistics(spec, NOTHING), inflow(*observations)
    progress = Progress(spec, statistics, statistics.empty(), blocks, Spent(), 1, known)
    record = JobRecord("job", "tracking", {}, Budget(units=units), "")
    scribe = Scribe(record, MemoryStore(), MemoryArtifacts(), FrozenClock())
    job = Underway(progress, schedule_of(spec), Crew(ChaosFleet(8), spec, NOTHING), scribe)
    return need_of(record, "r", job, Purse(record.budget, None), 16, stops=False, clock=0.0).demand


def test_a_job_asks_for_blocks_whose_observations_it_knows():
    assert need(0, 10**9, [0.5], [0.5]) == LANES, "one block in each lane"
    assert need(12, 10**9, [0.5], [0.5]) == 4
    assert need(16, 10**9, [0.5], [0.5]) == 0
    assert need(8, 8 * 16, [0.5], [0.5]) == 0, "the units are spent"
    assert need(11, 9 * 16, [0.5], [0.5]) == 5, "but an observation that was begun is finished"


def test_equal_observations_are_kept_as_equal_texts():
    assert kept(np.array([1.0, np.nan, -0.0])) == [1.0, None, 0.0]
    assert str(kept(np.array([-0.0]))) == "[0.0]"
    assert kept(np.array([np.nan, np.nan])) is None
