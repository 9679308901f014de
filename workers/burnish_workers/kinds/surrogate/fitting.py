"""Training a surrogate for any equation that can be posted: a physics-informed network, step by step from keys.

    loss = mean (T - s)^2 eps^2 + terminal_weight mean (g - u(T, .))^2     over places drawn afresh for each step

eps is the residual at a uniform time of a path started at s, which the defect integrates over (s, T): so weighted, both
terms are squares of what they contribute to the defect. Only the equation enters, never a solution. Source: Raissi,
Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019); the places follow the paths on which the surrogate will be
corrected (a network trained in a box is asked far outside it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from burnish.wire.specs.fit import Fit
from burnish_workers.core.expression import Expression
from burnish_workers.core.keys import Key
from burnish_workers.kinds.surrogate.equation import TensorEquation, tensor_equation
from burnish_workers.kinds.surrogate.fitting_loss import StepLoss
from burnish_workers.kinds.surrogate.fitting_network import Parameters, Scaling, folded, initial
from burnish_workers.kinds.surrogate.fitting_optimisers import optimiser_of
from burnish_workers.kinds.surrogate.fitting_places import EULER_STEPS, Places, Starts, along_paths, in_box
from burnish_workers.kinds.surrogate.problem import Points, Problem
from burnish_workers.tensors.fields import ZeroField
from burnish_workers.tensors.generators import torch_generator
from burnish_workers.tensors.mlp import MLPField

State = dict[str, NDArray[Any]]
"""Where training stands, as named arrays: `parameter/...`, `memory/...`, `scaling/...`."""

WEIGHTS, STEPS = 0, 1
"""Branches of a fit's key: initial weights and scaling, and (STEPS, step)."""

SCALED_ON = 4_096
"""Places from which the scaling of inputs and output is taken."""


@dataclass(frozen=True)
class Progress:
    """After `done` of `total` steps. `loss`, and the root mean squares of the residual times the time left and of the
    terminal mismatch, in units of u, over the steps since the last progress."""

    done: int
    total: int
    loss: float
    residual: float
    terminal: float
    state: State


@dataclass(frozen=True)
class Trainer:
    """Trains one network. A state after n steps is a pure function of (problem, points, options, key, total, n)."""

    equation: TensorEquation
    starts: Starts
    options: Fit
    euler_steps: int
    noise_dim: int
    device: torch.device

    @staticmethod
    def of(problem: Problem, points: Points, options: Fit, device: torch.device | str = "cpu") -> Trainer:
        device, options = torch.device(device), options.settled(problem.dim)
        t, x = (torch.as_tensor(a, dtype=torch.float32, device=device) for a in (points.t, points.x))
        box = None if options.box is None else (options.box[0], options.box[1])
        return Trainer(
            equation=tensor_equation(problem, ZeroField(problem.dim), device),
            starts=Starts(t, x, box, problem.horizon),
            options=options,
            euler_steps=1 if _steady(problem) else EULER_STEPS,
            noise_dim=problem.noise_dim,
            device=device,
        )

    def begin(self, key: Key) -> State:
        """The state before the first step."""
        generator = torch_generator(key.child(WEIGHTS), self.device)
        scaling = Scaling.of(self.equation, self._places(SCALED_ON, generator))
        width, depth = self.options.width, self.options.depth
        assert width is not None
        assert depth is not None
        parameters = initial(self.equation.dim, width, depth, generator)
        memory = optimiser_of(self.options).begin(parameters)
        return _state(parameters, memory, scaling)

    def advance(self, state: Mapping[str, Any], key: Key, start: int, count: int, total: int) -> tuple[State, State]:
        """Steps start .. start + count - 1 of `total`: the state after them, and sums over them of the loss, the mean
        squared residual and the mean squared mismatch, with their count."""
        parameters, memory, scaling = self._tensors(state)
        optimiser, sums = optimiser_of(self.options), torch.zeros(3, dtype=torch.float64)
        for step in range(start, start + count):
            generator = torch_generator(key.child(STEPS, step), self.device)
            draw = partial(self._places, self.options.batch, generator)
            loss = StepLoss(self.equation, scaling, self.options.terminal_weight, draw)
            parameters, memory = optimiser.step(parameters, memory, loss, step, total)
            sums += loss.sums().cpu()
        metrics = {"sums": sums.numpy(), "steps": np.array(count)}
        return _state(parameters, memory, scaling), metrics

    def field(self, state: Mapping[str, Any]) -> MLPField:
        """The network as a plain tanh MLP."""
        parameters, _, scaling = self._tensors(state)
        field = folded(parameters, scaling)
        return MLPField(tuple(w.detach() for w in field.weights), tuple(b.detach() for b in field.biases))

    def _places(self, count: int, generator: torch.Generator) -> Places:
        if self.options.sampling == "box":
            return in_box(self.equation, self.starts, count, generator)
        return along_paths(self.equation, self.starts, self.euler_steps, self.noise_dim, count, generator)

    def _tensors(self, state: Mapping[str, Any]) -> tuple[Parameters, Parameters, Scaling]:
        groups: dict[str, Parameters] = {"parameter": {}, "memory": {}, "scaling": {}}
        for name, array in state.items():
            group, _, own = name.partition("/")
            groups[group][own] = torch.tensor(np.asarray(array), device=self.device)
        return groups["parameter"], groups["memory"], Scaling(**groups["scaling"])


def fit(
    problem: Problem,
    points: Points,
    options: Fit,
    key: Key,
    *,
    steps: int | None = None,
    device: torch.device | str = "cpu",
    every: int = 100,
) -> Iterator[Progress]:
    """Train for `steps` (else `options.steps`), telling how it goes every `every` steps; the last state is the result:
    `Trainer.field(state)`, and `cards.save_card` or `cards.card_bytes` keep it.

    `points` are ignored where `options.box` says where training starts. Raises ValueError without a number of steps.
    """
    total = steps or options.steps
    if total is None:
        raise ValueError("a fit needs a number of steps: give `steps`")
    trainer = Trainer.of(problem, points, options, device)
    state = trainer.begin(key)
    for start in range(0, total, every):
        count = min(every, total - start)
        state, metrics = trainer.advance(state, key, start, count, total)
        yield told(start + count, total, metrics, state)


def told(done: int, total: int, metrics: Mapping[str, Any], state: State) -> Progress:
    """Sums over steps as means."""
    loss, residual, terminal = (float(v) for v in np.asarray(metrics["sums"]) / int(metrics["steps"]))
    return Progress(done, total, loss, residual**0.5, terminal**0.5, state)


def _state(parameters: Parameters, memory: Parameters, scaling: Scaling) -> State:
    groups = {"parameter": parameters, "memory": memory, "scaling": scaling._asdict()}
    return {
        f"{group}/{name}": tensor.detach().cpu().numpy()
        for group, tensors in groups.items()
        for name, tensor in tensors.items()
    }


def _steady(problem: Problem) -> bool:
    """mu and sigma are constant: paths are exact in one step."""
    return problem.drift.is_constant and (
        not isinstance(problem.diffusion, Expression) or problem.diffusion.is_constant
    )
