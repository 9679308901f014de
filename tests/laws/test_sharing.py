"""The pool is used: in virtual time, on simulated workers, with one runner and with two that share it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from burnish_workers.core.sharing import Sharing
from burnish_workers.testing import lawful_digests, resolved_correlated

from .bench import unlawful
from .simulated import SimulatedFleet, SimulatedHouse, simulate

SIXTY_FOUR = {"kind": "correlated", "budget": {"units": 3 + 63 * 8}, "seed": 4}
"""At 0.05 s per replicate: a first block of 3 replicates and 63 of 8, 0.4 s each."""


@asynccontextmanager
async def running(house: SimulatedHouse, runners: int, sharing: Sharing = "gain"):
    dispatchers = [house.dispatcher(sharing=sharing) for _ in range(runners)]
    tasks = [asyncio.create_task(each.run()) for each in dispatchers]
    try:
        await asyncio.sleep(2.0)
        yield dispatchers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("runners", [1, 2])
def test_a_job_of_64_blocks_keeps_16_workers_busy_from_the_pilot_to_the_tail(runners):
    async def conduct():
        house = SimulatedHouse(SimulatedFleet(16))
        async with running(house, runners):
            ended = await house.ended(await house.post(SIXTY_FOUR))
        law = lawful_digests(ended.resolved.model_dump(mode="json"), 64)
        return house.fleet, ended, await unlawful(house, ended.id, law)

    fleet, ended, wrong = simulate(conduct())
    assert ended.last_refinement.blocks == 64
    assert fleet.begun == 66, "two halves of a pilot, and 64 blocks"
    first, last = fleet.when(3), fleet.when(66)
    assert max(running for time, running, *_ in fleet.log if time == first) == 16, "at once"
    assert fleet.idle(first, last) == 0.0, "and until there is nothing left to begin"
    assert last - first > 1.0
    assert wrong == []


async def _conducted(runners: int, jobs: int, blocks: int, replicates: int):
    house = SimulatedHouse(SimulatedFleet(16))
    spec = resolved_correlated(blocks, replicates=replicates)
    async with running(house, runners) as dispatchers:
        posted = [await house.post({**spec, "seed": seed}) for seed in range(jobs)]
        await asyncio.sleep(2.0)
        spread = [len(each.jobs) for each in dispatchers]
        ended = [await house.ended(job, 600.0) for job in posted]
    assert all(job.last_refinement.blocks == blocks for job in ended)
    since, until = house.fleet.when(32), house.fleet.when(jobs * blocks - 48)
    return house.fleet, house.fleet.idle(since, until) / (16 * (until - since)), spread


@pytest.mark.parametrize("jobs", [2, 12, 40])
@pytest.mark.parametrize("runners", [1, 2])
def test_many_jobs_keep_all_workers_busy(runners, jobs):
    fleet, idle, spread = simulate(_conducted(runners, jobs, 64, 8))
    assert idle <= 0.02
    assert max(in_flight for *_, in_flight, _ in fleet.log) <= 2 * 32, "one decision's slots beside the one before"
    if runners == 2:
        assert min(spread) >= 0.4 * sum(spread), "neither runner has most of the jobs"


@pytest.mark.parametrize("runners", [1, 2])
def test_slots_that_one_job_leaves_are_taken_by_another_between_decisions(runners):
    """Blocks of 0.05 s: ten of them come back between two decisions."""
    _, idle, _ = simulate(_conducted(runners, 20, 200, 1))
    assert idle <= 0.005


def test_a_job_without_a_slot_still_ends_by_its_clock():
    """One that aims high takes the whole pool; the other's time passes nevertheless."""

    async def conduct():
        house = SimulatedHouse(SimulatedFleet(2, each=1.0))
        async with running(house, 1):
            spec = resolved_correlated(400, replicates=1)
            busy = await house.post({**spec, "weight": 10.0})
            short = await house.post({**spec, "budget": {"seconds": 30.0}, "weight": 0.1})
            ended = await house.ended(short, 3600.0)
            return ended, await house.app.get(busy)

    short, busy = simulate(conduct())
    assert short.stopped_by == "seconds"
    assert 30 <= short.spent.seconds <= 36
    assert busy.status == "running"


def test_a_tolerance_that_is_near_is_met_before_a_long_job_goes_on():
    async def conduct():
        house = SimulatedHouse(SimulatedFleet(8))
        async with running(house, 2):
            long = await house.post({**resolved_correlated(4000, replicates=8), "budget": {"rel_tol": 0.01}})
            await asyncio.sleep(20.0)
            alone = house.fleet.begun
            near = await house.post({**resolved_correlated(4000, replicates=8), "budget": {"rel_tol": 0.2}, "seed": 6})
            ended = await house.ended(near, 3600.0)
            return ended, await house.app.get(long), alone

    near, long, alone = simulate(conduct())
    assert near.stopped_by == "tolerance"
    assert long.status == "running"
    assert alone > 300
    assert near.spent.seconds < 10.0


@pytest.mark.parametrize(("sharing", "least", "most"), [("gain", 0.0, 10.0), ("equal", 0.0, 25.0), ("fifo", 25.0, 1e9)])
def test_how_long_a_short_job_waits_beside_a_long_one(sharing: Sharing, least: float, most: float):
    """The long one takes the whole pool of 8 workers for about half a minute more: 0.4 s for each of 625 blocks."""

    async def conduct():
        house = SimulatedHouse(SimulatedFleet(8))
        async with running(house, 2, sharing):
            await house.post(resolved_correlated(625, replicates=8))
            await asyncio.sleep(2.0)
            asked = asyncio.get_running_loop().time()
            short = await house.post({**resolved_correlated(40, replicates=8), "seed": 6, "budget": {"rel_tol": 0.5}})
            ended = await house.ended(short, 3600.0)
            return ended, asyncio.get_running_loop().time() - asked

    ended, took = simulate(conduct())
    assert ended.stopped_by == "tolerance"
    assert least <= took <= most
