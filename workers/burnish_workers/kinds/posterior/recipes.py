"""Which proposals and potentials a spec leaves open, the preferred one first. Torch-free."""

from __future__ import annotations

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.plan import Recipe
from burnish_workers.kinds.posterior.problem import Setting
from burnish_workers.kinds.posterior.published import PUBLISHED, published

PILOT_PARTICLES, OF_NETWORKS = 64, 32
"""Of a pilot's island, or as few as the spec asks for. Networks are dear, and pilots waited for."""


def recipes(spec: PosteriorSpec, setting: Setting) -> list[Recipe]:
    """All that the pilot compares. Raises SpecError for a combination that makes no sense."""
    if spec.method in PUBLISHED:
        return [published(spec, setting)]
    _check(spec, setting)
    if spec.guidance.type == "auto" and (setting.chain.noise[:-1] == 0).any():
        guidances = ["none"]
    else:
        guidances = _guidances(setting) if spec.guidance.type == "auto" else [spec.guidance.type]
    potential = "twist" if spec.potential.type == "auto" else spec.potential.type
    temperings = _temperings(potential) if spec.potential.tempering == "auto" else [spec.potential.tempering]
    pairs = [(guidance, temperings[0]) for guidance in guidances]
    pairs += [(guidances[0], tempering) for tempering in temperings[1:]]
    tried = PILOT_PARTICLES if isinstance(setting.prior, MixtureNumbers) else OF_NETWORKS
    strengths = [1.0] if spec.guidance.strength is None else [spec.guidance.strength]
    return [
        Recipe(
            method="smc" if spec.method == "auto" else spec.method,
            particles=min(tried, spec.particles or tried),
            guidance=guidance,
            strength=strengths[0],
            potential=potential,
            tempering=tempering,
            inflation=spec.potential.inflation or 1.0,
        )
        for guidance, tempering in pairs
    ]


def _guidances(setting: Setting) -> list[str]:
    """The calibrated push costs one forward pass; gradients through the network nearly three, but know where they
    are."""
    if setting.black_box:
        return ["ensemble", "none"]
    return ["kalman", "none", "gradient"]


def _temperings(potential: str) -> list[str]:
    """Without potentials there is nothing to temper. A Gaussian observation is weighed at full strength where its twist
    is good; rewards are to grow on the way."""
    return ["none"] if potential == "none" else ["linear", "none"]


def _check(spec: PosteriorSpec, setting: Setting) -> None:
    for name in ("quantiles", "samples"):
        if spec.method == "pimh" and name in spec.outputs:
            raise SpecError("/outputs", f"pimh gives unbiased means and no {name}; leave them out, or choose smc")
    if spec.guidance.type == "classifier_free":
        if spec.guidance.label is None:
            raise SpecError("/guidance/label", "classifier_free guidance pushes towards a class: give a label")
    elif spec.guidance.label is not None:
        raise SpecError("/guidance/label", f"a label belongs to classifier_free, the guidance is {spec.guidance.type}")
    if spec.guidance.type == "none" and spec.guidance.strength is not None:
        raise SpecError("/guidance/strength", "there is no guidance to be strong; leave strength out")
    if spec.potential.type == "none" and spec.potential.tempering not in ("auto", "none"):
        what = "only the last step is weighed (potential none), so that there is nothing to temper"
        raise SpecError("/potential/tempering", f"{what}; leave tempering out")
