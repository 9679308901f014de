"""The half of kind `posterior` that runs on workers: blocks of islands. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.decisions import EVENLY, Decision
from burnish_workers.core.estimator import Arrays, flatten
from burnish_workers.core.expression import Expression
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.islands import Islands, append
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.resampling import normalised
from burnish_workers.core.samples import Samples
from burnish_workers.core.sketches import LEVELS, Mixture, mid_levels
from burnish_workers.core.tail_index import weight_index
from burnish_workers.kinds.posterior.guidance import (
    CalibratedGuide,
    ClassifierFreeGuide,
    Denoise,
    GradientGuide,
    Guide,
    Unguided,
)
from burnish_workers.kinds.posterior.limits import at_once
from burnish_workers.kinds.posterior.model import Model, model_of
from burnish_workers.kinds.posterior.nonlinear import Function, NonlinearTerm, RewardTerm
from burnish_workers.kinds.posterior.plan import ISLANDS, NOTES, SAMPLES, Recipe
from burnish_workers.kinds.posterior.problem import LinearObservation, RewardNumbers, Setting, setting_of
from burnish_workers.kinds.posterior.smc import IslandSampler, Population
from burnish_workers.kinds.posterior.spread import Spread
from burnish_workers.kinds.posterior.terms import LinearTerm, Term
from burnish_workers.tensors.devices import resolve_device
from burnish_workers.tensors.expressions import lower
from burnish_workers.tensors.graph import load_model


@dataclass(frozen=True, eq=False)
class PosteriorSimulator:
    """Islands of particles: each replicate is one island, with randomness of its own.

    `second`: whether squares are averaged; `sketched`: whether quantiles are; `group`: islands that move together.
    """

    sampler: IslandSampler
    recipe: Recipe
    second: bool
    sketched: bool
    group: int

    def init(self, lane: Key) -> Arrays:
        return {}

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        keys, size = [block.child(i) for i in range(replicates)], self.group
        found = [self._group(keys[i : i + size], start + i) for i in range(0, replicates, size)]
        islands, samples = found[0]
        for more, further in found[1:]:
            islands = append(islands, more)
            samples = further if samples is None or further is None else samples.append(further)
        parts = {ISLANDS: islands} if samples is None else {ISLANDS: islands, SAMPLES: samples}
        return carry, flatten(parts)

    def _group(self, keys: list[Key], start: int) -> tuple[Islands, Samples | None]:
        """Islands that move together."""
        people = self.sampler.run(keys, self.recipe.particles)
        x, log_weight = people.x.double().cpu().numpy(), people.log_weight.cpu().numpy()
        islands = self._islands(people, x, log_weight)
        kept = self.recipe.kept
        return islands, Samples.of(x, log_weight, islands.log_weight, kept, start) if kept else None

    def _islands(self, people: Population, x: NDArray[np.float64], log_weight: NDArray[np.float64]) -> Islands:
        weight = np.array([normalised(row) for row in log_weight])
        values = [np.einsum("bn,bnd->bd", weight, x)]
        if self.second:
            values.append(np.einsum("bn,bnd->bd", weight, x**2))
        sketch = np.array([_sketch(*pair) for pair in zip(x, weight, strict=True)]) if self.sketched else None
        tails = [weight_index(row) for row in log_weight]
        notes = np.column_stack([people.dead.cpu(), people.resampled.cpu(), people.least.cpu(), tails])
        assert notes.shape[1] == len(NOTES)
        log_evidence = people.log_evidence.cpu().numpy()
        broken = np.isnan(log_evidence) | ~np.isfinite(x).all(axis=(1, 2))
        log_evidence = np.where(broken, -np.inf, log_evidence)
        return Islands.of(log_evidence, np.nan_to_num(np.concatenate(values, axis=1)), sketch, notes)


def _sketch(x: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mid-quantiles of every coordinate of weighted particles (n, d): (d, L)."""
    return Mixture.of(x.T, weight).quantiles(mid_levels(LEVELS)).T


