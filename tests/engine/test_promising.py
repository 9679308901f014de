"""What may be promised next to what was promised already: `offer`, pure."""

from __future__ import annotations

import pytest

from burnish.wire import Budget, DeadlineProblem, Goal, Plan, PlannedLook, Promise, Range
from burnish_workers.core.admission import USABLE, admissible, earliest
from burnish_workers.engine.deadlines import judged, later, seconds_until, stands
from burnish_workers.engine.promising import offer
from burnish_workers.engine.refusals import Refusal

NOW = "2026-01-31T12:00:00.000Z"
RESOLVED = {"kind": "correlated", "budget": {"abs_tol": 0.1}}


def plan(upper: float | None, workers: int = 4, met: bool = True, looks: tuple[PlannedLook, ...] = ()) -> Plan:
    """A plan that reaches a tolerance of 0.1 after `upper` seconds of the whole pool at most."""
    seconds = None if upper is None else Range(estimate=upper / 2, lower=upper / 3, upper=upper)
    goal = Goal(tolerance=0.1, units=None if upper is None else 100, seconds=seconds, met=met)
    some = Range(estimate=1, lower=1, upper=1)
    return Plan.model_validate(
        {
            "resolved": RESOLVED,
            "outputs": 1,
            "replicates": 1,
            "units": 1,
            "worker_seconds": 1,
            "seconds": some,
            "workers": workers,
            "half_width": 0.1,
            "looks": looks,
            "goal": goal,
            "pilot_seconds": 1,
        }
    )


def asked(seconds: float, **more: float) -> Budget:
    return Budget.model_validate({"abs_tol": 0.1, "deadline": later(NOW, seconds), **more})


def test_a_promise_says_what_it_rests_on() -> None:
    promise = offer(plan(10.0), asked(60), [], NOW)
    assert (promise.state, promise.abs_tol, promise.worker_seconds) == ("open", 0.1, 40.0)
    assert seconds_until(promise.deadline, NOW) == 60


@pytest.mark.parametrize("due", [[], [(30.0, 60.0)], [(30.0, 60.0), (200.0, 300.0)]])
def test_what_is_offered_would_be_taken(due: list[tuple[float, float]]) -> None:
    """The tolerance of the refusal needs work in proportion to its inverse square, and that fits; so does the later
    deadline."""
    with pytest.raises(Refusal) as refused:
        offer(plan(100.0), asked(60), due, NOW)
    problem = refused.value.problem
    assert isinstance(problem, DeadlineProblem)
    assert problem.reachable is not None
    assert problem.reachable.abs_tol is not None
    assert problem.earliest is not None
    smaller = plan(100.0 * (0.1 / problem.reachable.abs_tol) ** 2)
    assert offer(smaller, asked(60), due, NOW).worker_seconds < 4 * 60 * USABLE
    tighter = plan(100.0 * (0.1 / (0.8 * problem.reachable.abs_tol)) ** 2)
    with pytest.raises(Refusal):
        offer(tighter, asked(60), due, NOW)
    assert offer(plan(100.0), asked(seconds_until(problem.earliest, NOW)), due, NOW).worker_seconds == 400.0


def test_what_is_due_later_is_not_put_off() -> None:
    """A job that alone would fit is refused when one with a later deadline would then be late."""
    assert offer(plan(20.0), asked(60), [(70.0, 150.0)], NOW).worker_seconds == 80.0
    with pytest.raises(Refusal):
        offer(plan(20.0), asked(60), [(70.0, 200.0)], NOW)


def test_no_room_at_all() -> None:
    with pytest.raises(Refusal) as refused:
        offer(plan(1.0), asked(60), [(60.0, 4 * 60 * USABLE)], NOW)
    problem = refused.value.problem
    assert isinstance(problem, DeadlineProblem)
    assert problem.reachable is None
    assert problem.earliest is not None


def test_a_bias_in_the_way_is_told_by_the_looks() -> None:
    looks = tuple(
        PlannedLook(blocks=k, replicates=k, units=k, seconds=float(k), half_width=1 / k) for k in (1, 2, 4, 40)
    )
    with pytest.raises(Refusal) as refused:
        offer(plan(None, met=False, looks=looks), asked(10), [], NOW)
    problem = refused.value.problem
    assert isinstance(problem, DeadlineProblem)
    assert problem.reachable is not None
    assert problem.reachable.abs_tol == pytest.approx(0.27)  # 1/4 and a margin, to two digits
    assert problem.earliest is None


def test_earliest_is_admissible_and_nothing_much_earlier_is() -> None:
    due = [(10.0, 20.0), (40.0, 60.0)]
    for seconds in (0.5, 5.0, 50.0, 500.0):
        at = earliest(due, 4, seconds)
        assert admissible([*due, (at * (1 + 1e-6), seconds)], 4)
        assert not admissible([*due, (at * 0.98, seconds)], 4)


def test_how_promises_end() -> None:
    promise, budget = offer(plan(10.0), asked(60), [], NOW), asked(60)
    assert stands(promise, budget)
    kept, counts = judged(promise, budget, "tolerance", later(NOW, 59))
    assert (kept["promise"].state, counts) == ("kept", {"promises_kept": 1})
    for stopped_by, at in (("tolerance", 61), ("deadline", 60), ("planned_blocks", 20), ("crashed", 1)):
        broken, counts = judged(promise, budget, stopped_by, later(NOW, at))
        assert (broken["promise"].state, counts) == ("broken", {"promises_broken": 1})
    assert judged(promise, budget, "cancelled", NOW)[0]["promise"].state == "withdrawn"
    assert judged(promise, asked(60, abs_tol=0.2), "tolerance", NOW)[0]["promise"].state == "withdrawn"
    assert judged(kept["promise"], budget, "deadline", NOW) == ({}, {})
    assert judged(None, budget, "tolerance", NOW) == ({}, {})
    assert isinstance(promise, Promise)
