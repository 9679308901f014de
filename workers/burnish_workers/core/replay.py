"""A posted resolution (a replay) judged at the door: no worker is to meet numbers it does not know or cannot hold.

What all kinds have in common; each judges the numbers of its own plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from burnish.wire import Resolution
from burnish_workers.core.kind import COMPARED, Draft, SpecError
from burnish_workers.core.registry import near

AT = "/resolution"
ANEW = "leave `resolution` out to have the job resolved anew"

MOST_TAIL = 10**6
"""Extreme replicates kept on each side, over all outputs: they travel with every block and every checkpoint."""

MOST_TEXT = 2_000


def refusal(where: str, what: str) -> SpecError:
    """The error for a field of the resolution, with the cure that always helps."""
    return SpecError(f"{AT}/{where}", f"{what}; {ANEW}")


def check_numbers(given: Resolution, draft: Draft, most: int, each: str) -> None:
    """Raise SpecError unless this version of a kind can run the numbers that all kinds have.

    `draft`: what would be decided here for the estimator that is given; `most`: replicates that a block may have;
    `each`: what takes the room, in words.
    """
    if given.version != draft.version:
        raise refusal("version", f"numerics version {given.version} does not run here, version {draft.version} does")
    if given.micro_batch > draft.micro_batch:
        limit = f"at most {draft.micro_batch} for numeric class {given.numeric_class!r}"
        raise refusal("micro_batch", f"{given.micro_batch} rows at once are more than a worker holds, {limit}")
    if given.multiplicity is not None and given.multiplicity.outputs != draft.outputs:
        what = f"is for {given.multiplicity.outputs} outputs, the spec has {draft.outputs}"
        raise refusal("multiplicity/outputs", what)
    if (given.lanes is None) != (draft.lanes is None):
        raise refusal("lanes", f"{given.lanes} contradicts the estimator, which has {draft.lanes or 'none'}")
    for name, limit in (("first_block", most), ("block", most), ("tail", MOST_TAIL // draft.outputs)):
        value = getattr(given, name)
        if value > limit:
            raise refusal(name, f"{value} with {each} is more than a worker holds, at most {limit}")


def check_names(plan: Mapping[str, Any], draft: Draft) -> None:
    """Raise SpecError unless the plan has exactly the fields of the draft's (and what was compared, in words)."""
    compared = plan.get(COMPARED, "")
    if not isinstance(compared, str) or len(compared) > MOST_TEXT:
        raise refusal(f"plan/{COMPARED}", f"must be a text of at most {MOST_TEXT} characters")
    for name in plan:
        if name not in draft.plan and name != COMPARED:
            raise refusal(f"plan/{_escaped(name)}", near(name, draft.plan))
    for name in draft.plan:
        if name not in plan:
            raise refusal(f"plan/{name}", f"missing; a plan has {', '.join(draft.plan)}")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
