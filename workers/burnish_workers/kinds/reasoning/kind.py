"""Kind `reasoning` as the engine sees it. Torch-free; the simulator is behind `load`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.estimator import Plan, Simulator
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Draft, Kind, SpecError
from burnish_workers.core.replay import refusal
from burnish_workers.kinds.reasoning.examples import EXAMPLES
from burnish_workers.kinds.reasoning.plan import TOKEN_SHARES, Recipe, chances
from burnish_workers.kinds.reasoning.problem import task_of
from burnish_workers.kinds.reasoning.statistics import statistics

VERSION = 1
"""Version of the numerics: raised whenever the same resolved spec would give other bits."""

POOL, PARTICLES, WARMUP = 1, 16, 16
"""Where the spec does not say: K, N, and steps of a chain that are not counted. At equal tokens larger pools lose (see
docs/log.md); they are for backends that write several candidates in the time of one."""

_PILOT = 64
"""Steps of a pilot, which begins anew eight times to meet the answers that matter."""


def check(spec: ReasoningSpec, inputs: Inputs) -> None:
    """Judge a spec at the door. Raises SpecError."""
    task = task_of(spec)
    unknown = [] if task.answers is None else sorted(set(spec.answers or []) - task.answers)
    if unknown and task.answers is not None:
        known = ", ".join(sorted(task.answers)[:8])
        raise SpecError("/answers", f"no end with a value answers {unknown[0]!r}; the problem knows {known}")
    if spec.interval == "bounded":
        raise SpecError("/interval", "the steps of a chain are not independent; use stream, fixed or open")
    if spec.resolution is not None and spec.resolution.replayable != task.replayable:
        raise refusal("replayable", f"is {spec.resolution.replayable} for a problem for which it is {task.replayable}")


def draft(spec: ReasoningSpec, numeric_class: str, inputs: Inputs) -> Draft:
    """What needs no pilot."""
    task = task_of(spec)
    depth = task.backend.depth
    pool, particles = spec.pool or POOL, spec.particles or PARTICLES
    shares = chances(TOKEN_SHARES, pool, particles, depth)
    recipe = Recipe(
        pool, particles, 8 * depth, depth, WARMUP, shares.excursion, shares.block, shares.restart, shares.filter
    )
    return Draft(
        estimator=spec.method,
        version=VERSION,
        outputs=spec.most_answers + 1,
        trial=spec,
        trial_outputs=spec.most_answers + 1,
        pilot=_PILOT,
        micro_batch=1,
        plan=recipe.to_plan(),
        lanes=spec.chains,
        outputs_by=_outputs,
        replayable=task.replayable,
    )


def _outputs(plan: Plan) -> int:
    return len(json.loads(str(plan["answers"]))) + (not plan["complete"])


def load() -> Callable[[Any, str, Inputs], Simulator]:
    from burnish_workers.kinds.reasoning.simulator import build

    return build


KIND = Kind(
    name="reasoning",
    summary="Sample chains of reasoning from a model's law tilted by a verifier, backing up where steps do not hold.",
    spec=ReasoningSpec,
    check=check,
    draft=draft,
    statistics=statistics,
    load=load,
    examples=lambda: EXAMPLES,
    generates=True,
)
