"""How particles move towards an observation: blindly, by the exact conditional law, or by a linearised one.

Noise enters as x' = m + F w, w ~ N(0, I_r), and guidance is a law of w. So singular Q needs no care, and the weight is

    g = p(y | m + F w) N(w; 0, I) / q(w | y)

With h linear, w | y is Gaussian and g = N(y; H m, H Q H^T + R) does not depend on w: the proposal of least variance
(Doucet, Godsill and Andrieu 2000). With h a formula it is linearised at each m, and g corrects for that exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish_workers.kinds.posterior.assimilation.dynamics import Mover, Transition
from burnish_workers.kinds.posterior.assimilation.filters import Proposal
from burnish_workers.kinds.posterior.assimilation.sensors import Gaussian, Likelihood, Sensor, sensor_of
from burnish_workers.kinds.posterior.assimilation.setting import Setting
from burnish_workers.kinds.posterior.smc import Stream

_Array = NDArray[np.float64]
_Rows = tuple[int, ...]

PATTERNS = 64
"""So many patterns of what was seen and what was missing are prepared for."""


@dataclass(frozen=True)
class Blind:
    """The bootstrap filter: q is the transition, g the likelihood (Gordon, Salmond and Smith 1993)."""

    transition: Mover
    likelihood: Callable[[_Rows], Likelihood]

    def predict(self, x: Tensor, stream: Stream) -> Tensor:
        return self.transition.forward(x, stream)

    def propose(self, x: Tensor, y: _Array, rows: _Rows, stream: Stream) -> tuple[Tensor, Tensor]:
        moved = self.transition.forward(x, stream)
        return moved, self.likelihood(rows)(moved, y)


@dataclass(frozen=True)
class Conditional:
    """The law of x' given m and y: x' = m (I - K H)^T + K y + B e, and that of y given m: N(H m, S).

    K = Q H^T S^-1, S = H Q H^T + R, B = F (I - K_w H F)^(1/2) with K_w = (H F)^T S^-1. All transposed for rows.
    """

    keep: Tensor
    gain: _Array
    root: Tensor
    through: Tensor
    gaussian: Gaussian

    @staticmethod
    def of(sensor: Sensor, root: _Array) -> Conditional:
        assert sensor.matrix is not None
        h = sensor.matrix
        seen = h @ root
        gaussian = Gaussian.of(seen @ seen.T + sensor.noise)
        white = gaussian.whitener @ seen
        gain = root @ white.T @ gaussian.whitener
        left = np.linalg.eigh(np.eye(root.shape[1]) - white.T @ white)
        conditional = root @ (left.eigenvectors * np.sqrt(np.maximum(left.eigenvalues, 0.0)))
        kept = conditional[:, np.abs(conditional).max(axis=0) > 0]
        return Conditional(
            keep=sensor.tensor((np.eye(len(root)) - gain @ h).T.copy()),
            gain=gain,
            root=sensor.tensor(kept.T.copy()),
            through=sensor.tensor(-(gaussian.whitener @ h).T),
            gaussian=gaussian,
        )

    def draw(self, m: Tensor, y: _Array, stream: Stream) -> tuple[Tensor, Tensor]:
        """x' (N, d) and log N(y; H m, S) (N,)."""
        y_white = torch.as_tensor(self.gaussian.whitener @ y, dtype=m.dtype, device=m.device)
        pull = torch.as_tensor(self.gain @ y, dtype=m.dtype, device=m.device)
        log_factor = self.gaussian.log_density(torch.addmm(y_white, m, self.through))
        noise = stream.normal(len(m), len(self.root), dtype=m.dtype)
        return torch.addmm(pull, m, self.keep).addmm_(noise, self.root), log_factor


@dataclass(frozen=True)
class Guided:
    """Exact guidance of the last noisy step before the observation; steps before it are blind."""

    transition: Transition
    conditional: Callable[[_Rows], Conditional]

    def predict(self, x: Tensor, stream: Stream) -> Tensor:
        return self.transition.forward(x, stream)

    def propose(self, x: Tensor, y: _Array, rows: _Rows, stream: Stream) -> tuple[Tensor, Tensor]:
        return self.conditional(rows).draw(self.transition.before_last(x, stream), y, stream)


@dataclass(frozen=True)
class Linearised:
    """Guidance by formulas h, linearised at each particle's m: w ~ N(K (y - h(m)), C), C^-1 = I + G^T R^-1 G."""

    transition: Transition
    likelihood: Callable[[_Rows], Likelihood]

    def predict(self, x: Tensor, stream: Stream) -> Tensor:
        return self.transition.forward(x, stream)

    def propose(self, x: Tensor, y: _Array, rows: _Rows, stream: Stream) -> tuple[Tensor, Tensor]:
        likelihood, root = self.likelihood(rows), self.transition.root
        m = self.transition.before_last(x, stream)
        value, slope = value_and_slope(likelihood.sensor, m)
        white = (slope @ root).mT @ likelihood.whitener
        residual = (likelihood.sensor.tensor(y) - value) @ likelihood.whitener
        # A residual that is no number gives no direction, nor does its slope.
        known = residual.isfinite().all(1) & white.isfinite().all((1, 2))
        white, residual = white.where(known[:, None, None], 0.0), residual.where(known[:, None], 0.0)
        precision = white @ white.mT + torch.eye(root.shape[1], dtype=m.dtype, device=m.device)
        lower = torch.linalg.cholesky(precision)
        mean = torch.cholesky_solve(white @ residual[:, :, None], lower)
        noise = stream.normal(*mean.shape, dtype=m.dtype)
        w = mean + torch.linalg.solve_triangular(lower.mT, noise, upper=True)
        moved = m + w[:, :, 0] @ root.T
        squares = (noise.square().sum((1, 2)) - w.square().sum((1, 2))).double() / 2
        determinant = lower.diagonal(dim1=1, dim2=2).log().sum(1).double()
        return moved, likelihood(moved, y) + squares - determinant


def value_and_slope(sensor: Sensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """h(x) (N, k) and its derivatives (N, k, d)."""
    with torch.enable_grad():
        at = x.detach().requires_grad_()
        value = sensor.apply(at)
        columns = [_gradient(value[:, j], at) for j in range(value.shape[1])]
    return value.detach(), torch.stack(columns, dim=1)


def _gradient(value: Tensor, at: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(at)
    (slope,) = torch.autograd.grad(value.sum(), at, retain_graph=True, allow_unused=True)
    return torch.zeros_like(at) if slope is None else slope


def blind(setting: Setting, transition: Mover, like: Tensor) -> Blind:
    """The bootstrap proposal. `like`: of the particles' type and device."""
    return Blind(transition, _likelihoods(setting, like))


def guided(setting: Setting, transition: Transition) -> Proposal:
    """The guided proposal, linearised where the observation is a formula."""
    like, root = transition.root, transition.exact_root
    if setting.operator.matrix is None:
        return Linearised(transition, _likelihoods(setting, like))

    @lru_cache(PATTERNS)
    def conditional(rows: _Rows) -> Conditional:
        return Conditional.of(sensor_of(setting, rows, like), root)

    return Guided(transition, conditional)


def _likelihoods(setting: Setting, like: Tensor) -> Callable[[_Rows], Likelihood]:
    @lru_cache(PATTERNS)
    def likelihood(rows: _Rows) -> Likelihood:
        return Likelihood.of(sensor_of(setting, rows, like))

    return likelihood
