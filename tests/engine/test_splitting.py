"""How long to train: as a spec says, or as trials suggest. Seconds are nominal here: nothing depends on a clock."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.surrogate.split import Case, NominalFleet, judge

from burnish.wire import Budget, Spent
from burnish_workers.core.inputs import NOTHING
from burnish_workers.engine.meter import Meter
from burnish_workers.engine.splitting import LEAST_TRIALS, TRIALS_SHARE, Decision, Splitter

NET: dict[str, Any] = {"width": 6, "depth": 2, "batch": 16}


async def decided(fit: dict[str, Any], budget: dict[str, Any]) -> tuple[Decision, float]:
    case = Case.of("viscous-burgers", 3, "adam", 10.0, points=2)
    spec = case.kind.spec.model_validate(
        {**case.spec.model_dump(mode="json"), "surrogate": {"fit": {**NET, **fit}}, "budget": budget}
    )
    fleet = NominalFleet()
    meter = Meter(fleet, fleet, Spent())
    assert case.kind.fitting is not None
    splitter = Splitter(spec, Budget(**budget), case.kind, case.kind.fitting, meter, NOTHING)
    return await splitter.decide(), meter.spent.seconds


PACE = 8 * 16 * 1e-5
"""Nominal seconds of a step of adam on a batch of 16."""


async def test_steps_are_taken_as_they_are_given() -> None:
    assert await decided({"optimiser": "adam", "steps": 77}, {"seconds": 1.0}) == (Decision(77), 0.0)


@pytest.mark.parametrize("wish", [{"seconds": 0.5}, {"share": 0.25}])
async def test_seconds_and_shares_become_steps_by_the_pace(wish: dict[str, float]) -> None:
    decision, spent = await decided({"optimiser": "adam", **wish}, {"seconds": 2.0})
    assert decision.steps == pytest.approx(0.5 / PACE, abs=1)
    assert decision.done == 0
    assert 0 < spent < 0.1


async def test_more_than_the_budget_has_room_for_is_cut() -> None:
    decision, spent = await decided({"optimiser": "adam", "seconds": 5.0}, {"worker_seconds": 1.0})
    assert decision.steps == pytest.approx((0.9 - spent) / PACE, abs=1)


async def test_trials_that_are_thrown_away_keep_to_their_part() -> None:
    decision, spent = await decided({"optimiser": "adam"}, {"seconds": 12.0})
    assert len(decision.trials) >= LEAST_TRIALS
    assert [t.steps for t in decision.trials] == [40 * 2**i for i in range(len(decision.trials))]
    assert spent < 2 * TRIALS_SHARE * 12.0
    assert (decision.done, decision.carry) == (0, {})
    assert 0 < decision.steps * PACE < 12.0 - spent


async def test_trials_that_go_on_are_the_training_itself() -> None:
    decision, spent = await decided({"optimiser": "levenberg-marquardt"}, {"seconds": 2.0})
    last = decision.trials[-1]
    assert decision.done == last.steps <= decision.steps
    assert int(decision.carry["done"]) == last.steps
    assert spent < 2.0


@pytest.mark.parametrize("budget", [{"units": 100_000}, {"rel_tol": 0.001}, {"abs_tol": 1e-9}])
async def test_budgets_without_time(budget: dict[str, Any]) -> None:
    decision, _ = await decided({"optimiser": "adam"}, budget)
    assert decision.steps >= 1
    assert decision.seconds is not None
    assert decision.seconds <= 20.1 * decision.trials[-1].seconds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "dim", "optimiser", "most"),
    [("hjb-log", 6, "levenberg-marquardt", 1.3), ("allen-cahn", 4, "adam", 1.6)],
)
async def test_the_proposal_is_close_to_the_best_of_a_grid(problem: str, dim: int, optimiser: str, most: float) -> None:
    # Nothing was fitted to these two; measured: 1.09 and 1.28. The grid is searched in hindsight, and a run of adam
    # scatters: 195, 230 and 293 steps ended at 5.8e-5, 7.4e-5 and 7.7e-5. The worst shares are off by 1.3 and 9.7.
    found = await judge(Case.of(problem, dim, optimiser, 10.0, points=4), shares=(0.05, 0.2, 0.4, 0.6, 0.8))
    assert found["ratio"] <= most, found
