"""The law in one process: the answer after K blocks is a pure function of (resolved spec, seed, K)."""

from __future__ import annotations

import pytest

from burnish_workers.core.fold import Arrival
from burnish_workers.core.keys import block_key
from burnish_workers.core.registry import own_kinds, registry
from burnish_workers.engine import lanes, progress
from burnish_workers.engine.fleet import MAX_ATTEMPTS, InlineFleet
from burnish_workers.testing import ChaosFleet, lawful_digests, resolved_correlated

from .bench import House, unlawful

BLOCKS = 64
SPEC = resolved_correlated(BLOCKS)


@pytest.fixture(scope="module")
def law():
    return lawful_digests(SPEC, 4 * BLOCKS)


@pytest.mark.parametrize(("size", "seed"), [(1, 0), (2, 1), (4, 2), (64, 3), (64, 4)])
async def test_any_number_of_workers_in_any_order(law, size, seed):
    house = House(ChaosFleet(size, seed))
    async with house.runner():
        job = await house.post(SPEC)
        ended = await house.ended(job)
    assert ended.stopped_by == "units"
    assert ended.last_refinement.blocks == BLOCKS
    looks = [r.blocks for r in await house.refinements(job) if r.interval or r.refused]
    assert looks == [2, 4, 8, 16, 32, 64]
    assert await unlawful(house, job, law) == []


async def test_killed_workers_are_replaced_and_no_block_is_dropped(law):
    fleet = ChaosFleet(4, seed=5, death_rate=0.2)
    house = House(fleet)
    async with house.runner():
        job = await house.post(SPEC)
        await house.ended(job)
    attempts = await house.attempts(job)
    assert len(attempts) == BLOCKS
    assert sum(n - 1 for n in attempts) == fleet.deaths >= 3
    assert await unlawful(house, job, law) == []


async def test_killed_runner(law):
    house = House(ChaosFleet(4, seed=6, longest=0.02))
    async with house.runner(lease=0.3):
        job = await house.post(SPEC)
        await house.refined(job, 4)
    assert not (await house.app.get(job)).done
    house.fleet = ChaosFleet(2, seed=7)
    async with house.runner(lease=0.3):
        await house.ended(job)
    assert await unlawful(house, job, law) == []
    published = [r.blocks for r in await house.refinements(job)]
    assert published == sorted(set(published)), "nothing is said twice"
    assert {row.epoch for row in (await house.app.ledger(job, -1, 1000)).data} == {1, 2}


async def test_think_longer_in_instalments(law):
    house = House(ChaosFleet(4, seed=8))
    async with house.runner():
        job = await house.post(SPEC)
        await house.ended(job)
        for more in (1, 2):
            await house.app.extend(job, b'{"units": %d}' % (more * BLOCKS * 16))
            ended = await house.ended(job)
    assert ended.last_refinement.blocks == 4 * BLOCKS
    looks = [r.blocks for r in await house.refinements(job) if r.interval or r.refused]
    assert looks[-2:] == [2 * BLOCKS, 4 * BLOCKS], "the ladder's own looks"
    assert await unlawful(house, job, law) == []


async def test_a_resumed_job_posts_its_resolved_spec():
    """Replay: the resolved spec of one job, posted again, gives the same digests."""
    house = House(InlineFleet(2))
    spec = {"kind": "correlated", "budget": {"units": 512}, "seed": 5}
    async with house.runner():
        first = await house.ended(await house.post(spec))
        again = await house.ended(await house.post(first.resolved.model_dump(mode="json")))
    assert again.last_refinement.digest == first.last_refinement.digest
    assert again.id != first.id


BUDGETS = {("surrogate", 0): 3_000, ("posterior", 0): 100_000, ("posterior", 1): 100_000, ("posterior", 2): 12_800}
EXAMPLES = [(kind.name, i) for kind in own_kinds() for i in range(min(3, len(kind.examples())))]


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
async def test_examples_of_every_kind(kind, example):
    spec = registry().get(kind).examples()[example]
    budget = {"units": BUDGETS.get((kind, example), 6_000)}
    house = House(InlineFleet(2))
    async with house.runner():
        ended = await house.ended(await house.post({**spec, "budget": budget}))
    resolved = ended.resolved.model_dump(mode="json")
    law = lawful_digests(resolved, ended.last_refinement.blocks)
    assert ended.status == "completed"
    assert await unlawful(house, ended.id, law) == []


class ArrivalFold:
    """A mutant of OrderedFold that hands blocks on as they arrive."""

    def __init__(self, frontier: int = 0):
        self.frontier, self.waiting = frontier, 0

    def put(self, index, item, digest):
        self.frontier += 1
        return Arrival(ready=((index, item),))


async def _mutant_is_caught(law, fleet) -> bool:
    house = House(fleet)
    async with house.runner():
        job = await house.post(SPEC)
        await house.ended(job)
    return bool(await unlawful(house, job, law))


async def test_mutant_arrival_order(law, monkeypatch):
    monkeypatch.setattr(progress, "OrderedFold", ArrivalFold)
    assert await _mutant_is_caught(law, ChaosFleet(8, seed=9))


async def test_mutant_dropped_block(law, monkeypatch):
    """A block that lost its worker is forgotten, and the next one takes its place."""

    class Forgetful(ArrivalFold):
        def put(self, index, item, digest):
            return super().put(index, item, digest) if index != 5 else Arrival()

    monkeypatch.setattr(progress, "OrderedFold", Forgetful)
    house = House(ChaosFleet(1, seed=10, longest=0.0))
    async with house.runner():
        job = await house.post({**SPEC, "budget": {"units": BLOCKS * 16}})
        await house.refined(job, 4)
    assert await unlawful(house, job, law)


async def test_mutant_reused_key(law, monkeypatch):
    monkeypatch.setattr(lanes, "block_key", lambda seed, lane, index: block_key(seed, lane, index - (index == 40)))
    assert await _mutant_is_caught(law, ChaosFleet(4, seed=11))


PILOT = {"kind": "correlated", "budget": {"units": 256}, "seed": 1}
FIT = {
    "kind": "surrogate",
    "problem": {"name": "viscous-burgers", "dim": 2},
    "surrogate": {"fit": {"steps": 2}},
    "points": [{"x": 0.1}],
    "budget": {"units": 1_000},
    "seed": 1,
}


@pytest.mark.parametrize("spec", [PILOT, FIT], ids=["pilot", "fit"])
async def test_a_block_that_kills_its_workers_kills_ten(spec):
    """However many hands it passes through."""
    fleet = ChaosFleet(1, seed=1, death_rate=1.0)
    house = House(fleet)
    async with house.runner():
        ended = await house.ended(await house.post(spec))
    assert (ended.status, fleet.deaths) == ("crashed", MAX_ATTEMPTS)
    assert "kept losing its worker" in ended.error.detail
