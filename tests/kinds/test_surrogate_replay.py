"""Whatever the service resolves by itself, it takes back when it is posted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnish.wire import SurrogateSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.kind import Draft
from burnish_workers.engine.resolve import Pilot, decide
from burnish_workers.kinds.surrogate.examples import EXAMPLES
from burnish_workers.kinds.surrogate.kind import KIND

CLASSES = ["Intel(R) Xeon(R) | AVX512 | torch 2.13.0+cpu | threads 1", "NVIDIA H200 | cuda 13 | torch 2.13.0"]
BUDGETS: list[dict[str, Any]] = [
    {"seconds": 0.01},
    {"seconds": 604_800.0},
    {"units": 1},
    {"units": 10**12},
    {"abs_tol": 1e-12},
    {"rel_tol": 0.5, "worker_seconds": 100.0},
]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    example=st.sampled_from(EXAMPLES),
    points=st.sampled_from([1, 2, 17, 1000]),
    budget=st.sampled_from(BUDGETS),
    steps=st.sampled_from([None, 1, 7, 4096]),
    numeric_class=st.sampled_from(CLASSES),
    seconds=st.floats(1e-9, 100),
    needed=st.floats(1, 1e15),
    workers=st.sampled_from([1, 4096]),
)
def test_what_is_resolved_can_be_posted(
    example: dict[str, Any],
    points: int,
    budget: dict[str, Any],
    steps: int | None,
    numeric_class: str,
    seconds: float,
    needed: float,
    workers: int,
) -> None:
    changes = {"points": [{"t": 0.0, "x": 0.01}] * points, "budget": budget, "steps": steps}
    spec = SurrogateSpec.model_validate({**example, **changes})
    draft: Draft = KIND.draft(spec, numeric_class, NOTHING)
    pilot = Pilot(seconds, needed if spec.budget.has_tolerance else None, lambda n: 8 * n * points)
    resolution = decide(spec, draft, pilot, numeric_class, workers)
    replay = SurrogateSpec.model_validate_json(spec.model_copy(update={"resolution": resolution}).model_dump_json())
    KIND.check(replay, NOTHING)
    assert KIND.statistics(replay, NOTHING).units(resolution.first_block) > 0


@pytest.mark.parametrize("share", [1, 64])
def test_shares_at_the_ends_of_their_range(share: int) -> None:
    spec = SurrogateSpec.model_validate(EXAMPLES[0])
    draft: Draft = KIND.draft(spec, CLASSES[0], NOTHING)
    pilot = Pilot(1e-4, None, lambda n: 16 * n)
    resolution = decide(spec, draft, pilot, CLASSES[0], 2)
    plan = {**resolution.plan, "step_share": share, "remainder_share": share}
    KIND.check(spec.model_copy(update={"resolution": resolution.model_copy(update={"plan": plan})}), NOTHING)
