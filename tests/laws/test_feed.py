"""Observations that come when they like: the law holds for the answer to each, and each is published."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from burnish.wire import Job
from burnish_workers.core.registry import registry
from burnish_workers.engine.dispatcher import Terms
from burnish_workers.engine.fleet import InlineFleet
from burnish_workers.engine.inflow import Inflow
from burnish_workers.engine.inquiries import Inquiries
from burnish_workers.engine.observing import Observing
from burnish_workers.engine.records import Posted
from burnish_workers.testing import ChaosFleet, lawful_digests, resolved_correlated
from burnish_workers.testing_feed import Kalman, resolved_tracking, seen

from .bench import House, unlawful
from .test_handover import running, shop, valkey  # noqa: F401 - fixtures

LANES, COUNT = 8, 12
OBSERVATIONS: list[Any] = [*seen(COUNT)]
OBSERVATIONS[3] = None
WHOLE = resolved_tracking(OBSERVATIONS, lanes=LANES, expected=COUNT)
SPEC = resolved_tracking(OBSERVATIONS[:2], lanes=LANES)


@pytest.fixture(scope="module")
def law() -> dict[int, str]:
    return lawful_digests(WHOLE, COUNT * LANES)


async def observe(house: House, job: str, first: int, observations: Sequence[Any], *, last: bool = False) -> Any:
    body = json.dumps({"from": first, "observations": list(observations), "last": last}).encode()
    return await Observing(house.app).observe(job, body)


async def until(house: House, job: str, status: str) -> Job:
    async with asyncio.timeout(30):
        while (found := await house.app.get(job)).status != status:  # noqa: ASYNC110 - asked from outside
            await asyncio.sleep(0.005)
    return found


async def published(house: House, job: str) -> list[int | None]:
    return [refinement.observation for refinement in await house.refinements(job)]


async def lawful(house: House, job: str, law: dict[int, str]) -> None:
    """Every observation was answered once, in order and by the law."""
    assert await unlawful(house, job, law) == []
    assert await published(house, job) == list(range(COUNT))


@pytest.mark.parametrize(("size", "death_rate"), [(1, 0.0), (4, 0.15), (32, 0.0)])
async def test_all_known_beforehand(law, size, death_rate):
    house = House(ChaosFleet(size, seed=size, death_rate=death_rate))
    async with house.runner():
        job = await house.post(WHOLE)
        ended = await house.ended(job)
    assert (ended.status, ended.stopped_by) == ("completed", "observations")
    assert ended.last_refinement.replicates == LANES
    assert (ended.observations.count, ended.observations.assimilated, ended.observations.closed) == (COUNT, COUNT, True)
    await lawful(house, job, law)


@pytest.mark.parametrize("seed", range(4))
async def test_at_any_times_and_in_any_batches(law, seed):
    drawn = random.Random(seed)
    house = House(ChaosFleet(4, seed=seed, death_rate=0.1, longest=0.01))
    async with house.runner():
        job, known = await house.post(SPEC), 2
        while known < COUNT:
            await asyncio.sleep(drawn.choice((0.0, 0.02, 0.1)))
            batch = min(drawn.randint(1, 4), COUNT - known)
            await observe(house, job, known, OBSERVATIONS[known : known + batch], last=known + batch == COUNT)
            known += batch
        ended = await house.ended(job)
    assert ended.stopped_by == "observations"
    await lawful(house, job, law)


async def test_it_waits_without_a_slot_and_goes_on_at_once(law):
    house = House(ChaosFleet(4, seed=9))
    dispatcher = house.storage.dispatcher(registry(), house.fleet, house.clock, Terms(poll=0.02))
    async with running(dispatcher):
        job = await house.post(SPEC)
        waiting = await until(house, job, "waiting_for_observations")
        assert (waiting.stage, waiting.observations.count) == ("observation 2 is not known yet", 2)
        assert waiting.last_refinement.observation == 1
        await asyncio.sleep(0.6)
        (report,) = (await house.storage.coordination.overview()).reports
        assert report.needs == (), "it needs nothing, and claims nothing"
        for number in range(2, COUNT):
            await observe(house, job, number, OBSERVATIONS[number : number + 1])
        await until(house, job, "waiting_for_observations")
        await observe(house, job, COUNT, [], last=True)
        ended = await house.ended(job)
    assert ended.stopped_by == "observations"
    await lawful(house, job, law)
    said = [event.data["status"] for event in (await house.app.events(job, 0, 1000, frozenset({"status"}))).data]
    assert said[:3] == ["queued", "running", "waiting_for_observations"]


async def test_killed_runners_and_a_restart(law):
    """Two runners die, one while the job works and one while it waits; meanwhile observations are taken."""
    house = House(ChaosFleet(4, seed=5, longest=0.02))
    async with house.runner(lease=0.3):
        job = await house.post(SPEC)
        await observe(house, job, 2, OBSERVATIONS[2:6])
        await house.refined(job, 3)
    await observe(house, job, 6, OBSERVATIONS[6:8])
    async with house.runner(lease=0.3):
        await house.refined(job, 8)
        await until(house, job, "waiting_for_observations")
    await observe(house, job, 8, OBSERVATIONS[8:], last=True)
    async with house.runner(lease=0.3):
        ended = await house.ended(job)
    assert ended.stopped_by == "observations"
    await lawful(house, job, law)
    assert len({row.epoch for row in (await house.app.ledger(job, -1, 1000)).data}) >= 2


async def test_handed_over_while_it_waits(law, shop):  # noqa: F811
    """A runner that leaves keeps the prefix; the next one runs nothing again and takes what came in between."""
    house = shop(ChaosFleet(4, seed=15))
    first = house.dispatcher()
    async with running(first):
        job = await house.post(SPEC)
        await until(house, job, "waiting_for_observations")
        await first.leave()
    await observe(house, job, 2, OBSERVATIONS[2:])
    async with running(house.dispatcher()):
        await observe(house, job, COUNT, [], last=True)
        ended = await house.ended(job)
    assert ended.stopped_by == "observations"
    await lawful(house, job, law)
    rows = (await house.app.ledger(job, -1, 1000)).data
    assert [row.epoch for row in rows] == [1] * 2 * LANES + [2] * (COUNT - 2) * LANES


async def test_a_budget_ends_it_between_observations_and_more_goes_on(law):
    paid = {**SPEC, "budget": {"units": 5 * LANES * 16 - 100}}
    house = House(ChaosFleet(4, seed=6))
    async with house.runner():
        job = await house.post(paid)
        await observe(house, job, 2, OBSERVATIONS[2:])
        ended = await house.ended(job)
        assert (ended.stopped_by, ended.last_refinement.blocks) == ("units", 5 * LANES)
        assert ended.observations.count == COUNT, "what was accepted is kept"
        await house.app.extend(job, b'{"units": 1000000}')
        await observe(house, job, COUNT, [], last=True)
        ended = await house.ended(job)
    assert ended.stopped_by == "observations"
    assert await unlawful(house, job, law) == []
    assert sorted(set(await published(house, job))) == list(range(COUNT))


async def test_the_clock_ends_a_job_that_waits():
    for spec, answered in ((SPEC, 2), (resolved_tracking(lanes=LANES), 0)):
        house = House(ChaosFleet(4, seed=7))
        async with house.runner():
            job = await house.post({**spec, "budget": {"seconds": 1.0}})
            ended = await house.ended(job)
        assert (ended.status, ended.stopped_by) == ("completed", "seconds")
        assert ended.observations.assimilated == answered
        assert 0.9 < ended.spent.seconds < 10.0


async def test_those_that_wait_take_nobody_s_place():
    """A runner for one job at a time holds several that wait, and runs the next one meanwhile."""
    house = House(ChaosFleet(4, seed=13))
    dispatcher = house.storage.dispatcher(registry(), house.fleet, house.clock, Terms(poll=0.02, max_jobs=1))
    async with running(dispatcher):
        waiting = [await house.post({**SPEC, "seed": seed}) for seed in range(4)]
        for job in waiting:
            await until(house, job, "waiting_for_observations")
        other = await house.ended(await house.post(resolved_correlated(64)))
        assert other.status == "completed"
        for job in waiting:
            await observe(house, job, 2, OBSERVATIONS[2:], last=True)
        ended = [await house.ended(job) for job in waiting]
    assert {job.stopped_by for job in ended} == {"observations"}


async def test_a_busy_pool_makes_room_at_once():
    """Observations for a job that waited are assimilated while another job could fill all slots."""
    house = House(ChaosFleet(2, seed=14, longest=0.02))
    dispatcher = house.storage.dispatcher(registry(), house.fleet, house.clock, Terms(poll=0.02))
    async with running(dispatcher):
        job = await house.post(SPEC)
        await until(house, job, "waiting_for_observations")
        busy = await house.post(resolved_correlated(100_000))
        await house.refined(busy, 3)
        for number in range(2, 5):
            sent = house.clock.monotonic()
            await observe(house, job, number, [OBSERVATIONS[number]])
            await house.refined(job, number + 1)
            assert house.clock.monotonic() - sent < 5.0
        assert await published(house, job) == [0, 1, 2, 3, 4]
        assert not (await house.app.get(busy)).done


async def test_cancelled_while_it_waits():
    house = House(ChaosFleet(4, seed=8))
    async with house.runner():
        job = await house.post(SPEC)
        await until(house, job, "waiting_for_observations")
        await house.app.cancel(job)
        ended = await house.ended(job)
    assert (ended.status, ended.last_refinement.observation) == ("cancelled", 1)


async def test_the_intervals_hold_what_kalman_says():
    """The evidence over its exact value is 1 in expectation, and that times the filtered mean is Kalman's mean."""
    house = House(ChaosFleet(4, seed=10))
    spec = resolved_tracking(OBSERVATIONS, lanes=16, particles=256, expected=COUNT)
    async with house.runner():
        job = await house.post(spec)
        await house.ended(job)
    exact = Kalman()
    for refinement in await house.refinements(job):
        y = OBSERVATIONS[refinement.observation]
        exact = exact.step(np.nan if y is None else y[0])
        interval = refinement.interval
        assert (interval.kind, interval.joint, interval.simultaneous) == ("alpha_spending", True, True)
        for value, low, high in zip((1.0, exact.mean), interval.lower, interval.upper, strict=True):
            assert low < value < high
            assert high - low < 1.5


