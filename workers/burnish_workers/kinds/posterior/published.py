"""Methods as others published them, for comparison: what each chooses for itself, and what it can be asked. Torch-free.

    urge          Wang, Wang, Ren, Blanchet, Lu, arXiv 2605.17850: path weights; bare potentials, gradients, resampling
                  at every step. Unbiased.
    fk_steering   Singhal et al., arXiv 2501.06848. Biased: forgets weights where it does not resample.
    dps           Chung et al., arXiv 2209.14687. Biased: no weights at all.
    mcgdiff       Cardoso, Janati, Le Corff, Moulines, arXiv 2308.07983. Biased: the observation's noise is taken for
                  the nearest noise of the chain.

All are our own re-implementations on the chains of this kind. Biased ones publish estimates but no interval.
"""

from __future__ import annotations

from dataclasses import dataclass

from burnish.wire.specs.posterior import Guidance, PosteriorSpec, Potential, Resampling
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.posterior.plan import Recipe
from burnish_workers.kinds.posterior.problem import LinearObservation, Setting


@dataclass(frozen=True)
class Published:
    """`guidance`, `potential`, `tempering`: as in a recipe, where the method has them; `noisy`: whether steps must have
    noise; `evidence`: whether there is an estimate of it."""

    guidance: str
    potential: str = "naive"
    tempering: str = "none"
    noisy: bool = True
    evidence: bool = True


PUBLISHED = {
    "urge": Published("gradient"),
    "fk_steering": Published("none"),
    "dps": Published("gradient", potential="none", noisy=False, evidence=False),
    "mcgdiff": Published("none"),
}

EVERY_STEP = Resampling(scheme="multinomial", threshold=1.0)
"""How URGE resamples."""

PARTICLES = 128
"""Of an island of the pilot: as many as MCGDiff's authors take."""


def published(spec: PosteriorSpec, setting: Setting) -> Recipe:
    """The recipe of a published method. Raises SpecError for what it cannot do or decides for itself."""
    own = PUBLISHED[spec.method]
    _check_own(spec)
    _check_target(spec, setting)
    if own.noisy and (setting.chain.noise[:-1] == 0).any():
        raise SpecError("/chain/eta", f"{spec.method} resamples, which takes noise in the steps; choose eta > 0")
    if not own.evidence and "log_evidence" in spec.outputs:
        raise SpecError("/outputs", f"{spec.method} has no evidence; leave log_evidence out")
    return Recipe(
        method=spec.method,
        particles=min(PARTICLES, spec.particles or PARTICLES),
        guidance=own.guidance,
        strength=1.0 if spec.guidance.strength is None else spec.guidance.strength,
        potential=own.potential,
        tempering=own.tempering,
        inflation=1.0,
    )


def _check_own(spec: PosteriorSpec) -> None:
    """What a method decides for itself is not asked for."""
    advice = f"{spec.method} is taken as it was published; leave it out, or choose the method smc"
    asked = spec.guidance.model_copy(update={"strength": None}) if spec.method == "dps" else spec.guidance
    for name, given, default in (
        ("guidance", asked, Guidance()),
        ("potential", spec.potential, Potential()),
        ("resampling", spec.resampling, Resampling()),
    ):
        if given != default:
            raise SpecError(f"/{name}", f"the {name} of {advice}")


def _check_target(spec: PosteriorSpec, setting: Setting) -> None:
    if spec.method not in ("dps", "mcgdiff"):
        return
    for name, given in (("reward", spec.reward), ("condition", spec.condition)):
        if given is not None:
            raise SpecError(f"/{name}", f"{spec.method} knows observations alone; leave the {name} out")
    if spec.method == "mcgdiff" and not isinstance(setting.observation, LinearObservation):
        raise SpecError("/observation/operator", "mcgdiff takes the singular values of a linear operator")
    if spec.method == "mcgdiff" and spec.chain.start == "marginal":
        raise SpecError("/chain/start", "mcgdiff starts from normal noise; leave start out")
