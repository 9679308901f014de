"""The half of kind `posterior` that runs on workers: blocks of islands. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.decisions import EVENLY, Decision
from burnish_workers.core.estimator import Arrays, flatten
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.islands import Islands, append
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.resampling import normalised
from burnish_workers.core.samples import Samples
from burnish_workers.core.sketches import LEVELS, Mixture, mid_levels
from burnish_workers.core.tail_index import weight_index
from burnish_workers.kinds.posterior.factors import terms_of
from burnish_workers.kinds.posterior.limits import at_once
from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.model import model_of
from burnish_workers.kinds.posterior.plan import CHECK, ISLANDS, NOTES, SAMPLES, Recipe, checks_before
from burnish_workers.kinds.posterior.problem import setting_of, start_of
from burnish_workers.kinds.posterior.samplers import Sampler, sampler_of
from burnish_workers.kinds.posterior.smc import Population
from burnish_workers.tensors.devices import resolve_device

FAR = 1e100
"""Particles further out than this have been pushed astray: squares of theirs are no numbers."""


@dataclass(frozen=True, eq=False)
class PosteriorSimulator:
    """Islands of particles: each replicate is one island, with randomness of its own.

    `second`: whether squares are averaged; `sketched`: whether quantiles are; `group`: islands that move together;
    `shares`: whether the prior is a network, whose forward passes jobs share.
    """

    sampler: Sampler
    check: Sampler
    recipe: Recipe
    second: bool
    sketched: bool
    group: int
    shares: bool = False

    def init(self, lane: Key) -> Arrays:
        return {}

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        islands, samples = self.islands([block.child(i) for i in range(replicates)], start)
        parts = {ISLANDS: islands, CHECK: self._checked(block, start, replicates)}
        return carry, flatten(parts if samples is None else {**parts, SAMPLES: samples})

    def islands(self, keys: Sequence[Key], start: int) -> tuple[Islands, Samples | None]:
        """One for each key, and the samples that are kept of them; `start`: number of the first."""
        size = self.group
        found = [self._group(keys[i : i + size], start + i) for i in range(0, len(keys), size)]
        islands, samples = found[0]
        for more, further in found[1:]:
            islands = append(islands, more)
            samples = further if samples is None or further is None else samples.append(further)
        return islands, samples

    def _group(self, keys: Sequence[Key], start: int) -> tuple[Islands, Samples | None]:
        """Islands that move together."""
        people = self.sampler.run(keys, self.recipe.particles)
        x, log_weight = people.x.double().cpu().numpy(), people.log_weight.cpu().numpy()
        islands = self._islands(people, x, log_weight)
        kept = self.recipe.kept
        return islands, Samples.of(x, log_weight, islands.log_weight, kept, start) if kept else None

    def _checked(self, block: Key, start: int, replicates: int) -> Islands:
        """The islands of the check that go with these."""
        count = checks_before(start + replicates) - checks_before(start)
        if count == 0 or not self.recipe.checked:
            return Islands.empty(0)
        people = self.check.run([block.child(replicates + i) for i in range(count)], self.recipe.particles)
        return Islands.of(_evidence(people), np.zeros((count, 0)))

    def _islands(self, people: Population, x: NDArray[np.float64], log_weight: NDArray[np.float64]) -> Islands:
        weight = np.array([normalised(row) for row in log_weight])
        values = [np.einsum("bn,bnd->bd", weight, x)]
        if self.second:
            values.append(np.einsum("bn,bnd->bd", weight, np.clip(x, -FAR, FAR) ** 2))
        sketch = np.array([_sketch(*pair) for pair in zip(x, weight, strict=True)]) if self.sketched else None
        tails = [weight_index(row) for row in log_weight]
        notes = np.column_stack([people.dead.cpu(), people.resampled.cpu(), people.least.cpu(), tails])
        assert notes.shape[1] == len(NOTES)
        astray = ~(np.abs(x) < FAR).all(axis=(1, 2))
        log_evidence = np.where(astray, -np.inf, _evidence(people))
        return Islands.of(log_evidence, np.nan_to_num(np.concatenate(values, axis=1)), sketch, notes)


def _evidence(people: Population) -> NDArray[np.float64]:
    """log Z^ of each island; -inf where it is no number, or so small that it is 0 beside anything."""
    found = people.log_evidence.cpu().numpy()
    return np.where(np.isnan(found) | (found < -FAR), -np.inf, found)


def _sketch(x: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mid-quantiles of every coordinate of weighted particles (n, d): (d, L)."""
    return Mixture.of(x.T, weight).quantiles(mid_levels(LEVELS)).T


def build(spec: PosteriorSpec, device_name: str, inputs: Inputs) -> PosteriorSimulator:
    """The simulator of a resolved spec's islands on a device (`auto`, `cpu`, `cuda`, `cuda:1`)."""
    return simulator_on(resolve_device(device_name), spec, inputs)


def simulator_on(device: torch.device, spec: PosteriorSpec, inputs: Inputs) -> PosteriorSimulator:
    """The same on a device of torch."""
    resolution = resolution_of(spec)
    setting, recipe = setting_of(spec, inputs), Recipe.from_plan(resolution.plan)
    model = model_of(setting, inputs, device, resolution.micro_batch, start_of(spec))
    factors = terms_of(setting, recipe, model, inputs)
    sampler, check = (sampler_of(spec, setting, each, model, factors) for each in (recipe, recipe.checking))
    seen = setting.observation
    group = at_once(recipe.particles, setting.dim, 0 if seen is None else len(seen.y))
    shares = not isinstance(setting.prior, MixtureNumbers)
    outputs = spec.outputs
    return PosteriorSimulator(sampler, check, recipe, "std" in outputs, "quantiles" in outputs, group, shares)
