"""Jobs that sample a diffusion prior, as the engine sees them. Torch-free."""

from __future__ import annotations

from dataclasses import replace

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Draft, SpecError
from burnish_workers.kinds.posterior.limits import check_size, most_kept
from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.plan import Recipe
from burnish_workers.kinds.posterior.problem import Setting, setting_of
from burnish_workers.kinds.posterior.recipes import recipes
from burnish_workers.kinds.posterior.replay import check_resolution

VERSION = 1
"""Version of the numerics: raised whenever the same resolved spec would give other bits."""

_ROWS_CPU, _ROWS_GPU = 128, 4_096
"""Rows of a forward pass."""

_PILOT, _PILOT_NETWORK = 16, 4
"""Islands of a pilot: of priors known in closed form, and of networks."""

MOST_OUTPUTS = 20_000


def check(spec: PosteriorSpec, inputs: Inputs) -> None:
    """Judge a spec at the door. Raises SpecError."""
    if "log_likelihood" in spec.outputs:
        raise SpecError(
            "/outputs", "log_likelihood is of observations that arrive, with `dynamics`; ask for log_evidence"
        )
    setting = setting_of(spec, inputs)
    recipes(spec, setting)
    check_size(spec, setting)
    _check_outputs(spec, _outputs(spec, setting), setting.dim)
    if spec.interval == "bounded":
        raise SpecError("/interval", "islands have no bounds that could be declared; use stream, fixed or open")
    if spec.resolution is not None:
        check_resolution(spec, setting, draft(spec, spec.resolution.numeric_class, inputs))


def _check_outputs(spec: PosteriorSpec, outputs: int, dim: int) -> None:
    twice = [name for i, name in enumerate(spec.outputs) if name in spec.outputs[:i]]
    if twice:
        raise SpecError("/outputs", f"{twice[0]!r} is there twice; leave one out")
    if outputs > MOST_OUTPUTS:
        what = f"{outputs} outputs (samples have {dim} numbers) are more than the {MOST_OUTPUTS} of a job"
        raise SpecError("/outputs", f"{what}; leave some out")
    if outputs == 0:
        raise SpecError("/outputs", "samples alone have no estimate to refine; ask for the mean or log_evidence too")


def _outputs(spec: PosteriorSpec, setting: Setting) -> int:
    sizes = {"mean": setting.dim, "std": setting.dim, "quantiles": setting.dim * len(spec.quantiles), "samples": 0}
    return sum(sizes.get(name, 1) for name in spec.outputs)


def draft(spec: PosteriorSpec, numeric_class: str, inputs: Inputs) -> Draft:
    """The preferred way to simulate islands, with its rivals."""
    setting = setting_of(spec, inputs)
    drafts = [_draft(spec, setting, recipe, numeric_class) for recipe in recipes(spec, setting)]
    return replace(drafts[0], rivals=tuple(drafts[1:]))


def _draft(spec: PosteriorSpec, setting: Setting, recipe: Recipe, numeric_class: str) -> Draft:
    outputs = _outputs(spec, setting)
    kept = min(recipe.particles, most_kept(setting.dim)) if "samples" in spec.outputs else 0
    return Draft(
        estimator=f"{recipe.method}/{recipe.guidance}",
        version=VERSION,
        outputs=outputs,
        trial=spec,
        trial_outputs=outputs,
        pilot=_PILOT if isinstance(setting.prior, MixtureNumbers) else _PILOT_NETWORK,
        micro_batch=_ROWS_GPU if "cuda" in numeric_class.lower() else _ROWS_CPU,
        plan=replace(recipe, kept=kept).to_plan(),
    )
