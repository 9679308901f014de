"""Blocks that go on from each other: the law holds for lanes too, and they are verified from kept carries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.registry import registry
from burnish_workers.engine.checkpoint import Checkpoint, lanes_at
from burnish_workers.engine.fleet import BlockResult, BlockTask, InlineFleet
from burnish_workers.engine.inquiries import Inquiries
from burnish_workers.engine.verifying import Rerun, verify
from burnish_workers.testing import ChaosFleet, lawful_digests
from burnish_workers.testing_lanes import resolved_walk

from .bench import House, unlawful

LANES, STEPS = 8, 16
BLOCKS = LANES * STEPS
SPEC = dict(resolved_walk(STEPS, lanes=LANES))


@pytest.fixture(scope="module")
def law():
    return lawful_digests(SPEC, 2 * BLOCKS)


@pytest.mark.parametrize(("size", "death_rate"), [(1, 0.0), (4, 0.1), (32, 0.0)])
async def test_any_number_of_workers_that_may_die(law, size, death_rate):
    fleet = ChaosFleet(size, seed=size, death_rate=death_rate)
    house = House(fleet)
    async with house.runner():
        job = await house.post(SPEC)
        ended = await house.ended(job)
    assert ended.last_refinement.blocks == BLOCKS
    assert ended.last_refinement.replicates == LANES
    assert await unlawful(house, job, law) == []
    interval = ended.last_refinement.interval
    assert interval.lower[0] < 1.0 < interval.upper[0]


async def test_a_killed_runner_and_instalments(law):
    house = House(ChaosFleet(4, seed=5, longest=0.01))
    async with house.runner(lease=0.5):
        job = await house.post(SPEC)
        await house.refined(job, 2)
    async with house.runner(lease=0.5):
        await house.ended(job)
        await house.app.extend(job, b'{"units": %d}' % (BLOCKS * 32))
        ended = await house.ended(job)
    assert ended.last_refinement.blocks == 2 * BLOCKS
    assert await unlawful(house, job, law) == []


async def test_no_more_in_flight_than_lanes():
    most = 0

    class Watched(ChaosFleet):
        async def run(self, task: BlockTask) -> BlockResult:
            nonlocal most
            self.now = getattr(self, "now", 0) + 1
            most = max(most, self.now)
            try:
                return await super().run(task)
            finally:
                self.now -= 1

    house = House(Watched(64))
    async with house.runner():
        await house.ended(await house.post(SPEC))
    assert most == LANES


async def test_a_mutant_that_forgets_the_carry_is_caught(law):
    def forget(task: BlockTask, result: BlockResult) -> BlockResult:
        return replace(result, carry={**result.carry, "x": np.array([1.0])})

    house = House(ChaosFleet(4, distort=forget))
    async with house.runner():
        job = await house.post(SPEC)
        await house.ended(job)
    assert await unlawful(house, job, law)


async def test_verified_from_the_last_kept_carry():
    house = House(ChaosFleet(4, seed=6))
    async with house.runner():
        job = await house.post(SPEC)
        await house.ended(job)
        kept = Checkpoint.from_bytes(await house.artifacts.read(lanes_at(job, BLOCKS // 2)))
        assert sorted(kept.carries) == list(range(BLOCKS // 2 - LANES, BLOCKS // 2))
        ran: list[int] = []
        real = house.fleet.run

        async def counted(task: BlockTask) -> BlockResult:
            ran.append(task.key.path[-1])
            return await real(task)

        house.fleet.run = counted
        inquiries = Inquiries(house.app, house.clock)
        index = BLOCKS // 2 + LANES
        found = (await inquiries.verify(job, b'{"indices": [%d]}' % index)).outcome
        assert (found.reproduced, found.comparison) == (True, "digest")
        assert ran == [BLOCKS // 2, index], "from the carry that was kept, not from the beginning"
        early = (await inquiries.verify(job, b'{"blocks": 12}')).outcome
        assert early.reproduced


async def test_a_wrong_carry_is_noticed():
    house = House(ChaosFleet(4, seed=7))
    async with house.runner():
        job = await house.post(SPEC)
        await house.ended(job)
    rows = (await house.app.ledger(job, -1, 1000)).data[:LANES]
    assert all(row.carry for row in rows)
    spec: Any = registry().get("walk").spec.model_validate(SPEC)
    rerun = Rerun(spec, ChaosFleet(2), NOTHING)
    assert (await verify(job, rows, BLOCKS, rerun)).reproduced
    rows[3] = rows[3].model_copy(update={"carry": rows[4].carry})
    found = await verify(job, rows, BLOCKS, rerun)
    assert [block.index for block in found.blocks if not block.reproduced] == [3]


async def test_resolved_by_a_pilot():
    house = House(InlineFleet(2))
    async with house.runner():
        job = await house.ended(await house.post({"kind": "walk", "budget": {"units": 20_000}, "seed": 2}))
    assert job.status == "completed", job.error
    assert job.resolved.resolution["lanes"] == 8 if isinstance(job.resolved.resolution, dict) else True
    assert job.last_refinement.replicates == 8
