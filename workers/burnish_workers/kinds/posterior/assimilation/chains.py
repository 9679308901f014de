"""Transitions by a diffusion model: the reverse chain z_0 -> ... -> z_K = x' that one physical step runs through.

With noise levels sigma_0 > ... > sigma_{K-1} > sigma_K = 0, the denoiser D(z, j, x) = E[x' | z = x' + sigma_j e, x] and
r = sigma_{j+1}^2 / sigma_j^2

    z_{j+1} ~ N(z_j + (1 - r) (D_j - z_j), V_j),   V_j = (sigma_j^2 - sigma_{j+1}^2) r I + (1 - r)^2 C_j

C_j is the covariance of x' - D_j where it is known: then the chain is exact for Gaussian transitions, at any number of
levels (F. Bao et al., Analytic-DPM, arXiv 2201.06503). Of a network it is taken as 0, as in DDPM: such a chain loses
some spread, and is the transition that is assimilated: its number of levels belongs to the model. Levels as in
T. Karras et al., Elucidating the design space of diffusion-based generative models, arXiv 2206.00364.
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

    def begin(self, x: Tensor, condition: Tensor, stream: Stream) -> Tensor:
        """z_0 (N, d)."""
        ...

    def __call__(self, z: Tensor, level: int, condition: Tensor) -> Tensor:
        """D (N, d) from z (N, d) at sigma_level."""
        ...

    def step_covariances(self) -> list[_Array]:
        """V_j (d, d) of the steps 0 .. K - 1."""
        ...

    def residual_covariances(self, setting: Setting) -> list[_Array]:
        """C_j (d, d) of x' - D(z_j, j, x) at the levels 0 .. K - 1, known or measured: guidance hangs on them."""
        ...


