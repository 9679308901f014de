"""Kind `reasoning` as the engine sees it. Torch-free; the simulator is behind `load`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from burnish.wire.specs.language import LanguageProblem
from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.estimator import Plan, Simulator
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Draft, Kind, SpecError
from burnish_workers.core.replay import refusal
from burnish_workers.kinds.reasoning.backends.language.registered import entries
from burnish_workers.kinds.reasoning.backends.language.setup import setup_of
from burnish_workers.kinds.reasoning.examples import EXAMPLES
from burnish_workers.kinds.reasoning.plan import ANEW, TOKEN_SHARES, Recipe, chances
from burnish_workers.kinds.reasoning.problem import Outline, changed, outline_of
from burnish_workers.kinds.reasoning.publish import artifacts
from burnish_workers.kinds.reasoning.statistics import statistics

VERSION = 2
"""Version of the numerics: raised whenever the same resolved spec would give other bits."""

POOL, PARTICLES, WARMUP = 1, 16, 16
"""Where the spec does not say: K, N, and steps of a chain that are not counted. At equal tokens larger pools lose (see
docs/log.md); they are for backends that write several candidates in the time of one."""

_PILOT = 64
"""Steps of the chains of a pilot, which begin anew eight times to meet the answers that matter."""


def check(spec: ReasoningSpec, inputs: Inputs) -> None:
    """Judge a spec at the door. Raises SpecError."""
    outline = outline_of(spec)
    unknown = [] if outline.answers is None else sorted(set(spec.answers or []) - outline.answers)
    if unknown and outline.answers is not None:
        known = ", ".join(sorted(outline.answers)[:8])
        raise SpecError("/answers", f"no end with a value answers {unknown[0]!r}; the problem knows {known}")
    if spec.interval == "bounded":
        raise SpecError("/interval", "the steps of a chain are not independent; use stream, fixed or open")
    if spec.resolution is not None and spec.resolution.replayable != outline.replayable:
        what = f"is {spec.resolution.replayable} for a problem for which it is {outline.replayable}"
        raise refusal("replayable", what)
    together(spec, outline)
    _check_plan(spec, outline)


def _check_plan(spec: ReasoningSpec, outline: Outline) -> None:
    """A resolution that is posted must be of the model that is there, and of this many chains."""
    given = spec.resolution
    if given is None:
        return
    group = given.plan.get("together", 1)
    if not isinstance(group, int) or group < 1 or given.lanes is None or given.lanes * group != spec.chains:
        raise refusal("lanes", f"{given.lanes} lanes of {group} chains are not the {spec.chains} chains of the job")
    if given.micro_batch > outline.micro_batch:
        limit = f"the limit is {outline.micro_batch}"
        raise refusal("micro_batch", f"{given.micro_batch} rows at once are more than a worker holds, {limit}")
    if isinstance(spec.problem, LanguageProblem) and given.plan.get("model") != outline.plan["model"]:
        raise changed(setup_of(spec.problem, spec.max_steps).model, given.plan.get("model"))


def together(spec: ReasoningSpec, outline: Outline) -> int:
    """G, chains of a lane. Raises SpecError where it does not divide them."""
    if spec.together is None:
        return next(g for g in range(min(spec.chains, outline.together), 0, -1) if spec.chains % g == 0)
    if spec.chains % spec.together:
        near = [g for g in range(1, spec.chains + 1) if spec.chains % g == 0]
        what = f"{spec.chains} chains cannot be divided into groups of {spec.together}"
        raise SpecError("/together", f"{what}; take one of {', '.join(map(str, near))}")
    return spec.together


def draft(spec: ReasoningSpec, numeric_class: str, inputs: Inputs) -> Draft:
    """What needs no pilot."""
    outline = outline_of(spec)
    depth, group = outline.depth, together(spec, outline)
    pool, particles = spec.pool or POOL, spec.particles or PARTICLES
    shares = chances(TOKEN_SHARES, pool, particles, depth)
    recipe = Recipe(
        pool,
        particles,
        8 * depth,
        depth,
        WARMUP,
        shares.excursion,
        shares.block,
        shares.restart,
        shares.filter,
        together=group,
    )
    return Draft(
        estimator=spec.method,
        version=VERSION,
        outputs=spec.most_answers + 1,
        trial=spec,
        trial_outputs=spec.most_answers + 1,
        pilot=max(ANEW, _PILOT // group),
        micro_batch=outline.micro_batch,
        plan={**recipe.to_plan(), **outline.plan},
        lanes=spec.chains // group,
        outputs_by=_outputs,
        replayable=outline.replayable,
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
    catalogue=entries,
    generates=True,
    artifacts=artifacts,
)
