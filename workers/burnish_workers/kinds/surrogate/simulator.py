"""The half of kind `surrogate` that runs on workers: blocks of replicates at all points. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.estimator import Arrays, flatten
from burnish_workers.core.expression import Expression
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.moments import Moments
from burnish_workers.kinds.surrogate.equation import tensor_equation
from burnish_workers.kinds.surrogate.linearised import Linearised
from burnish_workers.kinds.surrogate.plan import MEASURED, PATH, REMAINDER, STEP, SURROGATE, Composition
from burnish_workers.kinds.surrogate.problem import (
    Points,
    SurrogateOf,
    UploadedModel,
    points_of,
    problem_of,
    surrogate_of,
)
from burnish_workers.tensors.cards import load_card
from burnish_workers.tensors.devices import resolve_device
from burnish_workers.tensors.engines import with_engine
from burnish_workers.tensors.fields import ExpressionField, Field, ZeroField
from burnish_workers.tensors.generators import torch_generator
from burnish_workers.tensors.graph import load_model

_CHILD = {PATH: 0, STEP: 1, REMAINDER: 2}
"""The branch of a block's key from which each component draws."""

Sampler = Callable[[Tensor, Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class SurrogateSimulator:
    """Simulates blocks of replicates at each point, with their share of the corrections."""

    points: Points
    surrogate: Field
    composition: Composition
    samplers: dict[str, Sampler]
    micro_batch: int
    tail: int
    device: torch.device

    def init(self, lane: Key) -> Arrays:
        return {}

    def advance(self, carry: Arrays, block: Key, start: int, replicates: int) -> tuple[Arrays, Arrays]:
        parts = {SURROGATE: self._constant}
        samples = self.composition.samples
        for name, sampler in self.samplers.items():
            count = samples(name, start + replicates) - samples(name, start)
            generator = torch_generator(block.child(_CHILD[name]), self.device)
            drawn = self._samples(sampler, count, generator)
            kept = max(1, min(self.tail, count))  # no more extremes travel than there are samples
            parts |= {label: Moments.of(drawn[:, i], kept) for i, label in enumerate(MEASURED[name])}
        return carry, flatten(parts)

    @cached_property
    @torch.no_grad()
    def _constant(self) -> Moments:
        """u_hat at the points, as two equal samples: a component with a mean and no variance."""
        value = self.surrogate.value(*self._tensors()).double().cpu().numpy()
        return Moments.of(np.stack([value, value]), tail=1)

    def _tensors(self) -> tuple[Tensor, Tensor]:
        t, x = (torch.as_tensor(a, dtype=torch.float32, device=self.device) for a in (self.points.t, self.points.x))
        return t, x

    def _samples(self, sampler: Sampler, count: int, generator: torch.Generator) -> NDArray[np.float64]:
        """`count` samples at every point, (count, c, m) where the sampler measures c things, at most `micro_batch` rows
        at a time."""
        m = len(self.points.t)
        t, x = self._tensors()
        at_once = max(1, self.micro_batch // (2 * self.composition.strata * m))
        pieces: list[Tensor] = []
        for start in range(0, count, at_once):
            n = min(at_once, count - start)
            pieces.append(sampler(t.repeat(n), x.repeat(n, 1), generator).view(-1, n, m))
        return torch.cat(pieces, 1).transpose(0, 1).cpu().numpy() if pieces else np.empty((0, 2, m))


def _field(surrogate: SurrogateOf, dim: int, device: torch.device, inputs: Inputs) -> Field:
    if surrogate is None:
        return ZeroField(dim)
    if isinstance(surrogate, Expression):
        return ExpressionField(surrogate, dim)
    if isinstance(surrogate, UploadedModel):
        return load_model(inputs.model(surrogate.reference), device)
    return load_card(surrogate.path).to(device)


def build(spec: SurrogateSpec, device_name: str, inputs: Inputs) -> SurrogateSimulator:
    """The simulator of a resolved spec on a device (`auto`, `cpu`, `cuda`, `cuda:1`)."""
    device = resolve_device(device_name)
    resolution, problem = resolution_of(spec), problem_of(spec)
    composition = Composition.of(problem, resolution)
    field = _field(surrogate_of(spec, problem.dim, inputs), problem.dim, device, inputs)
    equation = tensor_equation(problem, with_engine(field, spec.laplacian, problem.noise_dim), device)
    estimator = Linearised(
        equation=equation,
        noise_dim=problem.noise_dim,
        steps=composition.steps,
        strata=composition.strata,
        outer_steps=composition.outer_steps,
        inner_steps=composition.inner_steps,
    )
    samplers: dict[str, Sampler] = {PATH: estimator.path, STEP: estimator.step, REMAINDER: estimator.remainder}
    return SurrogateSimulator(
        points=points_of(spec, problem.dim, problem.horizon, inputs),
        surrogate=equation.surrogate,
        composition=composition,
        samplers={name: samplers[name] for name in composition.components},
        micro_batch=resolution.micro_batch,
        tail=resolution.tail,
        device=device,
    )
