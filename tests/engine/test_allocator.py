"""The loop that shares the pool, on a clock that moves when it is told to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from burnish_workers.core.demand import Need
from burnish_workers.engine.allocator import Allocator, Pace
from burnish_workers.engine.clock import FrozenClock
from burnish_workers.engine.coordination import Exchange, Report, Share
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.records import StoreUnavailable

SLOTS, WORKERS = 16, 8
PACE = Pace(interval=0.5, lease=2.0, ttl=3.0, hold=10.0)


class House:
    """Allocators that hear each other through one port and live by one clock."""

    def __init__(self, *runners: str):
        self.clock = FrozenClock()
        self.port = MemoryCoordination(self.clock.monotonic)
        self.all = {name: Allocator(name, self.port, self.clock, PACE) for name in runners}
        self.needs: dict[str, list[Need]] = {name: [] for name in runners}

    async def step(self, *runners: str) -> None:
        for name in runners or sorted(self.all):
            await self.all[name].step(self.needs[name], SLOTS, WORKERS)

    def share(self, name: str) -> Share:
        return self.all[name].share({need.id: need.weight for need in self.needs[name]}, SLOTS)


def jobs(runner: str, count: int, demand: int = 100, **more: object) -> list[Need]:
    known = {"blocks": 100, "replicates": 1000, "seconds": 10.0, "block_seconds": 0.5, "spread": 1.0}
    return [Need(f"{runner}-{i}", runner, demand, **(known | more)) for i in range(count)]


async def test_a_single_runner_has_the_pool():
    house = House("a")
    assert house.share("a").slots == 0, "nothing before the first decision"
    await house.step()
    assert house.share("a") == Share("1.1", SLOTS, {})
    house.needs["a"] = jobs("a", 2)
    await house.step()
    assert house.share("a") == Share("1.2", SLOTS, {"a-0": 8, "a-1": 8})


async def test_all_slots_are_some_runners():
    house = House("a", "b")
    house.needs = {"a": jobs("a", 1), "b": jobs("b", 3)}
    await house.step()
    await house.step()
    assert house.share("a") == Share("1.2", 4, {"a-0": 4})
    assert house.share("b").slots == 12
    assert [each.leads for each in house.all.values()] == [True, False]


async def test_what_no_job_can_use_yet_is_lent_by_weight():
    house = House("a", "b")
    house.needs = {"a": jobs("a", 1, demand=2), "b": jobs("b", 3, demand=2)}
    await house.step()
    await house.step()
    assert (house.share("a").slots, house.share("b").slots) == (2 + 2, 6 + 6)
    assert house.share("a").jobs == {"a-0": 2}


async def test_among_equals_the_oldest_is_served_first_wherever_it_is_conducted():
    """New jobs that keep coming to the first runner pass nobody."""
    house, young = House("a", "b"), {"blocks": 0, "replicates": 0, "seconds": 0.0, "block_seconds": 0.0, "spread": 0.0}
    made = iter(range(1, 10_000))

    def fresh(runner: str, count: int) -> list[Need]:
        return [Need(f"job_{next(made):06}", runner, 8, **young) for _ in range(count)]

    house.needs = {"b": fresh("b", 30), "a": fresh("a", 30)}
    for _ in range(30):
        await house.step()
        await house.step("b")
        for name in "ab":
            served = {job for job, slots in house.share(name).jobs.items() if slots}
            house.needs[name] = [need for need in house.needs[name] if need.id not in served]
        house.needs["a"] += fresh("a", 30 - len(house.needs["a"]))
        house.clock.advance(0.5)
    assert not house.needs["b"]


async def test_another_runner_leads_when_the_leader_is_gone():
    house = House("a", "b")
    house.needs = {"a": jobs("a", 1), "b": jobs("b", 1)}
    await house.step()
    await house.step()
    before = house.share("b")
    assert before == Share("1.2", 8, {"b-0": 8})
    for _ in range(4):  # a is killed
        house.clock.advance(0.499)
        await house.step("b")
        assert house.share("b") == before, "the last shares hold"
    house.clock.advance(1.5)
    await house.step("b")
    assert house.all["b"].leads
    assert house.share("b") == Share("2.1", SLOTS, {"b-0": SLOTS}), "and a is forgotten by now"


async def test_a_zombie_leader_is_fenced_and_follows():
    house = House("a", "b")
    house.needs = {"a": jobs("a", 1), "b": jobs("b", 1)}
    await house.step()
    zombie = house.all["a"]
    exchange = house.port.exchange

    async def slow(report: Report, ttl: float, lease: float) -> Exchange:
        """a hears that it leads, and is stopped for so long that b leads before it goes on."""
        found = await exchange(report, ttl, lease)
        house.port.exchange = exchange
        house.clock.advance(2.5)
        await house.step("b")
        return found

    house.port.exchange = slow
    await house.step("a")
    assert house.all["b"].leads
    assert house.share("b").decision == "2.1", "what a wrote after that is not to be seen"
    assert (await exchange(Report("b", ()), 3, 2)).share.decision == "2.1"
    await house.step("a")
    assert not zombie.leads


async def test_when_nobody_can_be_reached_shares_hold_and_then_are_equal():
    house = House("a", "b", "c")
    house.needs = {"a": [*jobs("a", 1), Need("heavy", "a", 9, weight=4.0)], "b": jobs("b", 9), "c": []}
    await house.step()
    await house.step()
    held = {name: house.share(name) for name in "abc"}
    assert sum(share.slots for share in held.values()) == SLOTS

    async def cut(*_: object) -> Exchange:
        raise StoreUnavailable("no answer")

    house.port.exchange = cut
    for _ in range(20):
        house.clock.advance(0.5)
        with pytest.raises(StoreUnavailable):
            await house.step("a")
    assert {name: house.share(name) for name in "abc"} == held
    house.clock.advance(0.1)
    assert [house.share(name).slots for name in "abc"] == [6, 5, 5]
    assert house.share("a").jobs == {"a-0": 2, "heavy": 4}
    assert sum(house.share("b").jobs.values()) == 5


async def test_who_leaves_gives_its_part_to_the_others_at_once():
    house = House("a", "b")
    house.needs = {"a": jobs("a", 1), "b": jobs("b", 1)}
    await house.step()
    await house.step()
    await house.all["a"].leave()
    await house.step("b")
    assert house.share("b") == Share("2.1", SLOTS, {"b-0": SLOTS})


async def test_the_fair_fifth_is_carried_from_decision_to_decision():
    """A job that is far from its tolerance is served now and then beside one that is always next."""
    house = House("a")
    far, near = replace(jobs("a", 1)[0], id="far", remaining=1e6), replace(jobs("a", 1)[0], id="near", remaining=1.0)
    before = far.seconds
    for _ in range(100):
        house.needs["a"] = [far, near]
        await house.step()
        # Two slots are a worker, for half a second.
        far, near = (replace(job, seconds=job.seconds + 0.25 * house.share("a").jobs[job.id]) for job in (far, near))
    fair = WORKERS * 50 / 2
    assert 0.19 * fair <= far.seconds - before <= 0.21 * fair
