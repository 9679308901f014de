"""What a job tells the allocation of itself."""

from __future__ import annotations

import pytest

from burnish.wire import Budget, Estimate, Forecast, Interval, Refinement, Refused, Spent
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.kind import Kind
from burnish_workers.core.purse import Purse
from burnish_workers.core.registry import registry
from burnish_workers.core.report import schedule_of
from burnish_workers.engine.clock import FrozenClock
from burnish_workers.engine.crew import Crew
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.needs import Underway, horizon, need_of, spread
from burnish_workers.engine.progress import Progress
from burnish_workers.engine.records import JobRecord
from burnish_workers.engine.scribe import Scribe
from burnish_workers.testing import ChaosFleet, resolved_correlated

SPEC = resolved_correlated(64, weight=2.5)
REFINEMENT = Refinement(
    blocks=8,
    replicates=128,
    estimate=Estimate(value=[1.0, -2.0, None], standard_error=[0.1, 0.1, None]),
    digest="sha256:",
    spent=Spent(worker_seconds=10.0, units=128),
)


@pytest.fixture
def kind() -> Kind:
    return registry().get("correlated")


def underway(kind: Kind, budget: Budget, blocks: int = 8, **last: object) -> tuple[JobRecord, Underway, Purse]:
    """A job that went on from a checkpoint after so many blocks, with nothing in flight."""
    refinement = REFINEMENT.model_copy(update=last) if blocks else None
    record = JobRecord("job", "correlated", SPEC, budget, "", last_refinement=refinement)
    spec = kind.spec.model_validate(SPEC)
    statistics = kind.statistics(spec, NOTHING)
    spent = REFINEMENT.spent if blocks else Spent()
    progress = Progress(spec, statistics, statistics.empty(), blocks, spent, 1)
    scribe = Scribe(record, MemoryStore(), MemoryArtifacts(), FrozenClock())
    job = Underway(progress, schedule_of(spec), Crew(ChaosFleet(8), spec, NOTHING), scribe)
    return record, job, Purse(budget, 4096 if budget.has_tolerance else None)


def need(kind: Kind, budget: Budget, blocks: int = 8, *, stops: bool = False, **last: object):
    record, job, purse = underway(kind, budget, blocks, **last)
    return need_of(record, "r", job, purse, 16, stops=stops, clock=0.0)


def test_spread_is_the_time_at_which_the_worst_standard_error_meets_its_tolerance():
    purse = Purse(Budget(abs_tol=0.05, rel_tol=0.1), None)
    assert spread(REFINEMENT, purse) == pytest.approx(10.0 * (0.1 / 0.1) ** 2), "max(0.05, 0.1 |1|)"
    assert spread(REFINEMENT, Purse(Budget(abs_tol=0.05), None)) == pytest.approx(10.0 * 4)


def test_without_a_tolerance_it_is_the_time_of_a_replicate():
    assert spread(REFINEMENT, Purse(Budget(units=1), None)) == pytest.approx(10.0 / 128)
    nothing = REFINEMENT.model_copy(update={"estimate": Estimate(value=[0.0], standard_error=[None])})
    assert spread(nothing, Purse(Budget(rel_tol=0.1), None)) == pytest.approx(10.0 / 128)


def test_a_budget_job_asks_for_all_that_it_can_pay(kind):
    found = need(kind, Budget(units=64 * 16))
    assert (found.demand, found.in_flight, found.blocks) == (56, 0, 8)
    assert (found.weight, found.seconds, found.remaining) == (2.5, 10.0, None)
    assert need(kind, Budget(units=64 * 16), stops=True).demand == 0
    assert need(kind, Budget(seconds=60.0)).demand == 4 * 16, "with so many ahead of the prefix, memory fills up"


def test_a_tolerance_job_asks_for_the_next_two_looks(kind):
    assert need(kind, Budget(rel_tol=0.1)).demand == 32 - 8
    _, job, purse = underway(kind, Budget(rel_tol=0.1))
    assert horizon(job, purse.budget, 16, 8) == 32
    assert horizon(job, Budget(units=1), 16, 8) == 8 + 4 * 16


@pytest.mark.parametrize(("units", "remaining"), [(256, 10.0), (128, 0.0), (64, 0.0), (None, 4096 * 10.0 / 8 - 10.0)])
def test_what_remains_is_by_the_forecast_or_to_the_end_of_the_plan(kind, units, remaining):
    found = need(kind, Budget(rel_tol=0.1), forecast=Forecast(units_to_target=units))
    assert found.remaining == pytest.approx(remaining)


@pytest.mark.parametrize(
    ("code", "outputs", "shape", "budget", "barred"),
    [
        ("heavy_tail", None, 0.7, Budget(units=9), True),
        ("heavy_tail", None, 0.2, Budget(units=9), False),
        ("heavy_tail", None, None, Budget(units=9), False),
        ("heavy_tail", [1], 0.7, Budget(units=9), False),
        ("heavy_tail", [1], 0.7, Budget(rel_tol=0.1), True),
        ("nonfinite", None, None, Budget(units=9), True),
        ("too_few", None, None, Budget(units=9), False),
        ("alpha_spent", None, None, Budget(units=9), False),
    ],
)
def test_refusals_that_more_work_does_not_lift_bar_a_job(kind, code, outputs, shape, budget, barred):
    refused = Refused(code=code, why="", statistics={"pareto_k": shape}, advice="", outputs=outputs)
    assert need(kind, budget, refused=refused).barred is barred


def test_a_verdict_holds_until_the_next_look(kind):
    _, job, _ = underway(
        kind,
        Budget(units=9),
        interval=Interval(lower=[0.0], upper=[1.0], level=0.95, kind="group_sequential", joint=True, blocks=8),
    )
    assert job.scribe.refused is None


def test_nothing_is_known_before_the_first_block(kind):
    found = need(kind, Budget(rel_tol=0.1), blocks=0)
    assert (found.blocks, found.replicates, found.spread, found.barred) == (0, 0, 0.0, False)
    assert found.demand == 4
