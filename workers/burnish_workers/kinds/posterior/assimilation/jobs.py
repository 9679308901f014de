"""Jobs that follow a state through observations, as the engine sees them. Torch-free."""

from __future__ import annotations

from burnish.wire.specs.assimilation import Assimilation
from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.feed import Feed
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Draft, SpecError, resolution_of
from burnish_workers.kinds.posterior.assimilation.requirements import checked
from burnish_workers.kinds.posterior.assimilation.statistics import AssimilationStatistics, statistics_of

VERSION = 1
"""Version of the numerics: raised whenever the same resolved spec would give other bits."""

MOST_OUTPUTS = 20_000


def stated(spec: PosteriorSpec) -> Assimilation:
    """What the job is about; the door has seen that nothing is missing."""
    found = spec.assimilation
    assert found is not None
    return found


def check(spec: PosteriorSpec, inputs: Inputs) -> None:
    """Raises SpecError."""
    if "samples" in spec.outputs:
        raise SpecError("/outputs", "samples are of jobs with a prior; ask for quantiles")
    twice = [name for i, name in enumerate(spec.outputs) if name in spec.outputs[:i]]
    if twice:
        raise SpecError("/outputs", f"{twice[0]!r} is there twice; leave one out")
    if spec.interval not in ("stream", "fixed"):
        raise SpecError(
            "/interval", f"{spec.interval} is of one answer that sharpens; use stream, or fixed for each alone"
        )
    if spec.budget.has_tolerance:
        what = "every observation has an answer of its own, as sharp as its particles make it"
        raise SpecError("/budget", f"{what}: a tolerance cannot end the job; give seconds, and more particles")
    setting = checked(stated(spec), inputs)
    outputs = statistics_of(stated(spec), setting).width
    if outputs > MOST_OUTPUTS:
        raise SpecError("/outputs", f"{outputs} outputs are more than the {MOST_OUTPUTS} of a job; leave some out")
    if spec.expected is not None and spec.expected < len(spec.observations):
        what = f"expected is {spec.expected}, and {len(spec.observations)} observations are given"
        raise SpecError("/expected", f"{what}; leave it out or make it larger")


def draft(spec: PosteriorSpec, numeric_class: str, inputs: Inputs) -> Draft:
    """One filter in each lane; a block is one observation."""
    setting = checked(stated(spec), inputs)
    outputs = statistics_of(stated(spec), setting).width
    return Draft(
        estimator=setting.method,
        version=VERSION,
        outputs=outputs,
        trial=spec,
        trial_outputs=outputs,
        pilot=1,
        micro_batch=1,
        plan={},
        lanes=setting.filter.islands,
        fed=feed(spec, inputs),
    )


def statistics(spec: PosteriorSpec, inputs: Inputs) -> AssimilationStatistics:
    """The statistics of a resolved spec."""
    return statistics_of(stated(spec), checked(stated(spec), inputs), resolution_of(spec).tail)


def feed(spec: PosteriorSpec, inputs: Inputs) -> Feed:
    """The observations that the spec brings, and how later ones are read."""
    setting = checked(stated(spec), inputs)
    return Feed(spec.observations, lambda given, number: setting.observed(given, ""), spec.expected)
