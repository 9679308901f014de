"""`auto`: what applies is tried, the best foreseen is taken, and the resolution says what was compared."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key
from burnish_workers.core.kind import resolution_of
from burnish_workers.engine.fleet import BlockResult, BlockTask, InlineFleet
from burnish_workers.engine.resolve import resolve
from burnish_workers.kinds.surrogate.contest import Prospect, foremost
from burnish_workers.kinds.surrogate.methods import Setting, candidates
from burnish_workers.kinds.surrogate.problem import problem_of, surrogate_of

from .surrogates import KIND, ZERO, built, spec_of

BURGERS: dict[str, Any] = {"name": "viscous-burgers", "dim": 3}
CONVECTION: dict[str, Any] = {"name": "linear-convection-diffusion", "dim": 3}
GOOD = {"expression": "sigmoid(t + sum(x))*(1 + 0.02*cos(sum(x)))"}
BENT = {"expression": "sigmoid(t + sum(x)) + 0.02*abs(x[0])"}
BOTH = ["value", "gradient"]


async def by_pilot(spec: SurrogateSpec, fleet: InlineFleet | None = None) -> SurrogateSpec:
    fleet = fleet or InlineFleet()
    try:
        return await resolve(spec, KIND, fleet, NOTHING)  # pyright: ignore[reportReturnType]
    finally:
        await fleet.close()


def applying(problem: Any, surrogate: Any, **more: Any) -> list[str]:
    spec = spec_of(problem, surrogate, np.zeros(problem["dim"]), **more)
    parsed = problem_of(spec)
    return candidates(Setting.of(spec, parsed, surrogate_of(spec, parsed.dim, NOTHING), NOTHING))


KINKS = {"dim": 3, "horizon": 1.0, "diffusion": "1", "nonlinearity": "max(u, 0.2)", "terminal": "sum(x)"}
AFFINE = {**KINKS, "nonlinearity": "0.1*u + sum(z)"}


@pytest.mark.parametrize(
    ("problem", "surrogate", "more", "methods"),
    [
        (BURGERS, GOOD, {}, ["linearised", "martingale", "picard", "plain"]),
        (BURGERS, GOOD, {"outputs": BOTH}, ["linearised", "martingale", "picard", "plain"]),
        (BURGERS, BENT, {}, ["picard", "plain"]),
        (BURGERS, BENT, {"outputs": BOTH}, ["plain"]),
        (BURGERS, ZERO, {}, ["linearised", "plain"]),
        (CONVECTION, GOOD, {}, ["linearised", "plain", "martingale"]),
        (CONVECTION, BENT, {}, ["martingale", "plain"]),
        (CONVECTION, ZERO, {}, ["linearised"]),
        (AFFINE, GOOD, {}, ["linearised", "martingale"]),
        (AFFINE, BENT, {"outputs": BOTH}, ["plain"]),
        (KINKS, GOOD, {}, ["linearised", "martingale", "picard", "plain"]),
        (KINKS, GOOD, {"outputs": BOTH}, ["picard", "plain"]),
        (KINKS, BENT, {}, ["martingale", "picard", "plain"]),
        ({**KINKS, "terminal": "where(x[0] > 0, 1, 0)"}, GOOD, {"outputs": BOTH}, []),
    ],
)
def test_what_applies(problem: Any, surrogate: Any, more: Any, methods: list[str]) -> None:
    assert applying(problem, surrogate, **more) == methods


def test_the_least_time_to_a_tolerance_or_the_least_half_width() -> None:
    quick, exact = Prospect("quick", 1e-4, 0.02, 0.1), Prospect("exact", 1e-2, 0.0, 0.1)
    assert quick.seconds == pytest.approx(1e-4 * (2 / 0.08) ** 2)
    assert exact.seconds == pytest.approx(1e-2 * (2 / 0.1) ** 2)
    assert Prospect("biased", 1e-9, 0.2, 0.1).seconds == math.inf
    assert Prospect("without", 1e-9, 0.0, None).seconds == math.inf
    # More seconds make a bias matter more.
    assert quick.half_width(1.0) < exact.half_width(1.0)
    assert quick.half_width(1e4) > exact.half_width(1e4)


@pytest.mark.parametrize(
    ("scores", "winner"), [([1.0, 0.9, 0.5], 2), ([1.0, 0.9, 2.0], 0), ([math.nan, 3.0, 2.0], 2), ([math.inf] * 2, 0)]
)
def test_the_preferred_one_stays_unless_a_rival_is_clearly_better(scores: list[float], winner: int) -> None:
    assert foremost(scores) == winner


@pytest.mark.parametrize(
    ("problem", "surrogate", "budget", "winner"),
    [
        (BURGERS, GOOD, {"seconds": 5}, "linearised"),
        (CONVECTION, {"expression": "sin(40*sum(x))"}, {"seconds": 5}, "plain"),
        (CONVECTION, BENT, {"abs_tol": 0.01, "seconds": 5}, "plain"),
        (KINKS, {"expression": "1e3*sin(9*sum(x))"}, {"units": 10**6}, "plain"),
    ],
)
async def test_the_pilot_chooses_and_says_why(problem: Any, surrogate: Any, budget: Any, winner: str) -> None:
    resolved = await by_pilot(spec_of(problem, surrogate, np.full((2, 3), 0.1), budget=budget))
    resolution = resolution_of(resolved)
    assert resolution.estimator == winner
    assert f"{winner} " in str(resolution.plan["compared"])
    KIND.check(resolved, NOTHING)
    simulator, statistics = built(resolved)
    _, stats = simulator.advance({}, block_key(1, 0, 0), 0, 16)
    diagnostics = statistics.answer(statistics.fold(statistics.empty(), stats)).diagnostics
    assert diagnostics["estimator"] == winner
    assert diagnostics["compared"] == resolution.plan["compared"]


class Busy(InlineFleet):
    """Workers whose pace jumps from block to block, as on a machine that others use too."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)

    async def run(self, task: BlockTask) -> BlockResult:
        result = await super().run(task)
        return replace(result, seconds=result.seconds * 10 ** self.rng.uniform(-1, 1))


