"""Deadlines: moments of the calendar, in budgets; what becomes of the tolerances that were promised by them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from burnish.wire import Budget, Promise
from burnish.wire.budget import MOST_SECONDS, StoppedBy
from burnish_workers.core.kind import SpecError


def seconds_until(moment: str, now: str) -> float:
    """Seconds from `now` to `moment`, both RFC 3339; negative when it has passed."""
    return (datetime.fromisoformat(moment) - datetime.fromisoformat(now)).total_seconds()


def later(now: str, seconds: float) -> str:
    """The moment so many seconds after `now`, in whole seconds, rounded up."""
    at = -(-(datetime.fromisoformat(now).timestamp() + seconds) // 1)
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def check_deadline(budget: Budget, now: str, under: str = "/budget") -> None:
    """Raises SpecError for a deadline that has passed."""
    if budget.deadline is not None and seconds_until(budget.deadline, now) <= 0:
        raise SpecError(f"{under}/deadline", f"{budget.deadline} has passed (it is {now}); give a later one, or none")


def timed(budget: Budget, now: str) -> Budget:
    """A budget whose deadline is a number of seconds from now, a week at most, where no tolerance ends the job before.

    With a tolerance the deadline says nothing of how large the job should be planned: the tolerance does.
    """
    if budget.deadline is None or budget.has_tolerance:
        return budget
    left = min(max(seconds_until(budget.deadline, now), 1e-3), MOST_SECONDS)
    return budget.model_copy(update={"seconds": left if budget.seconds is None else min(left, budget.seconds)})


def overdue(deadline: str | None, now: str, ahead: float) -> StoppedBy | None:
    """Whether what is in flight, for `ahead` more seconds, lands at the deadline or after it."""
    return "deadline" if deadline is not None and seconds_until(deadline, now) <= ahead else None


def stands(promise: Promise | None, budget: Budget) -> bool:
    """Whether a promise is open and still about what the budget asks for."""
    asked = (budget.deadline, budget.abs_tol, budget.rel_tol)
    return promise is not None and promise.state == "open" and asked == _terms(promise)


def judged(promise: Promise | None, budget: Budget, stopped_by: str, at: str) -> tuple[dict[str, Any], dict[str, int]]:
    """What a job's end at `at` makes of its promise: changes of the record, and what is to be counted."""
    if promise is None or promise.state != "open":
        return {}, {}
    if stopped_by == "cancelled" or not stands(promise, budget):
        return {"promise": promise.model_copy(update={"state": "withdrawn"})}, {}
    kept = stopped_by == "tolerance" and seconds_until(promise.deadline, at) >= 0
    state = "kept" if kept else "broken"
    return {"promise": promise.model_copy(update={"state": state})}, {f"promises_{state}": 1}


def _terms(promise: Promise) -> tuple[str | None, float | None, float | None]:
    return promise.deadline, promise.abs_tol, promise.rel_tol
