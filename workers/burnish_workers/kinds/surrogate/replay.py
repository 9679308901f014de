"""A posted resolution (a replay) judged at the door: no worker is to meet numbers it does not know or cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from burnish.wire import Resolution
from burnish_workers.core.kind import MOST_SAMPLES, Draft
from burnish_workers.core.replay import check_names, check_numbers, refusal
from burnish_workers.kinds.surrogate.picard_levels import level_rows
from burnish_workers.kinds.surrogate.plan import MOST_BASIS, MOST_LEVELS, MOST_NESTED, MOST_SHARE

MOST_STEPS = 4_096

_RANGES = {"levels": (2, MOST_LEVELS), "basis": (2, MOST_BASIS)}


def check_resolution(given: Resolution, steps: int | None, least_steps: int, draft: Draft, width: int) -> None:
    """Raise SpecError unless this version of the kind can run `given`.

    `steps`: those that the spec asks for; `least_steps`: those that any plan has; `draft`: what would be decided here
    for the estimator that is given; `width`: outputs of a point.
    """
    check_numbers(given, draft, MOST_SAMPLES // draft.outputs, f"{draft.outputs} points")
    _check_plan(given.plan, steps, least_steps, draft, draft.outputs // width)


def _check_plan(plan: Mapping[str, Any], steps: int | None, least_steps: int, draft: Draft, points: int) -> None:
    """Exactly the numbers that a composition is made of, each in its range."""
    check_names(plan, draft)
    for name in draft.plan:
        least, most = _RANGES.get(name, (1, MOST_SHARE if name.endswith("_share") else MOST_STEPS))
        value = plan[name]
        if type(value) is not int or not least <= value <= most:
            raise refusal(f"plan/{name}", f"must be a whole number from {least} to {most}, got {value!r}")
    if plan["steps"] < least_steps:
        raise refusal("plan/steps", f"must be at least {least_steps} for this equation, got {plan['steps']}")
    if steps is not None and plan["steps"] != draft.plan["steps"]:
        asked = f"steps = {steps} of the spec, which makes {draft.plan['steps']}"
        raise refusal("plan/steps", f"{plan['steps']} contradicts {asked}")
    for name in _RANGES:
        if name in plan and plan[name] != draft.plan[name]:
            raise refusal(f"plan/{name}", f"{plan[name]} contradicts picard.{name} = {draft.plan[name]} of the spec")
    if "basis" in plan and level_rows(plan["levels"] - 1, plan["basis"]) > MOST_NESTED:
        raise refusal("plan/basis", f"{plan['levels']} levels of basis {plan['basis']} are more than a worker holds")
    rows, usual = 2 * plan["strata"] * points, 2 * int(draft.plan["strata"]) * points
    if rows > max(draft.micro_batch, usual):
        detail = f"one replicate of {plan['strata']} strata at {points} points is {rows} rows"
        raise refusal("plan/strata", f"{detail}, more than the {max(draft.micro_batch, usual)} that a worker holds")
