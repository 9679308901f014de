"""Whole jobs by every method: the law, streams with several outputs, and tolerances that a bias forbids."""

from __future__ import annotations

from typing import Any

import pytest

from burnish_workers.engine.fleet import InlineFleet
from burnish_workers.testing import ChaosFleet, lawful_digests

from ..laws.bench import House, unlawful

BURGERS = {"name": "viscous-burgers", "dim": 3}
OFF = {"expression": "sigmoid(t + sum(x))*(1 + 0.1*cos(sum(x)))"}
LEVELS = {
    "linearised": None,
    "martingale": None,
    "picard": {"levels": 3, "basis": 3},
    "plain": {"levels": 2, "basis": 4},
}


def posted(method: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "surrogate",
        "problem": BURGERS,
        "surrogate": OFF,
        "points": [{"t": 0.0, "x": 0.1}, {"t": 0.2, "x": [0.0, -0.4, 0.1]}],
        "budget": {"units": 6_000},
        "method": method,
        "picard": LEVELS.get(method),
        "seed": 3,
        **more,
    }


async def ended(spec: dict[str, Any], fleet: Any) -> tuple[House, Any]:
    house = House(fleet)
    async with house.runner():
        job = await house.post(spec)
        return house, await house.ended(job)


@pytest.mark.parametrize("outputs", [["value"], ["value", "gradient"]])
@pytest.mark.parametrize("method", LEVELS)
async def test_the_law_by_every_method(method: str, outputs: list[str]) -> None:
    """Resolved by a pilot, posted again to eight workers that die: the same digests as a bare loop has."""
    _, first = await ended(posted(method, outputs=outputs), InlineFleet())
    resolved = first.resolved.model_dump(mode="json")
    resolved["resolution"]["numeric_class"] = "any"
    house, again = await ended(resolved, ChaosFleet(8, seed=2, death_rate=0.1))
    assert again.stopped_by == first.stopped_by == "units"
    law = lawful_digests(resolved, again.last_refinement.blocks)
    assert await unlawful(house, again.id, law) == []
    assert again.last_refinement.digest == first.last_refinement.digest
    assert len(again.last_refinement.estimate.value) == 2 * (4 if "gradient" in outputs else 1)
    assert again.last_refinement.diagnostics.get("outputs", ["value"])[0] == "value"
    shared = again.resolved.resolution.multiplicity
    assert shared.method == ("sidak" if outputs == ["value"] else "bonferroni")


async def test_a_tolerance_below_what_the_iteration_leaves() -> None:
    """plain, n = 2: what the second iterate leaves is far above 1e-5, and more paths do not help."""
    _, job = await ended(posted("plain", budget={"abs_tol": 1e-5, "seconds": 30}), InlineFleet())
    assert job.stopped_by == "floor"
    last = job.last_refinement
    assert last.refused is None or last.refused.code == "tolerance_below_floor"
    assert "more Picard levels (3)" in last.model_dump_json()
    error = last.diagnostics["error"]
    assert error["truncation"] > 1e-5
    assert error["time_step"] == 0
    assert len(error["outputs"]["truncation"]) == 2


async def test_a_tolerance_below_what_the_time_step_leaves() -> None:
    drifting = {"dim": 2, "horizon": 1.0, "drift": "-2*x", "diffusion": "1", "terminal": "sum(x) + norm2(x)"}
    spec = posted("plain", problem=drifting, points=[{"x": 1.0}], picard=None, steps=4)
    _, job = await ended({**spec, "budget": {"abs_tol": 1e-3, "seconds": 30}}, InlineFleet())
    assert job.stopped_by == "floor"
    assert "take steps = " in job.last_refinement.model_dump_json()


async def test_a_tolerance_that_is_met() -> None:
    _, job = await ended(posted("auto", budget={"abs_tol": 2e-3, "seconds": 30}), InlineFleet())
    assert job.stopped_by == "tolerance"
    assert "linearised" in job.last_refinement.diagnostics["compared"]
