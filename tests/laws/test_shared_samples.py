"""The law where samples follow what was seen: decisions at looks depend on nothing but the prefix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.registry import registry
from burnish_workers.engine.checkpoint import Checkpoint
from burnish_workers.engine.errands import run_errand
from burnish_workers.testing import ChaosFleet, lawful_digests

from .bench import House, unlawful

BLOCKS = 48
POSTED: dict[str, Any] = {
    "kind": "surrogate",
    "problem": {"dim": 2, "horizon": 0.5, "diffusion": "0.5", "nonlinearity": "0.3*sin(u)", "terminal": "sin(3*x[0])"},
    "surrogate": {"expression": "sin(3*x[0])*exp(-(0.5 - t))"},
    "points": [{"x": [0.1 * i, 0.0]} for i in range(12)],
    "method": "linearised",
    "seed": 5,
}
RESOLUTION: dict[str, Any] = {
    "version": 0,
    "estimator": "linearised",
    "numeric_class": "any",
    "first_block": 8,
    "block": 16,
    "blocks_planned": BLOCKS,
    "first_look": 2,
    "decides_from": 3,
    "micro_batch": 8192,
    "tail": 32,
    "extensible": True,
}


def resolved(**more: Any) -> dict[str, Any]:
    """A spec of BLOCKS blocks whose looks from the third block on decide."""
    kind = registry().get("surrogate")
    spec = {**POSTED, "budget": {"units": 1}}
    model = kind.spec.model_validate(spec)
    draft = kind.draft(model, "any", NOTHING)
    spec["resolution"] = {**RESOLUTION, "version": draft.version, "plan": draft.plan, **more}
    statistics = kind.statistics(kind.spec.model_validate(spec), NOTHING)
    spec["budget"] = {"units": statistics.units(8 + 16 * (BLOCKS - 1))}
    return spec


SPEC = resolved()


@pytest.fixture(scope="module")
def law() -> dict[int, str]:
    return lawful_digests(SPEC, BLOCKS)


def test_samples_follow_the_spread(law: dict[int, str]) -> None:
    evenly = lawful_digests(resolved(decides_from=None), BLOCKS)
    # Looks are at 2, 3, 6, 12, 24, 48 blocks; the one at 3 decides from 6 on. Boundaries differ from the first look on.
    assert law[1] == evenly[1]
    assert law[2] != evenly[2]


@pytest.mark.parametrize(("size", "deaths"), [(1, 0.0), (4, 0.2), (32, 0.05)])
async def test_workers_come_and_go(law: dict[int, str], size: int, deaths: float) -> None:
    house = House(ChaosFleet(size, seed=size, death_rate=deaths))
    async with house.runner():
        job = await house.post(SPEC)
        ended = await house.ended(job)
    assert (ended.status, ended.last_refinement.blocks) == ("completed", BLOCKS)
    assert await unlawful(house, job, law) == []
    hardest = ended.last_refinement.diagnostics["hardest"]
    assert hardest[0]["samples"] > 8 + 16 * (BLOCKS - 1) > 0


async def test_killed_runner_then_verified(law: dict[int, str]) -> None:
    house = House(ChaosFleet(4, seed=6, longest=0.02))
    async with house.runner(lease=0.3):
        job = await house.post(SPEC)
        await house.refined(job, 4)
    house.fleet = ChaosFleet(2, seed=7)
    async with house.runner(lease=0.3):
        await house.ended(job)
        assert await unlawful(house, job, law) == []
        assert (await verdict(house, job, list(range(BLOCKS))))["reproduced"]


async def test_mutant_blocks_run_again_as_if_shared_evenly(
    law: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(ChaosFleet(4, seed=9))
    async with house.runner():
        job = await house.post(SPEC)
        await house.ended(job)
        monkeypatch.setattr("burnish_workers.engine.errands._decided", _forgotten)
        with pytest.raises(KeyError):
            await verdict(house, job, [40])
        assert (await verdict(house, job, [4]))["reproduced"], "before the first decision there is nothing to forget"


async def _forgotten(*given: object) -> dict[int, Any]:
    return {}


async def verdict(house: House, job: str, indices: list[int]) -> dict[str, Any]:
    """What running those blocks again says."""
    record = await house.store.get(job)
    assert record is not None
    request = {"job": job, "indices": indices, "of": BLOCKS}
    asked = record.with_changes({"purpose": "verify", "request": request})
    kind = registry().get("surrogate")
    spec = kind.spec.model_validate(record.resolved)
    return await run_errand(asked, spec, kind, house.fleet, house.store, house.artifacts, NOTHING)


def test_a_checkpoint_keeps_what_was_decided() -> None:
    decisions = {3: {"points": np.array([0.5, 1.5])}, 6: {"points": np.array([1.0, 1.0])}}
    again = Checkpoint.from_bytes(Checkpoint(7, {}, {}, decisions).to_bytes())
    assert sorted(again.decisions) == [3, 6]
    np.testing.assert_array_equal(again.decisions[3]["points"], decisions[3]["points"])
