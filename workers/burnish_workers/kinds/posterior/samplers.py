"""The sampler of islands that a recipe asks for: our own, or that of a published method. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.baselines.common import Parts
from burnish_workers.kinds.posterior.baselines.dps import DPS
from burnish_workers.kinds.posterior.baselines.fk_steering import FKSteering
from burnish_workers.kinds.posterior.baselines.mcgdiff import MCGDiff, Seen
from burnish_workers.kinds.posterior.factors import guide_of
from burnish_workers.kinds.posterior.guidance import Denoise
from burnish_workers.kinds.posterior.model import Model
from burnish_workers.kinds.posterior.nonlinear import NonlinearTerm, RewardTerm
from burnish_workers.kinds.posterior.plan import Recipe
from burnish_workers.kinds.posterior.problem import LinearObservation, Setting
from burnish_workers.kinds.posterior.published import EVERY_STEP
from burnish_workers.kinds.posterior.smc import IslandSampler, Population
from burnish_workers.kinds.posterior.terms import LinearTerm, Term


class Sampler(Protocol):
    """Simulates islands."""

    def run(self, keys: Sequence[Key], particles: int) -> Population:
        """One island of `particles` for each key."""
        ...


def sampler_of(spec: PosteriorSpec, setting: Setting, recipe: Recipe, model: Model, factors: Sequence[Term]) -> Sampler:
    """The sampler of a recipe, for a prior on a device. `factors`: of the target, see `terms_of`."""
    terms = [_perturbed(term) for term in factors] if recipe.guidance == "ensemble" else list(factors)
    if recipe.biased:
        return _biased(setting, recipe, model, terms)
    urge = recipe.method == "urge"
    resampling = EVERY_STEP if urge else spec.resampling
    return IslandSampler(
        chain=setting.chain,
        start=model.start,
        guide=guide_of(setting, recipe, model, terms, spec.guidance.label),
        terms=terms,
        spreads=[spread.scaled(recipe.inflation) for spread in model.spreads],
        dtype=model.dtype,
        device=model.device,
        potentials=recipe.potential != "none",
        tempering=recipe.tempering,
        scheme=resampling.scheme,
        threshold=resampling.threshold,
        conjugate=not urge,
        ramp=not urge,
    )


def _perturbed(term: Term) -> Term:
    """Gains of the ensemble need perturbed estimates, of rewards too."""
    return replace(term, perturbs=True) if isinstance(term, RewardTerm) else term


def _biased(setting: Setting, recipe: Recipe, model: Model, terms: list[Term]) -> Sampler:
    """That of a published method which is no special case of our own."""
    denoise: Denoise = lambda x, k: model.denoise(x, k, setting.label)  # noqa: E731
    parts = Parts(setting.chain, model.start, denoise, terms, model.dtype, model.device)
    if recipe.method == "fk_steering":
        return FKSteering(parts)
    if recipe.method == "dps":
        (term,) = terms
        assert isinstance(term, LinearTerm | NonlinearTerm)
        return DPS(parts, term.residual, recipe.strength)
    seen, like = setting.observation, torch.zeros(1, dtype=model.dtype, device=model.device)
    assert isinstance(seen, LinearObservation)
    return MCGDiff(parts, Seen.of(seen.matrix, seen.y, seen.variance, setting.chain, like))