def build(spec: PosteriorSpec, device_name: str, inputs: Inputs) -> PosteriorSimulator:
    """The simulator of a resolved spec on a device (`auto`, `cpu`, `cuda`, `cuda:1`)."""
    device, resolution = resolve_device(device_name), resolution_of(spec)
    setting, recipe = setting_of(spec, inputs), Recipe.from_plan(resolution.plan)
    model = model_of(setting, inputs, device, resolution.micro_batch, spec.chain.start)
    terms = terms_of(setting, recipe, model, inputs)
    sampler = IslandSampler(
        chain=setting.chain,
        start=model.start,
        guide=_guide(setting, recipe, model, terms, spec.guidance.label),
        terms=terms,
        spreads=[spread.scaled(recipe.inflation) for spread in model.spreads],
        dtype=model.dtype,
        device=device,
        potentials=recipe.potential != "none",
        tempering=recipe.tempering,
        scheme=spec.resampling.scheme,
        threshold=spec.resampling.threshold,
    )
    outputs = spec.outputs
    seen = setting.observation
    group = at_once(recipe.particles, setting.dim, 0 if seen is None else len(seen.y))
    return PosteriorSimulator(sampler, recipe, "std" in outputs, "quantiles" in outputs, group)


def terms_of(setting: Setting, recipe: Recipe, model: Model, inputs: Inputs) -> list[Term]:
    """The factors of the target."""
    as_tensor = lambda a: torch.as_tensor(a, dtype=model.dtype, device=model.device)  # noqa: E731
    naive, found = recipe.potential == "naive", list[Term]()
    spreads = [spread.scaled(recipe.inflation) for spread in model.spreads]
    seen = setting.observation
    if isinstance(seen, LinearObservation):
        numbers = (as_tensor(a) for a in (seen.matrix, seen.y, seen.variance))
        found.append(LinearTerm.of(*numbers, model.spreads, recipe.inflation, naive))
    elif seen is not None:
        function = _function(seen.function, model, inputs)
        y, variance = as_tensor(seen.y), as_tensor(seen.variance)
        found.append(NonlinearTerm(function, y, variance, spreads, 1.0, naive))
    if setting.reward is not None:
        found.append(_reward(setting.reward, model, spreads, inputs, recipe.guidance == "ensemble"))
    if setting.classifier is not None:
        reference, label = setting.classifier
        logits = _function(reference, model, inputs)
        chance: Function = lambda x: torch.log_softmax(logits(x), dim=-1)[:, label]  # noqa: E731
        found.append(RewardTerm(chance, 1.0, spreads, perturbs=recipe.guidance == "ensemble"))
    return found


def _reward(reward: RewardNumbers, model: Model, spreads: list[Spread], inputs: Inputs, perturbs: bool) -> RewardTerm:
    inner = _function(reward.function, model, inputs)

    def value(x: Tensor) -> Tensor:
        found = inner(x)
        return found[:, 0] if found.ndim == 2 else found

    return RewardTerm(value, reward.temperature, spreads, perturbs=perturbs)


def _function(given: object, model: Model, inputs: Inputs) -> Function:
    """Expressions or an uploaded network as a function of samples, with outputs side by side."""
    if isinstance(given, Expression):
        call = lower(given)
        return lambda x: call({"x": x})
    if isinstance(given, tuple):
        calls = [lower(each) for each in given]
        if len(calls) == 1 and given[0].shape == "vector":
            return lambda x: calls[0]({"x": x})
        return lambda x: torch.stack([call({"x": x}) for call in calls], dim=-1)
    network = load_model(inputs.model(given), model.device)  # pyright: ignore[reportArgumentType]
    return lambda x: network.value(x.new_zeros(len(x)).float(), x.float()).to(x.dtype)


def _guide(setting: Setting, recipe: Recipe, model: Model, terms: list[Term], label: int | None) -> Guide:
    denoise: Denoise = lambda x, k: model.denoise(x, k, setting.label)  # noqa: E731
    chain, strength = setting.chain, recipe.strength
    if recipe.guidance == "none":
        return Unguided(denoise, terms)
    if recipe.guidance == "gradient":
        return GradientGuide(denoise, terms, chain, strength)
    if recipe.guidance == "classifier_free":
        return ClassifierFreeGuide(denoise, lambda x, k: model.denoise(x, k, label), terms, chain, strength)
    return CalibratedGuide(denoise, terms, chain, strength, derivatives=recipe.guidance == "kalman")