async def test_blocks_are_verified_with_their_observations(law):
    house = House(ChaosFleet(4, seed=11))
    async with house.runner():
        job = await house.post(SPEC)
        await observe(house, job, 2, OBSERVATIONS[2:], last=True)
        await house.ended(job)
        found = (await Inquiries(house.app, house.clock).verify(job, b'{"indices": [0, 37, 70, 95]}')).outcome
    assert (found.reproduced, found.comparison) == (True, "digest")


async def test_a_mutant_that_hands_out_the_wrong_observation_is_caught(law, monkeypatch):
    real = Inflow.of
    monkeypatch.setattr(Inflow, "of", lambda self, block: {**real(self, block), "observation": np.array([0.1 * block])})
    house = House(ChaosFleet(4, seed=12))
    async with house.runner():
        job = await house.post(WHOLE)
        await house.ended(job)
    assert await unlawful(house, job, law)


async def test_resolved_by_a_pilot_and_replayed():
    """A job without a resolution gets one; its resolved spec with all observations replays it."""
    house = House(InlineFleet(2))
    async with house.runner():
        job = await house.post({"kind": "tracking", "lanes": 8, "budget": {"seconds": 60}, "seed": 4})
        await observe(house, job, 0, OBSERVATIONS, last=True)
        ended = await house.ended(job)
        assert (ended.status, ended.stopped_by) == ("completed", "observations"), ended.error
        record = await house.app.record(job)
        assert record.resolved["resolution"]["each"] == record.resolved["resolution"]["lanes"] == 8
        again = await house.ended(
            await house.post({**record.resolved, "observations": OBSERVATIONS, "expected": COUNT})
        )
        other = await house.post(record.resolved)
        await observe(house, other, 0, OBSERVATIONS, last=True)
        third = await house.ended(other)
    assert ended.last_refinement.digest == again.last_refinement.digest == third.last_refinement.digest
    assert len(await house.refinements(job)) == COUNT


async def test_one_that_cannot_be_read_ends_the_job():
    """Past the door by a mistake of ours: the job says why it ends, and does not wait for ever."""
    house = House(ChaosFleet(4, seed=16))
    async with house.runner():
        job = await house.post(SPEC)
        await until(house, job, "waiting_for_observations")
        await house.store.observe(job, Posted(0, ("[1.0, 2.0]",), False, 10))
        ended = await house.ended(job)
    assert ended.status == "failed"
    assert "observation 2 has 2 numbers" in ended.error.detail


async def test_what_it_would_cost():
    """A plan counts on the observations that are expected, and lists a look for the 1st, 2nd, 4th, ... of them."""
    house = House(InlineFleet(2))
    async with house.runner():
        spec = {"kind": "tracking", "lanes": 8, "budget": {"units": 10**8}, "seed": 4, "expected": 1_000}
        plan = (await Inquiries(house.app, house.clock).plan(json.dumps(spec).encode())).outcome
    assert (plan.replicates, plan.units) == (8_000, 8_000 * 128)
    assert [look.blocks // 8 for look in plan.looks] == [*(2**i for i in range(10)), 1_000]
    assert plan.half_width is None, "one block in one lane does not say how lanes vary"
