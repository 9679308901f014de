"""Motions M of a state, for many particles at once: x (N, d) -> (N, d)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish.wire.specs.assimilation import UploadedDynamics
from burnish_workers.core.expression import Expression
from burnish_workers.core.inputs import Inputs
from burnish_workers.kinds.posterior.assimilation.covariances import root as root_of
from burnish_workers.kinds.posterior.assimilation.setting import (
    FormulaMotion,
    LinearMotion,
    Motion,
    NamedMotion,
    Setting,
)
from burnish_workers.kinds.posterior.smc import Stream
from burnish_workers.tensors.expressions import lower
from burnish_workers.tensors.networks import load_network

Map = Callable[[Tensor], Tensor]


class Mover(Protocol):
    """Whatever draws the state at the next observation."""

    def forward(self, x: Tensor, stream: Stream) -> Tensor: ...


@dataclass(frozen=True)
class Transition:
    """x' = M(x) + F w, w ~ N(0, I_r), `steps` times. `root` F (d, r), `exact_root` in double precision; `scales` (d,)
    where F is diagonal."""

    motion: Map
    exact_root: NDArray[np.float64]
    root: Tensor
    scales: Tensor | None
    steps: int

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """A draw of the state at the next observation, (N, d)."""
        for _ in range(self.steps):
            x = self.shaken(self.motion(x), stream)
        return x

    def before_last(self, x: Tensor, stream: Stream) -> Tensor:
        """The same up to the noise of the last step."""
        for _ in range(self.steps - 1):
            x = self.shaken(self.motion(x), stream)
        return self.motion(x)

    def shaken(self, x: Tensor, stream: Stream) -> Tensor:
        """x + F w."""
        rank = self.root.shape[1]
        if rank == 0:
            return x
        noise = stream.normal(len(x), rank, dtype=x.dtype)
        return torch.addcmul(x, noise, self.scales) if self.scales is not None else torch.addmm(x, noise, self.root.T)


def transition_of(setting: Setting, inputs: Inputs, like: Tensor) -> Transition:
    """The transition of a setting; linear steps between observations are one step.

    `like`: a tensor of the type and on the device of the particles.
    """
    device, dtype = like.device, like.dtype
    motion, root, steps = setting.motion, setting.noise_root, setting.steps
    if isinstance(motion, LinearMotion) and steps > 1 and setting.chain is None:
        motion, root, steps = _compounded(motion, root, steps)
    diagonal = root.shape[0] == root.shape[1] and not np.any(root - np.diag(np.diag(root)))
    scales = torch.tensor(np.diag(root), dtype=dtype, device=device) if diagonal else None
    map_ = _map(motion, setting.dim, inputs, device, dtype)
    return Transition(map_, root, torch.tensor(root, dtype=dtype, device=device), scales, steps)


def _compounded(
    motion: LinearMotion, root: NDArray[np.float64], steps: int
) -> tuple[LinearMotion, NDArray[np.float64], int]:
    """A^s x + sum_j A^j b with noise of covariance sum_j A^j Q A^jT: then guidance looks over all steps at once."""
    dim = len(motion.offset)
    matrix, offset, spread = np.eye(dim), np.zeros(dim), np.zeros((dim, dim))
    for _ in range(steps):
        spread = motion.matrix @ spread @ motion.matrix.T + root @ root.T
        matrix, offset = motion.matrix @ matrix, motion.matrix @ offset + motion.offset
    return LinearMotion(matrix, offset), root_of(spread), 1


def _map(motion: Motion, dim: int, inputs: Inputs, device: torch.device, dtype: torch.dtype) -> Map:
    if isinstance(motion, LinearMotion):
        matrix = torch.tensor(motion.matrix.T.copy(), dtype=dtype, device=device)
        offset = torch.tensor(motion.offset, dtype=dtype, device=device)
        return lambda x: torch.addmm(offset, x, matrix)
    if isinstance(motion, NamedMotion):
        return _by_columns(RATES[motion.name](motion.parameters), motion.dt, motion.substeps)
    if isinstance(motion, FormulaMotion):
        formula = formulas_map(motion.formulas)
        return formula if motion.dt is None else _integrated(formula, motion.dt, motion.substeps)
    if not isinstance(motion.given, UploadedDynamics):
        raise ValueError("the denoiser of a transition is no motion of its own; `surge` runs it")
    network = load_network(inputs.model(motion.given.reference), device)
    return lambda x: network(torch.zeros_like(x[:, 0]), x)


def formulas_map(formulas: tuple[Expression, ...]) -> Map:
    """The values of scalar formulas side by side, or of one vector formula: (N, d) -> (N, k)."""
    functions = [lower(formula) for formula in formulas]
    if formulas[0].shape == "vector":
        return lambda x: functions[0]({"x": x})
    return lambda x: torch.stack([function({"x": x}) for function in functions], dim=1)


def runge_kutta(rate: Map, x: Tensor, dt: float) -> Tensor:
    """A step of the classical method of order four (Kutta 1901)."""
    k1 = rate(x)
    k2 = rate(torch.add(x, k1, alpha=dt / 2))
    k3 = rate(torch.add(x, k2, alpha=dt / 2))
    k4 = rate(torch.add(x, k3, alpha=dt))
    return x + (dt / 6) * (k1 + 2 * (k2 + k3) + k4)


def _integrated(rate: Map, dt: float, substeps: int) -> Map:
    def run(x: Tensor) -> Tensor:
        for _ in range(substeps):
            x = runge_kutta(rate, x, dt)
        return x

    return run


def _by_columns(rate: Map, dt: float, substeps: int) -> Map:
    """Coordinates as rows while it runs: each is then one stretch of memory."""
    run = _integrated(rate, dt, substeps)
    return lambda x: run(x.T.contiguous()).T.contiguous()


def lorenz63(parameters: Mapping[str, float]) -> Map:
    """(3, N) -> (3, N): sigma (y - x), x (rho - z) - y, x y - beta z."""
    sigma, rho, beta = (parameters[name] for name in ("sigma", "rho", "beta"))
    linear = [[-sigma, sigma, 0], [rho, -1, 0], [0, 0, -beta]]
    with_x = [[0, 0, 0], [0, 0, -1], [0, 1, 0]]
    exact = torch.tensor(linear + with_x, dtype=torch.float64)

    # One product for all that is linear and for what is multiplied by x: of small clouds the calls are what costs.
    def rate(state: Tensor) -> Tensor:
        terms = exact.to(state) @ state
        return torch.addcmul(terms[:3], state[0], terms[3:])

    return rate


def lorenz96(parameters: Mapping[str, float]) -> Map:
    """(d, N) -> (d, N): (x_{i+1} - x_{i-2}) x_{i-1} - x_i + forcing on a ring."""
    forcing = parameters["forcing"]

    def rate(state: Tensor) -> Tensor:
        return (state.roll(-1, 0) - state.roll(2, 0)).mul_(state.roll(1, 0)).sub_(state).add_(forcing)

    return rate


RATES: Mapping[str, Callable[[Mapping[str, float]], Map]] = {"lorenz63": lorenz63, "lorenz96": lorenz96}
