"""What the engine may know of `{"fit": {...}}` without torch: what is asked for, and the specs before and after."""

from __future__ import annotations

import numpy as np

from burnish.wire.files import ModelReference
from burnish.wire.specs.fit import MOST_JACOBIAN, Fit, FitSurrogate, Optimiser
from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.estimator import Arrays
from burnish_workers.core.fitting import Fitting, Wish
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.surrogate.problem import Points, problem_of

MOST_PARAMETERS = 10**6
"""Parameters of any network: they travel with every slice of training."""

MOST_TANGENTS = 10**8
"""Batch times width times depth times dimension: numbers that a step holds at once, several times over."""

FIRST_TRIAL = {"adam": 40, "steepest": 40, "levenberg-marquardt": 5}
"""Steps of the shortest trial fit."""

AT = "/surrogate/fit"


def fit_of(spec: SurrogateSpec) -> Fit | None:
    """The fit that a spec asks for."""
    return spec.surrogate.fit if isinstance(spec.surrogate, FitSurrogate) else None


def check_fit(fit: Fit, spec: SurrogateSpec, dim: int, points: Points) -> None:
    """Judge a fit at the door. Raises SpecError."""
    if spec.resolution is not None:
        raise SpecError("/resolution", "a resolved spec names its model: post a job's `resolved`, or leave this out")
    fit = fit.settled(dim)
    width, depth, parameters = fit.width or 0, fit.depth or 0, fit.parameters(dim)
    shape = f"{depth} layers of {width} for dim = {dim}"
    if fit.optimiser == "levenberg-marquardt" and parameters > MOST_JACOBIAN:
        what = f"{parameters:,} parameters ({shape}) are more than the {MOST_JACOBIAN:,} that levenberg-marquardt takes"
        raise SpecError(f"{AT}/width", f"{what}; lower width, or use adam or steepest")
    if parameters > MOST_PARAMETERS:
        raise SpecError(f"{AT}/width", f"{parameters:,} parameters ({shape}); at most {MOST_PARAMETERS:,} are trained")
    if fit.batch * width * depth * dim > MOST_TANGENTS:
        most = max(2, MOST_TANGENTS // (width * depth * dim))
        raise SpecError(f"{AT}/batch", f"{fit.batch} points with {shape} need too much memory; give at most {most}")
    if fit.sampling == "box" and fit.box is None and bool(np.all(np.ptp(points.x, axis=0) == 0)):
        raise SpecError(f"{AT}/sampling", "one point spans no box: give `box`: [low, high], or sampling: path")
    if fit.seconds is not None and spec.budget.seconds is not None and fit.seconds >= spec.budget.seconds:
        what = f"{fit.seconds:g} s of training leave nothing of the budget's {spec.budget.seconds:g} s"
        raise SpecError(f"{AT}/seconds", f"{what}; give less, or a `share`")
    if fit.share is not None and not spec.budget.has_time:
        what = "is a part of the budget's seconds, worker_seconds or gpu_seconds, and it has none of them"
        raise SpecError(f"{AT}/share", f"{what}; give `steps` or `seconds`")


def _wish(spec: SurrogateSpec) -> Wish | None:
    fit = fit_of(spec)
    return None if fit is None else Wish(fit.steps, fit.seconds, fit.share)


def _planned(spec: SurrogateSpec, steps: int) -> SurrogateSpec:
    fit = fit_of(spec)
    assert fit is not None
    fixed = fit.model_copy(update={"steps": steps, "seconds": None, "share": None})
    return spec.model_copy(update={"surrogate": FitSurrogate(fit=fixed)})


def _naming(spec: SurrogateSpec, model: str) -> SurrogateSpec:
    return spec.model_copy(update={"surrogate": ModelReference(model=model)})


def _metrics(stats: Arrays) -> dict[str, float]:
    loss, residual, terminal = (float(v) for v in np.asarray(stats["sums"]) / max(int(stats["steps"]), 1))
    return {"loss": loss, "residual": residual**0.5, "terminal": terminal**0.5}


def _first(spec: SurrogateSpec) -> int:
    return FIRST_TRIAL[_optimiser(spec)]


def _continues(spec: SurrogateSpec) -> bool:
    return _optimiser(spec) == "levenberg-marquardt"


def _optimiser(spec: SurrogateSpec) -> Optimiser:
    fit = fit_of(spec)
    assert fit is not None
    optimiser = fit.settled(problem_of(spec).dim).optimiser
    assert optimiser is not None
    return optimiser


FITTING = Fitting(wish=_wish, planned=_planned, naming=_naming, metrics=_metrics, first=_first, continues=_continues)
