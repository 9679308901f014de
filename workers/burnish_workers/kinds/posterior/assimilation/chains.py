"""Transitions by a diffusion model: the reverse chain z_0 -> ... -> z_K = x' that one physical step runs through.

With noise levels sigma_0 > ... > sigma_{K-1} > sigma_K = 0, the denoiser D(z, j, x) = E[x' | z = x' + sigma_j e, x] and
r = sigma_{j+1}^2 / sigma_j^2

    z_{j+1} ~ N(z_j + (1 - r) (D_j - z_j), s_j^2 I),   s_j^2 = (sigma_j^2 - sigma_{j+1}^2) r

and z_0 ~ N(D(x, 0, x), sigma_0^2 I). The chain is the transition that is assimilated: its number of levels belongs to
the model. Levels as in T. Karras et al., Elucidating the design space of diffusion-based generative models (2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish.wire.specs.assimilation import DiffusionChain, UploadedDenoiser
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.assimilation.dynamics import Transition, transition_of
from burnish_workers.kinds.posterior.assimilation.setting import Setting, UploadedMotion
from burnish_workers.kinds.posterior.smc import Stream
from burnish_workers.tensors.networks import GraphNetwork, load_network

_Array = NDArray[np.float64]


def noise_levels(chain: DiffusionChain) -> _Array:
    """sigma_0 .. sigma_K (K + 1,), the last 0."""
    places = np.linspace(0, 1, chain.levels)
    first, last = chain.sigma_max ** (1 / chain.rho), chain.sigma_min ** (1 / chain.rho)
    return np.append((first + places * (last - first)) ** chain.rho, 0.0)


class Denoiser(Protocol):
    """E[x' | z, x] at each level."""

    def condition(self, x: Tensor) -> Tensor:
        """What the denoiser wants to know of the state before: (N, c)."""
        ...

    def __call__(self, z: Tensor, level: int, condition: Tensor) -> Tensor:
        """(N, d) from z (N, d) at sigma_level."""
        ...

    def residual_covariances(self, setting: Setting) -> list[_Array]:
        """C_j (d, d) of x' - D(z_j, j, x) at each of the levels 0 .. K - 1."""
        ...


@dataclass(frozen=True)
class ExactDenoiser:
    """Of x' ~ N(M(x), Q): D = M + Q (Q + sigma^2 I)^-1 (z - M), residual covariance Q - Q (Q + sigma^2 I)^-1 Q."""

    transition: Transition
    sigmas: _Array
    gains: tuple[Tensor, ...]
    covariances: tuple[_Array, ...]

    @staticmethod
    def of(transition: Transition, sigmas: _Array) -> ExactDenoiser:
        q = transition.exact_root @ transition.exact_root.T
        gains = [np.linalg.solve(q + sigma**2 * np.eye(len(q)), q) for sigma in sigmas[:-1]]
        left = tuple((c + c.T) / 2 for c in (q - q @ gain for gain in gains))
        like = transition.root
        return ExactDenoiser(
            transition, sigmas, tuple(torch.as_tensor(g, dtype=like.dtype, device=like.device) for g in gains), left
        )

    def condition(self, x: Tensor) -> Tensor:
        return self.transition.motion(x)

    def __call__(self, z: Tensor, level: int, condition: Tensor) -> Tensor:
        return torch.addmm(condition, z - condition, self.gains[level])

    def residual_covariances(self, setting: Setting) -> list[_Array]:
        return list(self.covariances)


@dataclass(frozen=True)
class NetworkDenoiser:
    """An uploaded network f(time, [z, x]) with rows of 2 d numbers, of which the first d are looked at."""

    network: GraphNetwork
    device: torch.device
    sigmas: _Array
    given: UploadedDenoiser

    def condition(self, x: Tensor) -> Tensor:
        return x

    def __call__(self, z: Tensor, level: int, condition: Tensor) -> Tensor:
        sigma = float(self.sigmas[level])
        time = torch.full_like(z[:, 0], np.log(sigma) if self.given.time == "log-sigma" else sigma)
        found = self.network(time, torch.cat([z, condition], dim=1))[:, : z.shape[1]]
        return found if self.given.predicts == "sample" else z - sigma * found

    def residual_covariances(self, setting: Setting) -> list[_Array]:
        """Measured on states that the model itself made: only the quality of guidance hangs on them."""
        stream = Stream(Key(0), self.device)
        start = (setting.initial_mean, setting.initial_root)
        mean, root = (torch.as_tensor(a, dtype=torch.float32, device=self.device) for a in start)
        x = mean + stream.normal(MEASURED, root.shape[1], dtype=torch.float32) @ root.T
        for _ in range(WARMING):
            x = unguided(self, self.sigmas, x, stream)
        after = unguided(self, self.sigmas, x, stream)
        found: list[_Array] = []
        for level, sigma in enumerate(self.sigmas[:-1]):
            noise = stream.normal(*after.shape, dtype=after.dtype)
            residual = (after - self(after + float(sigma) * noise, level, x)).double().cpu().numpy()
            covariance = residual.T @ residual / len(residual)
            found.append(covariance + 1e-3 * np.diag(np.diag(covariance)) + 1e-12 * np.eye(len(covariance)))
        return found


MEASURED, WARMING = 512, 4
"""States on which the residuals of a network are measured, after so many transitions of the model."""


def step_of(sigmas: _Array, level: int) -> tuple[float, float]:
    """(1 - r, s) of the step from `level` to the next."""
    here, there = sigmas[level] ** 2, sigmas[level + 1] ** 2
    ratio = there / here
    return 1 - ratio, float(np.sqrt((here - there) * ratio))


def begun(denoiser: Denoiser, sigmas: _Array, x: Tensor, condition: Tensor, stream: Stream) -> Tensor:
    """z_0 (N, d)."""
    noise = stream.normal(*x.shape, dtype=x.dtype)
    return denoiser(x, 0, condition) + float(sigmas[0]) * noise


def unguided(denoiser: Denoiser, sigmas: _Array, x: Tensor, stream: Stream) -> Tensor:
    """A draw of the transition, (N, d)."""
    condition = denoiser.condition(x)
    z = begun(denoiser, sigmas, x, condition, stream)
    for level in range(len(sigmas) - 1):
        towards, spread = step_of(sigmas, level)
        z = torch.lerp(z, denoiser(z, level, condition), towards)
        if spread > 0:
            z = z + spread * stream.normal(*z.shape, dtype=z.dtype)
    return z


@dataclass(frozen=True)
class ChainTransition:
    """x' by a chain, `steps` times."""

    denoiser: Denoiser
    sigmas: _Array
    steps: int

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """A draw of the state at the next observation, (N, d)."""
        return unguided(self.denoiser, self.sigmas, self.before_last(x, stream), stream)

    def before_last(self, x: Tensor, stream: Stream) -> Tensor:
        """The same before the last chain."""
        for _ in range(self.steps - 1):
            x = unguided(self.denoiser, self.sigmas, x, stream)
        return x


def chain_transition(setting: Setting, inputs: Inputs, like: Tensor) -> ChainTransition:
    """The chain of a setting. `like`: of the particles' type and device."""
    assert setting.chain is not None
    sigmas, motion = noise_levels(setting.chain), setting.motion
    if isinstance(motion, UploadedMotion) and isinstance(motion.given, UploadedDenoiser):
        network = load_network(inputs.model(motion.given.reference), like.device)
        return ChainTransition(NetworkDenoiser(network, like.device, sigmas, motion.given), sigmas, setting.steps)
    exact = ExactDenoiser.of(transition_of(setting, inputs, like), sigmas)
    return ChainTransition(exact, sigmas, setting.steps)