@dataclass(frozen=True)
class ExactDenoiser:
    """Of x' ~ N(M(x), Q): D = M + Q (Q + sigma^2 I)^-1 (z - M), residual covariance Q - Q (Q + sigma^2 I)^-1 Q."""

    transition: Transition
    sigmas: _Array
    gains: tuple[Tensor, ...]
    first: Tensor
    covariances: tuple[_Array, ...]

    @staticmethod
    def of(transition: Transition, sigmas: _Array) -> ExactDenoiser:
        q = transition.exact_root @ transition.exact_root.T
        noisy = [q + sigma**2 * np.eye(len(q)) for sigma in sigmas[:-1]]
        gains = [np.linalg.solve(each, q) for each in noisy]
        left = tuple((c + c.T) / 2 for c in (q - q @ gain for gain in gains))
        first, *tensors = (
            torch.as_tensor(part, dtype=transition.root.dtype, device=transition.root.device)
            for part in (np.linalg.cholesky(noisy[0]).T.copy(), *gains)
        )
        return ExactDenoiser(transition, sigmas, tuple(tensors), first, left)

    def condition(self, x: Tensor) -> Tensor:
        return self.transition.motion(x)

    def begin(self, x: Tensor, condition: Tensor, stream: Stream) -> Tensor:
        return torch.addmm(condition, stream.normal(*x.shape, dtype=x.dtype), self.first)

    def __call__(self, z: Tensor, level: int, condition: Tensor) -> Tensor:
        return torch.addmm(condition, z - condition, self.gains[level])

    def step_covariances(self) -> list[_Array]:
        shares = ((1 - ratio_of(self.sigmas, j)) ** 2 * c for j, c in enumerate(self.covariances))
        return [plain + share for plain, share in zip(_plain(self.sigmas, len(self.first)), shares, strict=True)]

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

    def begin(self, x: Tensor, condition: Tensor, stream: Stream) -> Tensor:
        """Around what the network makes of x itself as noise."""
        noise = stream.normal(*x.shape, dtype=x.dtype)
        return torch.add(self(x, 0, condition), noise, alpha=float(self.sigmas[0]))

    def __call__(self, z: Tensor, level: int, condition: Tensor) -> Tensor:
        sigma = float(self.sigmas[level])
        time = torch.full_like(z[:, 0], np.log(sigma) if self.given.time == "log-sigma" else sigma)
        found = self.network(time, torch.cat([z, condition], dim=1))[:, : z.shape[1]]
        return found if self.given.predicts == "sample" else z - sigma * found

    def step_covariances(self) -> list[_Array]:
        return _plain(self.sigmas, self.network.dim // 2)

    def residual_covariances(self, setting: Setting) -> list[_Array]:
        """Measured on states that the model itself made."""
        chain, stream = (
            ChainTransition.of(self, self.sigmas, 1, torch.float32, self.device),
            Stream(Key(0), self.device),
        )
        start = (setting.initial_mean, setting.initial_root)
        mean, root = (torch.as_tensor(a, dtype=torch.float32, device=self.device) for a in start)
        x = mean + stream.normal(MEASURED, root.shape[1], dtype=torch.float32) @ root.T
        for _ in range(WARMING):
            x = chain.forward(x, stream)
        after = chain.forward(x, stream)
        found: list[_Array] = []
        for level, sigma in enumerate(self.sigmas[:-1]):
            noise = stream.normal(*after.shape, dtype=after.dtype)
            residual = (after - self(after + float(sigma) * noise, level, x)).double().cpu().numpy()
            covariance = residual.T @ residual / len(residual)
            found.append(covariance + 1e-3 * np.diag(np.diag(covariance)) + 1e-12 * np.eye(len(covariance)))
        return found


MEASURED, WARMING = 512, 4
"""States on which the residuals of a network are measured, after so many transitions of the model."""


def ratio_of(sigmas: _Array, level: int) -> float:
    """r of the step from `level` to the next."""
    return float(sigmas[level + 1] ** 2 / sigmas[level] ** 2)


def _plain(sigmas: _Array, dim: int) -> list[_Array]:
    """(sigma_j^2 - sigma_{j+1}^2) r I."""
    squares = sigmas**2
    variances = (squares[:-1] - squares[1:]) * squares[1:] / squares[:-1]
    return [variance * np.eye(dim) for variance in variances]


@dataclass(frozen=True)
class ChainTransition:
    """x' by a chain, `steps` times. `roots` (d, d): square roots of the V_j, transposed; None where V is 0."""

    denoiser: Denoiser
    sigmas: _Array
    steps: int
    roots: tuple[Tensor | None, ...]

    @staticmethod
    def of(denoiser: Denoiser, sigmas: _Array, steps: int, dtype: torch.dtype, device: torch.device) -> ChainTransition:
        roots = (np.linalg.cholesky(v).T.copy() if v.any() else None for v in denoiser.step_covariances())
        tensors = (None if r is None else torch.as_tensor(r, dtype=dtype, device=device) for r in roots)
        return ChainTransition(denoiser, sigmas, steps, tuple(tensors))

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """A draw of the state at the next observation, (N, d)."""
        return self._once(self.before_last(x, stream), stream)

    def before_last(self, x: Tensor, stream: Stream) -> Tensor:
        """The same before the last chain."""
        for _ in range(self.steps - 1):
            x = self._once(x, stream)
        return x

    def _once(self, x: Tensor, stream: Stream) -> Tensor:
        condition = self.denoiser.condition(x)
        z = self.denoiser.begin(x, condition, stream)
        for level, root in enumerate(self.roots):
            z = self.towards(z, self.denoiser(z, level, condition), level)
            if root is not None:
                z = torch.addmm(z, stream.normal(*z.shape, dtype=z.dtype), root)
        return z

    def towards(self, z: Tensor, denoised: Tensor, level: int) -> Tensor:
        """The mean of the step from `level`."""
        return torch.lerp(z, denoised, 1 - ratio_of(self.sigmas, level))


def chain_transition(setting: Setting, inputs: Inputs, like: Tensor) -> ChainTransition:
    """The chain of a setting. `like`: of the particles' type and device."""
    assert setting.chain is not None
    sigmas, motion = noise_levels(setting.chain), setting.motion
    if isinstance(motion, UploadedMotion) and isinstance(motion.given, UploadedDenoiser):
        network = load_network(inputs.model(motion.given.reference), like.device)
        denoiser: Denoiser = NetworkDenoiser(network, like.device, sigmas, motion.given)
    else:
        denoiser = ExactDenoiser.of(transition_of(setting, inputs, like), sigmas)
    return ChainTransition.of(denoiser, sigmas, setting.steps, like.dtype, like.device)
