"""Runners come and go, and no job notices: hand-over, a killed leader, a runner that was stopped and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from burnish_workers.core.registry import registry
from burnish_workers.engine.allocator import Pace
from burnish_workers.engine.dispatcher import Dispatcher, Terms
from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.redis_coordination import RedisCoordination
from burnish_workers.engine.redis_library import RedisLibrary
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.storage import Storage
from burnish_workers.testing import ChaosFleet, lawful_digests, resolved_correlated

from .bench import House, unlawful
from .simulated import SimulatedFleet, SimulatedHouse, simulate

BLOCKS = 256
SPEC = resolved_correlated(BLOCKS, replicates=8)
LONG = 600.0
"""A lease that nobody lives to see expire: whoever goes on was handed the job."""


@pytest.fixture(scope="module")
def law():
    return lawful_digests(SPEC, BLOCKS)


class Shop(House):
    """Runners over a store in this process or in a real Valkey, each with links of its own."""

    def __init__(self, fleet: Any, link: Callable[[], RedisLink] | None = None):
        super().__init__(fleet)
        self._link, self._shared = link, MemoryCoordination()
        self.links: list[RedisLink] = []
        self.storage = self._storage()
        self.store, self.library = self.storage.store, self.storage.library
        self.app = self.storage.app(registry(), self.clock)

    def _storage(self) -> Storage:
        if self._link is None:
            return self.storage
        self.links.append(self._link())
        link = self.links[-1]
        return Storage(RedisStore(link), RedisLibrary(link), self.artifacts, RedisCoordination(link))

    def dispatcher(self, lease: float = LONG) -> Dispatcher:
        ports = self._storage().ports(self.fleet, self.clock)
        coordination = self._shared if self._link is None else RedisCoordination(self.links[-1])
        pace = Pace(interval=0.05, lease=0.3, ttl=0.5, hold=2.0)
        return Dispatcher(registry(), ports, Terms(lease=lease, poll=0.02, pace=pace), coordination)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("valkey")
    with EmbeddedValkey(folder) as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[Any], Shop]]:
    made: list[Shop] = []

    def make(fleet: Any) -> Shop:
        link = None
        if request.param == "redis":
            url, prefix = request.getfixturevalue("valkey").url, f"{request.node.name}:"
            link = lambda: RedisLink(url, prefix, retries=3, allow_volatile=True)  # noqa: E731
        made.append(Shop(fleet, link))
        return made[-1]

    yield make
    for link in [link for each in made for link in each.links]:
        await link.close()


@asynccontextmanager
async def running(*dispatchers: Dispatcher):
    """Their tasks; those that still run at the end are killed where they stand."""
    tasks = [asyncio.create_task(each.run()) for each in dispatchers]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - it asks from outside what nobody announces
            await asyncio.sleep(0.01)


async def test_a_runner_that_leaves_hands_its_job_over(law, shop):
    house = shop(ChaosFleet(4, seed=1, longest=0.02))
    first, second = house.dispatcher(), house.dispatcher()
    async with running(first) as (leaving,):
        job = await house.post(SPEC)
        await house.refined(job, 4)
        async with running(second):
            await until(lambda: len(first.allocator.loads) == 2)
            await first.leave()
            assert leaving.done()
            assert leaving.exception() is None
            await until(lambda: job in second.jobs)
            ended = await house.ended(job)
    assert ended.last_refinement.blocks == BLOCKS
    assert await unlawful(house, job, law) == []
    rows = (await house.app.ledger(job, -1, 1000)).data
    assert {row.epoch for row in rows} == {1, 2}
    assert [row.index for row in rows] == list(range(BLOCKS))
    published = [r.blocks for r in await house.refinements(job)]
    assert published == sorted(set(published)), "nothing is said twice"
    looks = [r.blocks for r in await house.refinements(job) if r.interval or r.refused]
    assert looks == [2, 4, 8, 16, 32, 64, 128, 256], "and no look is missed"


async def test_a_job_that_is_handed_round_every_moment(law, shop):
    """Four runners in a row, each with lost workers."""
    house = shop(ChaosFleet(4, seed=2, longest=0.02, death_rate=0.1))
    job = await house.post(SPEC)
    for times in (3, 6, 9):
        dispatcher = house.dispatcher()
        async with running(dispatcher):
            await house.refined(job, times)
            await dispatcher.leave()
    assert not (await house.app.get(job)).done
    async with running(house.dispatcher()):
        await house.ended(job)
    assert await unlawful(house, job, law) == []
    assert len({row.epoch for row in (await house.app.ledger(job, -1, 1000)).data}) == 4


async def test_two_runners_share_the_jobs(shop):
    house = shop(ChaosFleet(4, seed=3, longest=0.02))
    first, second = house.dispatcher(), house.dispatcher()
    async with running(first, second):
        await until(lambda: len(first.allocator.loads) == len(second.allocator.loads) == 2)
        jobs = [await house.post({**SPEC, "seed": seed}) for seed in range(8)]
        await until(lambda: len(first.jobs) + len(second.jobs) == 8)
        assert min(len(first.jobs), len(second.jobs)) >= 3
        law = lawful_digests({**SPEC, "seed": 3}, BLOCKS)
        await house.ended(jobs[3])
        assert await unlawful(house, jobs[3], law) == []


async def test_the_leading_runner_is_killed_in_mid_job(law, shop):
    """The other leads when the lease is over, its own job goes on meanwhile, and it takes up what the dead one held."""
    house = shop(ChaosFleet(4, seed=4, longest=0.05))
    first, second = house.dispatcher(lease=1.0), house.dispatcher(lease=1.0)
    async with running(first) as (victim,):
        await until(lambda: first.allocator.leads)
        async with running(second):
            await until(lambda: len(first.allocator.loads) == len(second.allocator.loads) == 2)
            jobs = [await house.post(SPEC) for _ in range(2)]
            await until(lambda: len(first.jobs) == len(second.jobs) == 1)
            await house.refined(jobs[0], 3)
            await house.refined(jobs[1], 3)
            victim.cancel()
            await until(lambda: second.allocator.leads)
            for job in jobs:
                await house.ended(job)
    for job in jobs:
        assert await unlawful(house, job, law) == []


async def test_a_job_that_is_being_resolved_is_handed_over_too(shop):
    """While it is being resolved there is nothing to keep but the job itself."""

    class Slow(ChaosFleet):
        async def run(self, task: Any) -> Any:
            await asyncio.sleep(3600)

    house = shop(Slow(1))
    first = house.dispatcher()
    async with running(first):
        job = await house.post({"kind": "correlated", "budget": {"units": 64}, "seed": 9})
        await until(lambda: first.jobs)
        await first.leave()
    house.fleet = ChaosFleet(2)
    async with running(house.dispatcher()):
        assert (await house.ended(job)).last_refinement is not None


def timed(work: Callable[[SimulatedHouse], Awaitable[Any]]) -> Any:
    """In virtual time, on four workers whose blocks take 0.4 s."""

    async def conduct() -> Any:
        return await work(SimulatedHouse(SimulatedFleet(4)))

    return simulate(conduct())


def test_the_other_runner_goes_on_within_a_second(law):
    async def work(house: SimulatedHouse) -> Any:
        first, second = house.dispatcher(LONG), house.dispatcher(LONG)
        async with running(first):
            job = await house.post(SPEC)
            await asyncio.sleep(10.0)
            async with running(second):
                await asyncio.sleep(2.0)
                asked = house.clock.monotonic()
                await first.leave()
                left = house.clock.monotonic()
                begun = house.fleet.begun
                await until(lambda: house.fleet.begun > begun)
                resumed = house.clock.monotonic()
                await house.ended(job)
        return asked, left, resumed, await unlawful(house, job, law)

    asked, left, resumed, wrong = timed(work)
    assert left - asked <= 0.6
    assert resumed - asked <= 1.0
    assert wrong == []


def test_no_look_is_missed_whenever_a_job_is_handed_over(law):
    """Every 0.7 s or so, with blocks of 0.4 s that come back in any order."""

    async def work(house: SimulatedHouse) -> Any:
        runner = house.dispatcher(LONG)
        task, job = asyncio.create_task(runner.run()), await house.post(SPEC)
        while not (await house.app.get(job)).done:
            await asyncio.sleep(0.7)
            last, runner = runner, house.dispatcher(LONG)
            tasks = (task, asyncio.create_task(runner.run()))
            await last.leave()
            await tasks[0]
            task = tasks[1]
        await runner.leave()
        looks = [r.blocks for r in await house.refinements(job) if r.interval or r.refused]
        epochs = {row.epoch for row in (await house.app.ledger(job, -1, 1000)).data}
        return looks, len(epochs), await unlawful(house, job, law)

    looks, epochs, wrong = timed(work)
    assert looks == [2, 4, 8, 16, 32, 64, 128, 256]
    assert epochs > 15
    assert wrong == []


class Stopped:
    """What the runner of epoch 1 says reaches nobody until it goes on; what it was saying then arrives late."""

    def __init__(self, house: SimulatedHouse, runner: Dispatcher):
        self.name, self.late = runner.allocator.runner, asyncio.Event()
        self._hold(house.coordination, "exchange", lambda report, *_: report.runner == self.name)
        self._hold(house.coordination, "publish", lambda epoch, _: epoch == 1)
        self._hold(house.store, "renew", lambda job, epoch, _: epoch == 1)
        self._hold(house.store, "emit", lambda job, epoch, _: epoch == 1)

    def _hold(self, port: Any, name: str, whose: Callable[..., bool]) -> None:
        say = getattr(port, name)

        async def held(*words: Any) -> Any:
            if whose(*words):
                await self.late.wait()
            return await say(*words)

        setattr(port, name, held)


def test_a_runner_that_was_stopped_for_long_is_fenced_and_does_no_harm(law):
    """It leads and holds a job, is stopped for ten seconds, and then goes on as if nothing had happened."""

    async def work(house: SimulatedHouse) -> Any:
        first, second = house.dispatcher(5.0), house.dispatcher(5.0)
        async with running(first):
            job = await house.post(SPEC)
            await asyncio.sleep(5.0)
            stopped = Stopped(house, first)
            async with running(second):
                await asyncio.sleep(10.0)
                assert job in second.jobs
                assert second.allocator.leads
                assert first.allocator.leads, "it has not heard otherwise"
                stopped.late.set()
                await asyncio.sleep(2.0)
                assert second.allocator.leads
                assert not first.allocator.leads
                assert not await house.coordination.publish(1, {}), "a decision of its epoch is refused"
                assert first.jobs == []
                await house.ended(job)
        return await unlawful(house, job, law), [row.epoch for row in (await house.app.ledger(job, -1, 1000)).data]

    wrong, epochs = timed(work)
    assert wrong == []
    assert sorted(epochs) == epochs
    assert set(epochs) == {1, 2}
