"""Kind `surrogate` as the engine sees it. Torch-free; the simulator is behind `load`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from burnish.wire import CatalogueEntry
from burnish.wire.specs.surrogate import PicardLevels, Point, SurrogateSpec
from burnish_workers.core.estimator import Simulator
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Draft, Kind, SpecError
from burnish_workers.core.registry import near
from burnish_workers.core.replay import ANEW
from burnish_workers.kinds.surrogate.catalogue import equations
from burnish_workers.kinds.surrogate.contest import choose, rivals
from burnish_workers.kinds.surrogate.examples import EXAMPLES
from burnish_workers.kinds.surrogate.fits import FITTING, check_fit, fit_of
from burnish_workers.kinds.surrogate.methods import PICARD, PLAIN, Setting, candidates, nonlinear, why_not
from burnish_workers.kinds.surrogate.picard_levels import level_rows
from burnish_workers.kinds.surrogate.plan import (
    BASIS,
    LEVELS,
    MOST_LEVELS,
    MOST_NESTED,
    PATH,
    components,
    default_plan,
)
from burnish_workers.kinds.surrogate.problem import points_of, problem_of, surrogate_of
from burnish_workers.kinds.surrogate.replay import check_resolution
from burnish_workers.kinds.surrogate.statistics import statistics
from burnish_workers.kinds.surrogate.trained import trained_models

VERSION = 2
"""Version of the numerics: raised whenever the same resolved spec would give other bits."""

_ROWS_CPU, _ROWS_GPU = 8_192, 262_144
"""Rows per tensor operation: what fits the caches of a core, and what fills a GPU."""

_TRIAL_POINTS, _PILOT = 16, 256
"""The pilot looks at no more than so many points, spread over those posted, and so many replicates over all."""

_DIFFERENTIATED = 4
"""A pilot of gradients has so many times fewer replicates: each costs that much more, and gives as many outputs."""

_SINGLE = [(LEVELS, BASIS)]
_ALTERNATIVES = [(LEVELS, BASIS), (3, 4)]
"""Levels and basis that the pilot compares where the spec does not say."""

_GLIMPSED_POINTS, _GLIMPSE, _GLIMPSED_SHARE = 8, 64, 8
"""Of a rival: some of the pilot's points, samples over all, and replicates for each sample of a higher Picard level."""

MOST_OUTPUTS = 20_000
"""Points times outputs of each: what a refinement lists."""


def check(spec: SurrogateSpec, inputs: Inputs) -> None:
    """Judge a spec at the door. Raises SpecError."""
    problem = problem_of(spec)
    points = points_of(spec, problem.dim, problem.horizon, inputs)
    fit = fit_of(spec)
    if fit is not None:
        check_fit(fit, spec, problem.dim, points)
    setting = _setting(spec, inputs)
    _check_outputs(spec, setting, len(points.t))
    methods = _methods(spec, setting)
    _check_picard(spec, setting)
    if spec.interval == "bounded" and (setting.gradient or components(problem, methods[0]) != (PATH,)):
        what = "bounded intervals need an estimator without corrections: F free of u and z, constant coefficients"
        what += " (or constants times x)"
        raise SpecError("/interval", f"{what}, and no gradient; use stream or open")
    if spec.resolution is not None:
        given = spec.resolution
        if given.estimator not in methods:
            raise SpecError("/resolution/estimator", f"{near(given.estimator, methods)}; {ANEW}")
        levels = spec.picard or PicardLevels(
            levels=_whole(given.plan.get("levels"), LEVELS, MOST_LEVELS),
            basis=_whole(given.plan.get("basis"), BASIS, 64),
        )
        drafted = _draft(spec, setting, given.estimator, levels, given.numeric_class, inputs)
        least_steps = int(default_plan(problem, 1, given.estimator)["steps"])
        check_resolution(given, spec.steps, least_steps, drafted, setting.width)


def _whole(value: Any, default: int, most: int) -> int:
    return value if type(value) is int and 2 <= value <= most else default


def _setting(spec: SurrogateSpec, inputs: Inputs) -> Setting:
    problem = problem_of(spec)
    # What is yet to be trained is smooth: a tanh network.
    surrogate = None if fit_of(spec) is not None else surrogate_of(spec, problem.dim, inputs)
    return Setting.of(spec, problem, surrogate, inputs)


def _check_outputs(spec: SurrogateSpec, setting: Setting, points: int) -> None:
    if len(set(spec.outputs)) < len(spec.outputs):
        raise SpecError("/outputs", f"{spec.outputs[0]!r} is there twice; known outputs are value and gradient")
    if points * setting.width > MOST_OUTPUTS:
        what = f"{points} points with {setting.width} outputs each are more than the {MOST_OUTPUTS} of a job"
        raise SpecError("/outputs", f"{what}; split it into several jobs")