@pytest.mark.parametrize("budget", [{"seconds": 3}, {"abs_tol": 1e-5}, {"units": 10**5}])
async def test_the_choice_does_not_depend_on_how_busy_the_workers_are(budget: Any) -> None:
    spec = spec_of(BURGERS, {"expression": "sigmoid(t + sum(x))*(1 + 0.3*cos(sum(x)))"}, np.zeros(3), budget=budget)
    found = [resolution_of(await by_pilot(spec, Busy(seed))) for seed in range(4)]
    assert len({each.estimator for each in found}) == 1
    assert len({each.plan["compared"] for each in found}) == 1
    assert len({each.first_block for each in found}) > 1, "which blocks are cut to, it does"


async def test_what_cannot_win_is_not_tried() -> None:
    network = spec_of({**BURGERS, "dim": 20}, {"name": "viscous-burgers-pinn-d20"}, np.zeros(20), budget={"seconds": 5})
    good = resolution_of(await by_pilot(network))
    assert "picard" not in str(good.plan["compared"]), "its paths cost as much, and vary as much"
    assert "plain" in str(good.plan["compared"])
    poor = {"expression": "sigmoid(t + sum(x))*(1 + 0.5*cos(sum(x)))"}
    bad = resolution_of(await by_pilot(spec_of(BURGERS, poor, np.zeros(3), budget={"abs_tol": 1e-3})))
    assert "picard" in str(bad.plan["compared"]), "what linearising leaves is large"


async def test_nothing_is_compared_where_the_method_is_named() -> None:
    for method in ("linearised", "martingale"):
        resolution = resolution_of(await by_pilot(spec_of(BURGERS, GOOD, np.zeros(3), method=method)))
        assert resolution.estimator == method
        assert "compared" not in resolution.plan


async def test_levels_are_compared_where_picard_is_named_without_them() -> None:
    resolution = resolution_of(await by_pilot(spec_of(BURGERS, GOOD, np.zeros(3), method="picard")))
    assert "picard n=2 M=10" in str(resolution.plan["compared"])
    asked = spec_of(BURGERS, GOOD, np.zeros(3), method="picard", picard={"levels": 3, "basis": 5})
    plan = resolution_of(await by_pilot(asked)).plan
    assert (plan["levels"], plan["basis"]) == (3, 5)
    assert "compared" not in plan
