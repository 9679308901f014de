"""Kinds of intervals under the law: in instalments, with killed workers and runners, and at a floor."""

from __future__ import annotations

from typing import Any

import pytest

from burnish_workers.core.boundary import enough_replicates
from burnish_workers.core.registry import registry
from burnish_workers.core.report import schedule_of, unshown
from burnish_workers.engine.fleet import InlineFleet
from burnish_workers.engine.refusals import Refusal
from burnish_workers.testing import ChaosFleet, lawful_digests, resolved_correlated

from .bench import House, unlawful

BLOCKS = 16
KINDS: dict[str, dict[str, Any]] = {
    "bounded": {"interval": "bounded", "bounds": [0.0, 40.0]},
    "fixed": {"interval": "fixed"},
    "open": {"interval": "open"},
}
POINT = {
    "kind": "surrogate",
    "problem": {"dim": 3, "horizon": 0.5, "diffusion": "1", "nonlinearity": "u - u**3", "terminal": "1/(2 + norm2(x))"},
    "surrogate": {"expression": "0.45/(1 + 0.3*norm2(x))"},
    "points": [{"x": 0.0}, {"x": 0.1}],
    "steps": 4,
    "seed": 1,
}


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_in_instalments_with_killed_workers(kind: str) -> None:
    spec = resolved_correlated(BLOCKS, **KINDS[kind])
    law = lawful_digests(spec, 3 * BLOCKS)
    house = House(ChaosFleet(4, seed=2, death_rate=0.1))
    async with house.runner():
        job = await house.post(spec)
        await house.ended(job)
        await house.app.extend(job, b'{"units": %d}' % (2 * BLOCKS * 16))
        ended = await house.ended(job)
    assert ended.last_refinement.blocks == 3 * BLOCKS
    assert ended.last_refinement.interval is not None or kind == "fixed"
    assert await unlawful(house, job, law) == [] or kind == "fixed", "a fixed job may end between looks"


@pytest.mark.parametrize("kind", ["bounded", "open"])
async def test_after_a_killed_runner(kind: str) -> None:
    spec = resolved_correlated(64, nap=0.01, **KINDS[kind])
    law = lawful_digests(spec, 64)
    house = House(ChaosFleet(2, seed=3))
    async with house.runner(lease=0.5):
        job = await house.post(spec)
        await house.refined(job, 3)
    async with house.runner(lease=0.5):
        ended = await house.ended(job)
    assert ended.last_refinement.blocks == 64
    assert await unlawful(house, job, law) == []


async def test_bounded_certifies_from_the_first_block_and_open_between_looks() -> None:
    house = House(ChaosFleet(1))
    async with house.runner():
        ended = [await house.ended(await house.post(resolved_correlated(5, **KINDS[k]))) for k in ("bounded", "open")]
    bounded, opened = [await house.refinements(job.id) for job in ended]
    assert bounded[0].blocks == 1
    assert bounded[0].interval is not None
    assert (bounded[0].interval.kind, opened[-1].interval.kind) == ("empirical_bernstein", "confidence_sequence")
    assert opened[-1].blocks == 5, "not a look of the plan of doubling"


async def test_broken_bounds_are_named() -> None:
    house = House(ChaosFleet(1))
    async with house.runner():
        job = await house.ended(await house.post(resolved_correlated(8, interval="bounded", bounds=[0.0, 1.0])))
    refused = job.last_refinement.refused
    assert refused is not None
    assert (refused.code, job.last_refinement.interval) == ("bounds_violated", None)
    assert "outside the declared bounds [0, 1]" in refused.why


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"interval": "bounded"}, "give both or neither"),
        ({"bounds": [0, 1]}, "give both or neither"),
        ({"interval": "bounded", "bounds": [1.0, 0.0]}, "low < high"),
        ({"interval": "bounded", "bounds": [0.0, 1.0, 2.0]}, "/bounds"),
        ({"interval": "bounded", "bounds": [0.0, 1.0]}, "use stream or open"),
    ],
)
async def test_bounds_at_the_door(changes: dict[str, Any], says: str) -> None:
    house = House(InlineFleet(1))
    with pytest.raises(Refusal) as refused:
        await house.post({**POINT, "budget": {"units": 1000}, **changes})
    assert says in refused.value.problem.model_dump_json()


async def test_a_tolerance_below_the_floor_ends_the_job_and_says_what_would_reach_it() -> None:
    house = House(InlineFleet(2))
    async with house.runner():
        job = await house.ended(await house.post({**POINT, "budget": {"abs_tol": 1e-5, "seconds": 60}}), 90)
    assert (job.status, job.stopped_by) == ("completed", "floor")
    last = job.last_refinement
    assert last.refused is not None
    assert last.refused.code == "tolerance_below_floor"
    assert last.refused.statistics["floor"] > 1e-5
    assert "steps = " in last.refused.advice or "surrogate that is closer" in last.refused.advice
    assert last.interval is not None, "what can be said honestly is said"
    assert last.forecast.floor == pytest.approx(max(last.refused.statistics["floor"], last.forecast.floor))
    assert last.forecast.floor_range.lower <= last.forecast.floor <= last.forecast.floor_range.upper
    assert last.forecast.units_to_target is None


async def test_points_share_confidence_unless_told_otherwise() -> None:
    house = House(InlineFleet(2))
    async with house.runner():
        # One method: which one `auto` takes, and so which outputs a guard refuses, depends on the load of the machine.
        fixed = {"budget": {"units": 40_000}, "method": "linearised"}
        one = await house.ended(await house.post({**POINT, **fixed}))
        spec = one.resolved.model_dump(mode="json")
        spec["resolution"].pop("multiplicity")
        other = await house.ended(await house.post({**spec, "simultaneous": False}))
    together, alone = one.last_refinement.interval, other.last_refinement.interval
    assert (together.simultaneous, alone.simultaneous) == (True, False)
    assert (together.multiplicity.method, together.multiplicity.outputs) == ("sidak", 2)
    assert one.last_refinement.estimate == other.last_refinement.estimate
    for i in range(2):
        assert together.lower[i] < alone.lower[i] < alone.upper[i] < together.upper[i]


def test_late_looks_of_many_outputs_assume_skewness() -> None:
    spec = registry().get("correlated").spec.model_validate(resolved_correlated(64))
    looks = schedule_of(spec).looks_until(64)
    # Without shares in the resolution each output has 5 %, in the first epoch half of it: z = 2.31 at the end.
    assert [unshown(spec, look, 200) for look in (looks[0], looks[-1])] == [0, enough_replicates(0.05)]
    assert unshown(spec, looks[-1], 1) == 0
    assert unshown(spec.model_copy(update={"simultaneous": False}), looks[-1], 200) == 0