def _check_picard(spec: SurrogateSpec, setting: Setting) -> None:
    if spec.picard is None:
        return
    if spec.method not in (PICARD, PLAIN):
        raise SpecError("/picard", f"belongs to the methods picard and plain; the method is {spec.method}")
    if not nonlinear(setting.problem):
        return
    nested = level_rows(spec.picard.levels - 1, spec.picard.basis)
    if nested > MOST_NESTED:
        what = f"{spec.picard.levels} levels of basis {spec.picard.basis} nest {nested:,} paths in one sample"
        raise SpecError("/picard", f"{what}, more than the {MOST_NESTED:,} that a worker holds; ask for fewer")


def _methods(spec: SurrogateSpec, setting: Setting) -> list[str]:
    """The methods that this spec may run by, the preferred one first. Raises SpecError where there is none."""
    if spec.method != "auto":
        reason = why_not(spec.method, setting)
        if reason is not None:
            raise SpecError(*reason)
        return [spec.method]
    found = candidates(setting)
    if not found:
        raise SpecError(*(why_not(PLAIN, setting) or ("/method", "no method applies")))
    return found[:1] if spec.interval == "bounded" else found


def draft(spec: SurrogateSpec, numeric_class: str, inputs: Inputs) -> Draft:
    """The draft of the preferred method, with its rivals: cheap ones first."""
    setting = _setting(spec, inputs)
    several = nonlinear(setting.problem) and spec.picard is None
    tried = [
        (rank, method, spec.picard or PicardLevels(levels=levels, basis=basis))
        for method in _methods(spec, setting)
        for rank, (levels, basis) in enumerate(_ALTERNATIVES if several and method in (PICARD, PLAIN) else _SINGLE)
    ]
    tried.sort(key=lambda each: each[0])
    drafts = [_draft(spec, setting, method, levels, numeric_class, inputs) for _, method, levels in tried]
    return replace(drafts[0], rivals=tuple(replace(each, glimpse=_glimpse(each, setting)) for each in drafts[1:]))


def _glimpse(draft: Draft, setting: Setting) -> Draft:
    """Fewer replicates at fewer points, and few samples of the higher Picard levels."""
    assert isinstance(draft.trial, SurrogateSpec)
    points = cast("list[Point]", draft.trial.points)
    points = points[:: -(-len(points) // _GLIMPSED_POINTS)]
    higher = [name for name in draft.plan if name.startswith("level_") and name != "level_1_share"]
    return replace(
        draft,
        trial=draft.trial.model_copy(update={"points": points}),
        trial_outputs=len(points) * setting.width,
        pilot=max(8, _GLIMPSE // len(points) // (_DIFFERENTIATED if setting.gradient else 1)),
        plan={**draft.plan, **dict.fromkeys(higher, _GLIMPSED_SHARE)},
    )


def _draft(
    spec: SurrogateSpec, setting: Setting, method: str, levels: PicardLevels, numeric_class: str, inputs: Inputs
) -> Draft:
    problem = setting.problem
    points = points_of(spec, problem.dim, problem.horizon, inputs)
    count, width = len(points.t), setting.width
    chosen = list(range(0, count, -(-count // _TRIAL_POINTS)))
    trial = [Point(t=float(points.t[i]), x=points.x[i].tolist()) for i in chosen]
    return Draft(
        estimator=method,
        version=VERSION,
        outputs=count * width,
        trial=spec.model_copy(update={"points": trial}),
        trial_outputs=len(chosen) * width,
        pilot=min(256, max(8, _PILOT // len(chosen) // (_DIFFERENTIATED if setting.gradient else 1))),
        micro_batch=_ROWS_GPU if "cuda" in numeric_class.lower() else _ROWS_CPU,
        plan=default_plan(problem, spec.steps, method, levels.levels, levels.basis),
        adaptive=count > 1 and spec.interval != "bounded",
    )


def load() -> Callable[[Any, str, Inputs], Simulator]:
    from burnish_workers.kinds.surrogate.fitting_slices import build_fitting
    from burnish_workers.kinds.surrogate.simulator import build

    def simulator(spec: SurrogateSpec, device: str, inputs: Inputs) -> Simulator:
        return (build if fit_of(spec) is None else build_fitting)(spec, device, inputs)

    return simulator


def catalogue() -> list[CatalogueEntry]:
    problems = [
        CatalogueEntry(
            kind="surrogate",
            type="problem",
            name=entry.name,
            summary=entry.summary,
            details={
                "dim": entry.dim,
                "horizon": entry.equation(entry.dim).horizon,
                "box": list(entry.box),
                "source": entry.source,
                "equation": entry.equation(entry.dim).model_dump(mode="json"),
            },
        )
        for entry in equations().values()
    ]
    models = [
        CatalogueEntry(
            kind="surrogate",
            type="model",
            name=model.name,
            summary=str(model.card.get("summary", "trained surrogate")),
            details={"dim": model.dim, "problem": model.card.get("problem"), "card": model.card},
        )
        for model in trained_models().values()
    ]
    return problems + models


KIND = Kind(
    name="surrogate",
    summary="Correct a learned PDE solution at chosen points by simulating the equation that its error obeys.",
    spec=SurrogateSpec,
    check=check,
    draft=draft,
    statistics=statistics,
    load=load,
    examples=lambda: EXAMPLES,
    catalogue=catalogue,
    rivals=rivals,
    choose=choose,
    fitting=FITTING,
)
