"""Guidance inside a diffusion transition: sequential Monte Carlo along its chain, weights carried over between steps.

Twist of a linear observation y = H x' + N(0, R), with D_j = E[x' | z_j] and C_j its residual covariance:

    psi_j(z) = N(y; H D_j(z), R + H C_j H^T),   j = 0 .. K - 1,   psi_K(z) = N(y; H z, R)

E[D_{j+1} | z_j] = D_j, and D_{j+1} moves with z by about J = C_{j+1} / sigma_{j+1}^2 (J = I at the end). So with
F F^T = V_j the noise w of z_{j+1} = m_j + F w is drawn from N(w; 0, I) N(y; H (D_j + J F w), R + H C_{j+1} H^T), a
Gaussian, and weighed exactly for what that misses:

    log W += log psi_{j+1} - log psi_j + log N(w; 0, I) - log q(w)

The evidence is unbiased for any denoiser, any C and any strength of guidance. After the SURGE framework of Wei, Ren,
Shi and Lu (arXiv 2605.18745); there the pull is a gradient and the noise stays white.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish.wire.specs.assimilation import Filter
from burnish_workers.kinds.posterior.assimilation.chains import ChainTransition
from burnish_workers.kinds.posterior.assimilation.filters import Advanced, Cloud, ancestors, effective, seen, weighed
from burnish_workers.kinds.posterior.assimilation.proposals import PATTERNS
from burnish_workers.kinds.posterior.assimilation.sensors import Gaussian, Sensor, sensor_of
from burnish_workers.kinds.posterior.assimilation.setting import Setting
from burnish_workers.kinds.posterior.smc import Stream

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Twist:
    """psi at a level: N(y; H D, S), whitened: `through` -(L^-1 H)^T (d, k) with L L^T = S."""

    gaussian: Gaussian
    through: Tensor

    @staticmethod
    def of(sensor: Sensor, residual: _Array) -> Twist:
        assert sensor.matrix is not None
        h = sensor.matrix
        gaussian = Gaussian.of(sensor.noise + h @ residual @ h.T)
        return Twist(gaussian, sensor.tensor(-(gaussian.whitener @ h).T))

    def __call__(self, denoised: Tensor, y: _Array) -> Tensor:
        """log psi (N,), float64."""
        white = torch.as_tensor(self.gaussian.whitener @ y, dtype=denoised.dtype, device=denoised.device)
        return self.gaussian.log_density(torch.addmm(white, denoised, self.through))


@dataclass(frozen=True)
class Pull:
    """The law of w at a step: N(K (y - H D), B B^T). `mean` K^T (k, d), `root` B^T (d, d), `log_volume` log det B."""

    mean: Tensor
    root: Tensor
    log_volume: float

    @staticmethod
    def of(sensor: Sensor, moves: _Array, after: _Array, strength: float) -> Pull:
        """`moves` J F (d, d); `after` C_{j+1}."""
        assert sensor.matrix is not None
        h = sensor.matrix
        seen = h @ moves
        whitener = Gaussian.of(seen @ seen.T + sensor.noise + h @ after @ h.T).whitener
        white = whitener @ seen
        left = np.linalg.eigh(np.eye(seen.shape[1]) - min(strength, 1.0) * white.T @ white)
        values = np.maximum(left.eigenvalues, 1e-12)
        return Pull(
            sensor.tensor(strength * whitener.T @ white),
            sensor.tensor((left.eigenvectors * np.sqrt(values)).T.copy()),
            float(np.log(values).sum() / 2),
        )

    def draw(self, residual: Tensor, stream: Stream) -> tuple[Tensor, Tensor]:
        """w (N, d) and log N(w; 0, I) - log q(w) (N,), float64, given y - H D (N, k)."""
        shape = (len(residual), len(self.root))
        noise = stream.normal(*shape, dtype=residual.dtype)
        w = torch.addmm(noise @ self.root, residual, self.mean)
        squares = torch.linalg.vecdot(noise, noise).double() - torch.linalg.vecdot(w, w).double()
        return w, squares.mul_(0.5).add_(self.log_volume)


@dataclass(frozen=True)
class Guide:
    """What is fixed by which numbers were seen: a twist for every level 0 .. K, a pull for every step with noise."""

    sensor: Sensor
    twists: tuple[Twist, ...]
    pulls: tuple[Pull | None, ...]


@dataclass(frozen=True)
class InChain:
    """Particles at a level: z, what the denoiser knows of the state before, D(z), log psi(z), weights; so far the
    evidence of this observation and how many particles were lost to NaN."""

    z: Tensor
    condition: Tensor
    denoised: Tensor
    log_psi: Tensor
    weights: Tensor
    evidence: float = 0.0
    lost: int = 0

    def times(self, log_factor: Tensor) -> InChain:
        """The same with weights multiplied, their sum taken into the evidence."""
        done = weighed(torch.cat([self.z, self.condition, self.denoised], 1), self.weights, log_factor)
        width = self.z.shape[1]
        x, evidence, lost = done.cloud.x, self.evidence + done.log_increment, self.lost + done.nonfinite
        z, condition, denoised = x[:, :width], x[:, width:-width], x[:, -width:]
        log_psi = torch.nan_to_num(self.log_psi)
        return InChain(z, condition, denoised, log_psi, done.cloud.weights, evidence, lost)

    def chosen(self, indices: Tensor) -> InChain:
        """Copies of some, with even weights."""
        even = torch.full_like(self.weights, 1 / len(self.z))
        parts = self.z[indices], self.condition[indices], self.denoised[indices], self.log_psi[indices]
        return InChain(*parts, even, self.evidence, self.lost)


@dataclass(frozen=True)
class SurgeFilter:
    """Transitions by the chain, the last one before the observation guided."""

    transition: ChainTransition
    options: Filter
    guide: Callable[[tuple[int, ...]], Guide]

    def advance(self, cloud: Cloud, observation: _Array, stream: Stream) -> Advanced:
        """Assimilate one observation."""
        y, rows = seen(observation)
        if not rows:
            return Advanced(Cloud(self.transition.forward(cloud.x, stream), cloud.weights), 0.0, 0)
        guide = self.guide(rows)
        state = self._begun(cloud, y, guide, stream)
        for level in range(len(guide.pulls)):
            state = self._step(self._resampled(state, stream), level, y, guide, stream)
        return Advanced(Cloud(state.z, state.weights), state.evidence, state.lost)

    def _begun(self, cloud: Cloud, y: _Array, guide: Guide, stream: Stream) -> InChain:
        denoiser = self.transition.denoiser
        x = self.transition.before_last(cloud.x, stream)
        condition = denoiser.condition(x)
        z = denoiser.begin(x, condition, stream)
        denoised = denoiser(z, 0, condition)
        log_psi = guide.twists[0](denoised, y)
        return InChain(z, condition, denoised, log_psi, cloud.weights).times(log_psi)

    def _step(self, state: InChain, level: int, y: _Array, guide: Guide, stream: Stream) -> InChain:
        z, log_factor = self.transition.towards(state.z, state.denoised, level), -state.log_psi
        pull, root = guide.pulls[level], self.transition.roots[level]
        if pull is not None and root is not None:
            w, ratio = pull.draw(guide.sensor.tensor(y) - guide.sensor.apply(state.denoised), stream)
            z, log_factor = torch.addmm(z, w, root), log_factor + ratio
        last = level + 1 == len(guide.pulls)
        denoised = z if last else self.transition.denoiser(z, level + 1, state.condition)
        log_psi = guide.twists[level + 1](denoised, y)
        return replace(state, z=z, denoised=denoised, log_psi=log_psi).times(log_factor + log_psi)

    def _resampled(self, state: InChain, stream: Stream) -> InChain:
        if effective(state.weights) > self.options.ess * len(state.weights):
            return state
        return state.chosen(ancestors(state.weights, self.options.resampling, stream))


def surge_filter(setting: Setting, transition: ChainTransition, like: Tensor) -> SurgeFilter:
    """The filter of a setting whose transitions are chains. `like`: of the particles' type and device."""
    residuals = [*transition.denoiser.residual_covariances(setting), np.zeros((setting.dim, setting.dim))]
    covariances = transition.denoiser.step_covariances()

    @lru_cache(PATTERNS)
    def guide(rows: tuple[int, ...]) -> Guide:
        sensor = sensor_of(setting, rows, like)
        pulls: list[Pull | None] = []
        for level, (v, after) in enumerate(zip(covariances, residuals[1:], strict=True)):
            end = level + 1 == len(covariances)
            moves = np.eye(setting.dim) if end else after / transition.sigmas[level + 1] ** 2
            strength = setting.filter.guidance
            pulls.append(Pull.of(sensor, moves @ np.linalg.cholesky(v), after, strength) if v.any() else None)
        return Guide(sensor, tuple(Twist.of(sensor, residual) for residual in residuals), tuple(pulls))

    return SurgeFilter(transition, setting.filter, guide)
