"""A posted resolution (a replay) judged at the door: no worker is to meet numbers it does not know or cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from burnish.wire import Resolution
from burnish_workers.core.kind import MOST_SAMPLES, Draft, SpecError
from burnish_workers.core.registry import near
from burnish_workers.kinds.surrogate.plan import MOST_SHARE, REMAINDER, STEP

AT = "/resolution"
ANEW = "leave `resolution` out to have the job resolved anew"

MOST_STEPS = 4_096
MOST_TAIL = 10**6
"""Extreme replicates kept on each side, over all outputs: they travel with every block and every checkpoint."""

_SHARES = (f"{STEP}_share", f"{REMAINDER}_share")


def check_resolution(given: Resolution, steps: int | None, least_steps: int, draft: Draft) -> None:
    """Raise SpecError unless this version of the kind can run `given`.

    `steps`: those that the spec asks for; `least_steps`: those that any plan has; `draft`: what would be decided here.
    """
    if given.version != draft.version:
        raise _error("version", f"numerics version {given.version} does not run here, version {draft.version} does")
    if given.estimator != draft.estimator:
        raise _error("estimator", near(given.estimator, [draft.estimator]))
    if given.micro_batch > draft.micro_batch:
        most = f"at most {draft.micro_batch} for numeric class {given.numeric_class!r}"
        raise _error("micro_batch", f"{given.micro_batch} rows at once are more than a worker holds, {most}")
    if given.multiplicity is not None and given.multiplicity.outputs != draft.outputs:
        what = f"is for {given.multiplicity.outputs} outputs, the spec has {draft.outputs}"
        raise _error("multiplicity/outputs", what)
    for name in ("first_block", "block"):
        _at_most(name, getattr(given, name), MOST_SAMPLES // draft.outputs, draft.outputs)
    _at_most("tail", given.tail, MOST_TAIL // draft.outputs, draft.outputs)
    _check_plan(given.plan, steps, least_steps, draft)


def _check_plan(plan: Mapping[str, Any], steps: int | None, least_steps: int, draft: Draft) -> None:
    """Exactly the numbers that a composition is made of, each in its range."""
    for name in plan:
        if name not in draft.plan:
            raise _error(f"plan/{_escaped(name)}", near(name, draft.plan))
    for name in draft.plan:
        if name not in plan:
            raise _error(f"plan/{name}", f"missing; a plan has {', '.join(draft.plan)}")
        most = MOST_SHARE if name in _SHARES else MOST_STEPS
        value = plan[name]
        if type(value) is not int or not 1 <= value <= most:
            raise _error(f"plan/{name}", f"must be a whole number from 1 to {most}, got {value!r}")
    if plan["steps"] < least_steps:
        raise _error("plan/steps", f"must be at least {least_steps} for this equation, got {plan['steps']}")
    if steps is not None and plan["steps"] != draft.plan["steps"]:
        asked = f"steps = {steps} of the spec, which makes {draft.plan['steps']}"
        raise _error("plan/steps", f"{plan['steps']} contradicts {asked}")
    rows, usual = 2 * plan["strata"] * draft.outputs, 2 * int(draft.plan["strata"]) * draft.outputs
    if rows > max(draft.micro_batch, usual):
        detail = f"one replicate of {plan['strata']} strata at {draft.outputs} points is {rows} rows"
        raise _error("plan/strata", f"{detail}, more than the {max(draft.micro_batch, usual)} that a worker holds")


def _at_most(name: str, value: int, most: int, outputs: int) -> None:
    if value > most:
        raise _error(name, f"{value} with {outputs} points is more than a worker holds, at most {most}")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _error(where: str, what: str) -> SpecError:
    return SpecError(f"{AT}/{where}", f"{what}; {ANEW}")
