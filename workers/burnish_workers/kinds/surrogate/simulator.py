"""The half of kind `surrogate` that runs on workers: blocks of replicates at all points. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.decisions import EVENLY, Decision, portion
from burnish_workers.core.estimator import Arrays, flatten
from burnish_workers.core.expression import Expression
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.moments import Moments
from burnish_workers.kinds.surrogate.allotment import COMPONENTS, POINTS
from burnish_workers.kinds.surrogate.equation import tensor_equation
from burnish_workers.kinds.surrogate.linearised import Linearised
from burnish_workers.kinds.surrogate.methods import MARTINGALE, PICARD, PLAIN, Setting
from burnish_workers.kinds.surrogate.outputs import Outputs
from burnish_workers.kinds.surrogate.picard import Picard
from burnish_workers.kinds.surrogate.plan import PATH, REMAINDER, STEP, SURROGATE, Composition, is_level, level_of
from burnish_workers.kinds.surrogate.problem import (
    Points,
    Problem,
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
"""The branch of a block's key from which each component draws; those of Picard levels follow."""

Sampler = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""t (B,), x (B, d) -> (c, B, w): c things measured, w outputs of each point."""


def _child(component: str) -> int:
    return len(_CHILD) + level_of(component) if is_level(component) else _CHILD[component]


@dataclass(frozen=True)
class SurrogateSimulator:
    """Simulates blocks of replicates at each point, with their share of the corrections."""

    points: Points
    outputs: Outputs
    composition: Composition
    samplers: dict[str, Sampler]
    micro_batch: int
    tail: int
    device: torch.device

    @property
    def surrogate(self) -> Field:
        return self.outputs.equation.surrogate

    def init(self, lane: Key) -> Arrays:
        return {}

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        parts = {SURROGATE: self._constant}
        for name, sampler in self.samplers.items():
            counts = self._counts(name, start, start + replicates, decision)
            generator = torch_generator(block.child(_child(name)), self.device)
            parts |= self._measured(name, sampler, counts, generator)
        return carry, flatten(parts)

    def _counts(self, name: str, start: int, stop: int, decision: Decision) -> NDArray[np.int64]:
        """Samples of a component at each point (m,) among the replicates start .. stop - 1."""
        before, after = (self.composition.samples(name, replicates) for replicates in (start, stop))
        if not decision:
            return np.full(len(self.points.t), after - before, dtype=np.int64)
        level = float(decision[COMPONENTS][self.composition.components.index(name)])
        return portion(level * decision[POINTS], before, after)

    @cached_property
    @torch.no_grad()
    def _constant(self) -> Moments:
        """u_hat (and z_hat) at the points, as two equal samples: a component with a mean and no variance."""
        value = self.outputs.surrogate(*self._tensors()).double().flatten().cpu().numpy()
        return Moments.of(np.stack([value, value]), tail=1)

    def _tensors(self) -> tuple[Tensor, Tensor]:
        t, x = (torch.as_tensor(a, dtype=torch.float32, device=self.device) for a in (self.points.t, self.points.x))
        return t, x

    def _measured(
        self, name: str, sampler: Sampler, counts: NDArray[np.int64], generator: torch.Generator
    ) -> dict[str, Moments]:
        """What a component's samples give, n_i of them at point i: each point's first, then each one's second, ..."""
        labels, m = self.composition.measured(name), len(counts)
        width = self._constant.outputs // m
        present = np.arange(counts.max())[:, None] < counts
        owner = np.nonzero(present)[1]
        drawn = self._drawn(name, sampler, owner, generator)
        kept = max(1, min(self.tail, int(counts.max())))  # no more extremes travel than there are samples
        found: dict[str, Moments] = {}
        for i, label in enumerate(labels):
            table = np.zeros((*present.shape, width))
            if len(owner):
                table[present] = drawn[i]
            found[label] = Moments.of(table.reshape(len(table), m * width), kept, np.repeat(present, width, axis=1))
        return found

    def _drawn(
        self, name: str, sampler: Sampler, owner: NDArray[np.int64], generator: torch.Generator
    ) -> NDArray[np.float64]:
        """A sample for each row, at the point that owns it: (c, rows, width) where the sampler measures c things and a
        point has `width` outputs. At most `micro_batch` rows of tensors at a time, whole rounds of points if they fit.
        """
        t, x = self._tensors()
        at_once = max(1, self.micro_batch // self.composition.rows(name))
        at_once = max(1, at_once // len(t)) * len(t) if at_once >= len(t) else at_once
        pieces: list[Tensor] = []
        for start in range(0, len(owner), at_once):
            rows = torch.as_tensor(owner[start : start + at_once], device=self.device)
            drawn = sampler(t[rows], x[rows], generator)
            pieces.append(drawn.reshape(len(drawn), len(rows), -1))
        return torch.cat(pieces, 1).cpu().numpy() if pieces else np.empty(0)


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
    return simulator_on(resolve_device(device_name), spec, inputs)


def simulator_on(device: torch.device, spec: SurrogateSpec, inputs: Inputs) -> SurrogateSimulator:
    """The same on a device of torch."""
    resolution, problem = resolution_of(spec), problem_of(spec)
    surrogate = surrogate_of(spec, problem.dim, inputs)
    setting = Setting.of(spec, problem, surrogate, inputs)
    composition = Composition.of(problem, resolution.estimator, resolution.plan, setting.gradient)
    plain = composition.method == PLAIN
    field = _field(None if plain else surrogate, problem.dim, device, inputs)
    equation = replace(
        tensor_equation(problem, with_engine(field, spec.laplacian, problem.noise_dim), device),
        frozen=composition.method in (PICARD, PLAIN),
        hedged=composition.method == MARTINGALE or (composition.method == PICARD and setting.kinked),
    )
    outputs = Outputs(equation, setting.value, setting.gradient)
    return SurrogateSimulator(
        points=points_of(spec, problem.dim, problem.horizon, inputs),
        outputs=outputs,
        composition=composition,
        samplers=_samplers(outputs, problem, composition),
        micro_batch=resolution.micro_batch,
        tail=resolution.tail,
        device=device,
    )


def _samplers(outputs: Outputs, problem: Problem, composition: Composition) -> dict[str, Sampler]:
    """What draws each component."""
    equation = outputs.equation
    paths = Linearised(
        equation=equation,
        noise_dim=problem.noise_dim,
        steps=composition.steps,
        strata=composition.strata,
        outer_steps=composition.outer_steps,
        inner_steps=composition.inner_steps,
    )
    picard = Picard(
        equation=equation,
        noise_dim=problem.noise_dim,
        basis=composition.basis,
        outer_steps=composition.outer_steps,
        inner_steps=composition.inner_steps,
        steady=problem.steady,
    )

    def remainder(t: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
        if outputs.gradient:
            both = outputs.columns(paths.weighted_remainder(t, x, generator))
        else:
            both = paths.remainder(t, x, generator)[..., None]
        return both[: len(composition.measured(REMAINDER))]

    def level(number: int) -> Sampler:
        def sample(t: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
            drawn = picard.level(number, t, x, generator, outputs.gradient)
            measured = drawn if number == len(composition.levels) else drawn[:1]
            return torch.stack([outputs.columns(part) for part in measured]).double()

        return sample

    known: dict[str, Sampler] = {
        PATH: lambda t, x, generator: outputs.along(lambda x: paths.path(t, x, generator), t, x),
        STEP: lambda t, x, generator: outputs.along(lambda x: paths.step(t, x, generator), t, x),
        REMAINDER: remainder,
        **{name: level(level_of(name)) for name in composition.levels},
    }
    return {name: known[name] for name in composition.components}
