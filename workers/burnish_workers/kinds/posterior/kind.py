"""Kind `posterior` as the engine sees it: samples of a prior, or a state that is followed. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from burnish.wire import CatalogueEntry
from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.estimator import Simulator, Statistics
from burnish_workers.core.feed import Feed
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Contestant, Draft, Kind, SpecError
from burnish_workers.kinds.posterior import sampling, tuning
from burnish_workers.kinds.posterior.assimilation import catalogue as dynamics
from burnish_workers.kinds.posterior.assimilation import jobs as assimilating
from burnish_workers.kinds.posterior.examples import EXAMPLES
from burnish_workers.kinds.posterior.publish import artifacts
from burnish_workers.kinds.posterior.registered import entries as priors
from burnish_workers.kinds.posterior.statistics import statistics

_OF_PRIORS = (
    "chain",
    "observation",
    "reward",
    "condition",
    "method",
    "particles",
    "guidance",
    "potential",
    "resampling",
)
_OF_STATES = ["initial", "observe", "observations", "expected", "filter"]


def check(spec: PosteriorSpec, inputs: Inputs) -> None:
    """Judge a spec at the door. Raises SpecError."""
    _check_form(spec)
    (sampling if spec.dynamics is None else assimilating).check(spec, inputs)


def _check_form(spec: PosteriorSpec) -> None:
    """Either a prior and what it is conditioned on, or dynamics and what is seen of the state."""
    if spec.prior is None and spec.dynamics is None:
        raise SpecError("/prior", "give a prior to sample from, or dynamics of a state to follow")
    if spec.prior is not None and spec.dynamics is not None:
        raise SpecError("/dynamics", "prior and dynamics are both given: a job samples a prior or follows a state")
    strange, what = (_OF_STATES, "dynamics") if spec.dynamics is None else (_OF_PRIORS, "a prior")
    for name in strange:
        if getattr(spec, name) != type(spec).model_fields[name].get_default():
            raise SpecError(f"/{name}", f"{name} belongs to jobs with {what}, and this one has none; leave it out")
    if spec.dynamics is not None:
        for name in ("initial", "observe"):
            if getattr(spec, name) is None:
                raise SpecError(
                    f"/{name}", f"{name} is missing: dynamics need to know where the state begins and what is seen"
                )


def draft(spec: PosteriorSpec, numeric_class: str, inputs: Inputs) -> Draft:
    return (sampling if spec.dynamics is None else assimilating).draft(spec, numeric_class, inputs)


def _statistics(spec: PosteriorSpec, inputs: Inputs) -> Statistics:
    return (statistics if spec.dynamics is None else assimilating.statistics)(spec, inputs)


def rivals(spec: PosteriorSpec, first: Contestant, workers: int) -> Sequence[Draft]:
    return tuning.rivals(spec, first, workers) if spec.dynamics is None else ()


def afford(spec: PosteriorSpec, draft: Draft, replicates: float) -> Draft:
    return tuning.afford(spec, draft, replicates) if spec.dynamics is None else draft


def feed(spec: PosteriorSpec, inputs: Inputs) -> Feed | None:
    return None if spec.dynamics is None else assimilating.feed(spec, inputs)


def catalogue() -> list[CatalogueEntry]:
    """Priors, and dynamics of a state."""
    return [*priors(), *dynamics.entries()]


def load() -> Callable[[Any, str, Inputs], Simulator]:
    from burnish_workers.kinds.posterior.assimilation.simulator import build as follow
    from burnish_workers.kinds.posterior.methods import build

    def simulator(spec: PosteriorSpec, device: str, inputs: Inputs) -> Simulator:
        if spec.dynamics is None:
            return build(spec, device, inputs)
        return follow(assimilating.stated(spec), device, inputs)

    return simulator


KIND = Kind(
    name="posterior",
    summary="Sample the posterior of a diffusion prior without bias, or follow a state through observations.",
    spec=PosteriorSpec,
    check=check,
    draft=draft,
    statistics=_statistics,
    load=load,
    examples=lambda: EXAMPLES,
    catalogue=catalogue,
    choose=tuning.choose,
    rivals=rivals,
    afford=afford,
    feed=feed,
    artifacts=artifacts,
)
