"""Jobs with a tolerance and a deadline: taken with a promise, or refused with what could be promised.

The pilot runs before the answer (as a job with purpose `plan`): its upper forecast is the work that is due by the
deadline. The pool is fluid under earliest-deadline-first: all deadlines are met if for every one the work due by then
fits into nine tenths of the pool (`core/admission`). Promises are counted in the store, and a job is made only if no
other was promised something since it was judged: two fronts never promise the same worker-seconds twice.
"""

from __future__ import annotations

import math

from burnish.wire import Budget, DeadlineProblem, Plan, Problem, Promise, Reachable
from burnish_workers.core.admission import Due, admissible, earliest, spare
from burnish_workers.engine.app import Accepted, App
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.coordination import Coordination
from burnish_workers.engine.deadlines import later, seconds_until
from burnish_workers.engine.inquiries import PATIENCE, Inquiries
from burnish_workers.engine.planning import SPREAD
from burnish_workers.engine.records import Promised, PromisesMoved
from burnish_workers.engine.refusals import Refusal, problem_type

MARGIN = 1.05
"""By how much a tolerance that is offered is larger than the one that would just fit: another pilot is not the same."""

NOT_MET = "Deadline cannot be met"


class Promising:
    """Takes jobs; those that ask for a tolerance by a deadline only with a promise."""

    def __init__(self, app: App, coordination: Coordination, clock: Clock, patience: float = PATIENCE):
        self._app, self._coordination, self._clock, self._patience = app, coordination, clock, patience

    async def create(self, body: bytes, idempotency_key: str | None = None) -> Accepted:
        """As `App.create`. Raises Refusal: 409 with a DeadlineProblem, 503 when no forecast is to be had soon."""
        once, made = await self._app.before(body, idempotency_key)
        if made is not None:
            return made
        spec, record = await self._app.read(body)
        if spec.budget.deadline is None or not spec.budget.has_tolerance:
            return await self._app.accept(spec, record, once)
        plan = (await Inquiries(self._app, self._clock).foresee(spec, record, self._patience)).outcome
        if not isinstance(plan, Plan):
            raise _no_forecast(self._patience)
        # What was foretold is what runs: no second pilot. A model that is to be trained first is resolved after that.
        resolved = record.resolved if plan.fit is not None else plan.resolved.model_dump(mode="json")
        record = record.with_changes({"resolved": resolved})
        while True:
            promised = await self._app.store.promises()
            promise = offer(plan, spec.budget, await self._due(promised), self._clock.now())
            try:
                judged = record.with_changes({"promise": promise})
                return await self._app.accept(spec, judged, once, promised=promised.version)
            except PromisesMoved:
                continue

    async def _due(self, promised: Promised) -> list[Due]:
        """What is left to do by each deadline that was promised: by the newest report where there is one."""
        now, seen = self._clock.now(), await self._coordination.overview()
        told = {need.id: need for report in seen.reports for need in report.needs if need.deadline is not None}
        due: list[Due] = []
        for job, promise in promised.open.items():
            upper = told[job].upper if job in told else promise.worker_seconds
            due.append((seconds_until(promise.deadline, now), promise.worker_seconds if upper is None else upper))
        return [(left, seconds) for left, seconds in due if left > 0]  # those that are late are broken already


def offer(plan: Plan, budget: Budget, due: list[Due], now: str) -> Promise:
    """The promise that a plan allows next to what is `due`. Pure. Raises Refusal."""
    assert budget.deadline is not None
    assert plan.goal is not None
    training = 0.0 if plan.fit is None else plan.fit.seconds * (1 + SPREAD)
    left = seconds_until(budget.deadline, now) - training
    goal, workers = plan.goal, plan.workers
    needed = math.inf if goal.seconds is None else goal.seconds.upper * workers
    if budget.has_clock and not goal.met:
        raise _refused(plan, budget, None, "the other limits of the budget end the job before it meets its tolerance")
    if left > 0 and admissible([*due, (left, needed)], workers):
        return Promise(
            deadline=budget.deadline,
            abs_tol=budget.abs_tol,
            rel_tol=budget.rel_tol,
            worker_seconds=needed + training,
        )
    room = spare(due, workers, left)
    when = earliest(due, workers, needed) if math.isfinite(needed) else math.inf
    why = f"the tolerance takes up to {needed:.3g} worker-seconds" if math.isfinite(needed) else "no sampling meets it"
    detail = f"{why}; by {budget.deadline} {room:.3g} more can be promised on {workers} workers"
    at = later(now, MARGIN * when + training) if math.isfinite(when) else None
    raise _refused(plan, budget, room, detail, at)


def _refused(plan: Plan, budget: Budget, room: float | None, detail: str, at: str | None = None) -> Refusal:
    factor = None if not room else _factor(plan, room)
    reachable = None if factor is None else _scaled(budget, factor)
    cures = [] if reachable is None else [f"post {_told(reachable)}"]
    cures += [] if at is None else [f"a deadline from {at} on"]
    advice = f"; {' or '.join(cures)}" if cures else ""
    problem = DeadlineProblem(
        type=problem_type(NOT_MET),
        title=NOT_MET,
        status=409,
        detail=detail + advice,
        reachable=reachable,
        earliest=at,
    )
    return Refusal.of(problem)


def _factor(plan: Plan, room: float) -> float | None:
    """How many times the tolerance that so many worker-seconds reach is as large as the one asked for.

    Work grows as tolerance^-2; where a bias forbids the tolerance, by the planned looks that fit.
    """
    goal = plan.goal
    assert goal is not None
    if goal.seconds is not None:
        return max(1.0, MARGIN * math.sqrt(goal.seconds.upper * plan.workers / room))
    fit = [look for look in plan.looks if look.seconds * (1 + SPREAD) * plan.workers <= room]
    widths = [look.half_width for look in fit if look.half_width is not None]
    return max(1.0, MARGIN * min(widths) / goal.tolerance) if widths else None


def _scaled(budget: Budget, factor: float) -> Reachable | None:
    absolute = None if budget.abs_tol is None else _rounded_up(budget.abs_tol * factor)
    relative = None if budget.rel_tol is None else _rounded_up(budget.rel_tol * factor)
    if relative is not None and relative >= 1:
        relative = None
    return None if absolute is None and relative is None else Reachable(abs_tol=absolute, rel_tol=relative)


def _rounded_up(value: float) -> float:
    """To two digits: more would say more than a pilot knows."""
    scale = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / scale * (1 - 1e-9)) * scale:.6g}")


def _told(reachable: Reachable) -> str:
    named = {"abs_tol": reachable.abs_tol, "rel_tol": reachable.rel_tol}
    return " and ".join(f"{name} {value:g}" for name, value in named.items() if value is not None)


def _no_forecast(patience: float) -> Refusal:
    title = "No forecast"
    detail = f"no worker has foretold within {patience:g} s what the tolerance takes, so that nothing can be promised"
    cure = "try again, or post the job without its deadline"
    problem = Problem(type=problem_type(title), title=title, status=503, detail=f"{detail}; {cure}")
    return Refusal.of(problem, retry_after=5)
