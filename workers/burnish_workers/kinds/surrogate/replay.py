"""A posted resolution (a replay) judged at the door: no worker is to meet numbers it does not know or cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from burnish.wire import Resolution
from burnish_workers.core.kind import COMPARED, MOST_SAMPLES, Draft, SpecError
from burnish_workers.core.registry import near
from burnish_workers.kinds.surrogate.picard_levels import level_rows
from burnish_workers.kinds.surrogate.plan import MOST_BASIS, MOST_LEVELS, MOST_NESTED, MOST_SHARE

AT = "/resolution"
ANEW = "leave `resolution` out to have the job resolved anew"

MOST_STEPS = 4_096
MOST_TAIL = 10**6
"""Extreme replicates kept on each side, over all outputs: they travel with every block and every checkpoint."""

MOST_TEXT = 2_000

_RANGES = {"levels": (2, MOST_LEVELS), "basis": (2, MOST_BASIS)}


def check_resolution(given: Resolution, steps: int | None, least_steps: int, draft: Draft, width: int) -> None:
    """Raise SpecError unless this version of the kind can run `given`.

    `steps`: those that the spec asks for; `least_steps`: those that any plan has; `draft`: what would be decided here
    for the estimator that is given; `width`: outputs of a point.
    """
    if given.version != draft.version:
        raise _error("version", f"numerics version {given.version} does not run here, version {draft.version} does")
    if given.micro_batch > draft.micro_batch:
        most = f"at most {draft.micro_batch} for numeric class {given.numeric_class!r}"
        raise _error("micro_batch", f"{given.micro_batch} rows at once are more than a worker holds, {most}")
    if given.multiplicity is not None and given.multiplicity.outputs != draft.outputs:
        what = f"is for {given.multiplicity.outputs} outputs, the spec has {draft.outputs}"
        raise _error("multiplicity/outputs", what)
    for name in ("first_block", "block"):
        _at_most(name, getattr(given, name), MOST_SAMPLES // draft.outputs, draft.outputs)
    _at_most("tail", given.tail, MOST_TAIL // draft.outputs, draft.outputs)
    _check_plan(given.plan, steps, least_steps, draft, draft.outputs // width)


def _check_plan(plan: Mapping[str, Any], steps: int | None, least_steps: int, draft: Draft, points: int) -> None:
    """Exactly the numbers that a composition is made of, each in its range."""
    compared = plan.get(COMPARED, "")
    if not isinstance(compared, str) or len(compared) > MOST_TEXT:
        raise _error(f"plan/{COMPARED}", f"must be a text of at most {MOST_TEXT} characters")
    for name in plan:
        if name not in draft.plan and name != COMPARED:
            raise _error(f"plan/{_escaped(name)}", near(name, draft.plan))
    for name in draft.plan:
        if name not in plan:
            raise _error(f"plan/{name}", f"missing; a plan has {', '.join(draft.plan)}")
        least, most = _RANGES.get(name, (1, MOST_SHARE if name.endswith("_share") else MOST_STEPS))
        value = plan[name]
        if type(value) is not int or not least <= value <= most:
            raise _error(f"plan/{name}", f"must be a whole number from {least} to {most}, got {value!r}")
    if plan["steps"] < least_steps:
        raise _error("plan/steps", f"must be at least {least_steps} for this equation, got {plan['steps']}")
    if steps is not None and plan["steps"] != draft.plan["steps"]:
        asked = f"steps = {steps} of the spec, which makes {draft.plan['steps']}"
        raise _error("plan/steps", f"{plan['steps']} contradicts {asked}")
    for name in _RANGES:
        if name in plan and plan[name] != draft.plan[name]:
            raise _error(f"plan/{name}", f"{plan[name]} contradicts picard.{name} = {draft.plan[name]} of the spec")
    if "basis" in plan and level_rows(plan["levels"] - 1, plan["basis"]) > MOST_NESTED:
        raise _error("plan/basis", f"{plan['levels']} levels of basis {plan['basis']} are more than a worker holds")
    rows, usual = 2 * plan["strata"] * points, 2 * int(draft.plan["strata"]) * points
    if rows > max(draft.micro_batch, usual):
        detail = f"one replicate of {plan['strata']} strata at {points} points is {rows} rows"
        raise _error("plan/strata", f"{detail}, more than the {max(draft.micro_batch, usual)} that a worker holds")


def _at_most(name: str, value: int, most: int, outputs: int) -> None:
    if value > most:
        raise _error(name, f"{value} with {outputs} points is more than a worker holds, at most {most}")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _error(where: str, what: str) -> SpecError:
    return SpecError(f"{AT}/{where}", f"{what}; {ANEW}")
