"""A posted resolution (a replay) of kind `posterior` judged at the door. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from burnish.wire import Resolution
from burnish.wire.specs.posterior import PosteriorSpec, Potential
from burnish_workers.core.kind import MOST_SAMPLES, Draft, SpecError
from burnish_workers.core.registry import near
from burnish_workers.core.replay import ANEW, AT, check_names, check_numbers, refusal
from burnish_workers.core.sketches import LEVELS
from burnish_workers.kinds.posterior.coupled import MOST_ISLANDS
from burnish_workers.kinds.posterior.limits import most_kept, most_particles
from burnish_workers.kinds.posterior.problem import Setting
from burnish_workers.kinds.posterior.published import PUBLISHED

AUTO = "auto"


def check_resolution(spec: PosteriorSpec, setting: Setting, draft: Draft) -> None:
    """Raise SpecError unless this version of the kind can run the spec's resolution, and it is one of this spec.

    `draft`: what would be decided here, with its rivals.
    """
    given = spec.resolution
    assert given is not None
    drafts = {each.estimator: each for each in (*draft.rivals, draft)}
    if given.estimator not in drafts:
        raise SpecError(f"{AT}/estimator", f"{near(given.estimator, drafts)}; {ANEW}")
    drafted = drafts[given.estimator]
    check_names(given.plan, drafted)
    _check_choices(given, spec, drafted)
    _check_amounts(given, spec, setting)
    held = _held(spec, setting.dim, int(given.plan["kept"]))
    check_numbers(given, drafted, MOST_SAMPLES // held, f"{held:,} numbers each")


def _check_choices(given: Resolution, spec: PosteriorSpec, drafted: Draft) -> None:
    """What is chosen among a few: as the estimator and the spec have it."""
    for name in ("method", "guidance"):
        _among(name, given.plan[name], [str(drafted.plan[name])])
    asked = spec.potential
    for name, chosen in (("potential", asked.type), ("tempering", asked.tempering)):
        field = "type" if name == "potential" else name
        known = get_args(Potential.model_fields[field].annotation)
        chosen = str(drafted.plan[name]) if spec.method in PUBLISHED else chosen
        _among(name, given.plan[name], [chosen] if chosen != AUTO else [each for each in known if each != AUTO])


def _among(name: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise refusal(f"plan/{name}", f"must be {' or '.join(map(repr, known))} for this spec, got {value!r:.80}")


def _check_amounts(given: Resolution, spec: PosteriorSpec, setting: Setting) -> None:
    """Numbers in their ranges, and those that the spec gives as it gives them."""
    plan, most = given.plan, most_particles(setting.dim)
    _within("particles", plan["particles"], 2, most, whole=True)
    _within("strength", plan["strength"], 0, 100)
    _within("inflation", plan["inflation"], 0, 1e4)
    _within("drawn", plan["drawn"], 1, MOST_ISLANDS)
    kept = most_kept(setting.dim) if "samples" in spec.outputs else 0
    _within("kept", plan["kept"], min(kept, 1), kept, whole=True)
    asked = {
        "particles": spec.particles,
        "strength": spec.guidance.strength,
        "inflation": spec.potential.inflation,
    }
    for name, value in asked.items():
        if value is not None and plan[name] != value:
            raise refusal(f"plan/{name}", f"{plan[name]} contradicts the {value} of the spec")


def _within(name: str, value: Any, least: float, most: float, *, whole: bool = False) -> None:
    types = (int,) if whole else (int, float)
    if type(value) not in types or not least <= value <= most:
        kind = "a whole number" if whole else "a number"
        raise refusal(f"plan/{name}", f"must be {kind} from {least:g} to {most:g}, got {value!r:.80}")


def _held(spec: PosteriorSpec, dim: int, kept: int) -> int:
    """Numbers that an island returns."""
    moments = dim * (1 + ("std" in spec.outputs))
    return moments + dim * LEVELS * ("quantiles" in spec.outputs) + kept * (dim + 2)
