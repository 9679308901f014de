"""Kind `surrogate` as the engine sees it. Torch-free; the simulator is behind `load`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from burnish.wire import CatalogueEntry
from burnish.wire.specs.surrogate import Point, SurrogateSpec
from burnish_workers.core.estimator import Simulator
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Draft, Kind, SpecError
from burnish_workers.kinds.surrogate.catalogue import equations
from burnish_workers.kinds.surrogate.examples import EXAMPLES
from burnish_workers.kinds.surrogate.fits import FITTING, check_fit, fit_of
from burnish_workers.kinds.surrogate.plan import PATH, components, default_plan
from burnish_workers.kinds.surrogate.problem import points_of, problem_of, surrogate_of
from burnish_workers.kinds.surrogate.replay import check_resolution
from burnish_workers.kinds.surrogate.statistics import statistics
from burnish_workers.kinds.surrogate.trained import trained_models

VERSION = 1
"""Version of the numerics: raised whenever the same resolved spec would give other bits."""

_ROWS_CPU, _ROWS_GPU = 8_192, 262_144
"""Rows per tensor operation: what fits the caches of a core, and what fills a GPU."""

_TRIAL_POINTS, _PILOT = 16, 256
"""The pilot looks at no more than so many points, spread over those posted, and so many replicates over all."""


def check(spec: SurrogateSpec, inputs: Inputs) -> None:
    """Judge a spec at the door. Raises SpecError."""
    problem = problem_of(spec)
    points = points_of(spec, problem.dim, problem.horizon, inputs)
    fit = fit_of(spec)
    if fit is not None:
        check_fit(fit, spec, problem.dim, points)
    else:
        surrogate_of(spec, problem.dim, inputs)
    if spec.interval == "bounded" and components(problem) != (PATH,):
        what = "bounded intervals need an estimator without corrections: F free of u and z, constant coefficients"
        raise SpecError("/interval", f"{what}; use stream or open")
    if spec.resolution is not None:
        least_steps = int(default_plan(problem, 1)["steps"])
        check_resolution(spec.resolution, spec.steps, least_steps, draft(spec, spec.resolution.numeric_class, inputs))


def draft(spec: SurrogateSpec, numeric_class: str, inputs: Inputs) -> Draft:
    problem = problem_of(spec)
    points = points_of(spec, problem.dim, problem.horizon, inputs)
    outputs = len(points.t)
    chosen = list(range(0, outputs, -(-outputs // _TRIAL_POINTS)))
    trial = [Point(t=float(points.t[i]), x=points.x[i].tolist()) for i in chosen]
    return Draft(
        estimator="linearised",
        version=VERSION,
        outputs=outputs,
        trial=spec.model_copy(update={"points": trial}),
        trial_outputs=len(chosen),
        pilot=min(256, max(8, _PILOT // len(chosen))),
        micro_batch=_ROWS_GPU if "cuda" in numeric_class.lower() else _ROWS_CPU,
        plan=default_plan(problem, spec.steps),
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
    fitting=FITTING,
)
