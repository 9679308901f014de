"""The exact denoiser of a Gaussian mixture: E[x_clean | alpha x_clean + sigma eps = x]. Imports torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.noise import Noise

MOST_AT_ONCE = 2**24
"""Numbers of a temporary array: 128 MB."""


class MixtureDenoiser:
    """x0^ = sum_c r_c(x) (mu_c + alpha C_c S_c^-1 (x - alpha mu_c)), S_c = alpha^2 C_c + sigma^2 I.

    r_c(x) is proportional to w_c N(x; alpha mu_c, S_c). In double precision: this is the oracle of the tests.
    """

    def __init__(self, numbers: MixtureNumbers, device: torch.device | str = "cpu"):
        as_tensor = lambda a: torch.tensor(a, dtype=torch.float64, device=device)  # noqa: E731
        self.shape = (numbers.dim,)
        self.dtype = torch.float64
        self._log_weights = as_tensor(numbers.weights).log()
        self._means, self._variance = as_tensor(numbers.means), as_tensor(numbers.variance)
        self._axes = None if numbers.axes is None else as_tensor(numbers.axes)
        self._round = numbers.axes is None and bool((numbers.variance == numbers.variance[:, :1]).all())

    def __call__(self, x: Tensor, noise: Noise, label: Tensor | None = None) -> Tensor:
        found = self._isotropic if self._round else self._general
        rows = max(1, MOST_AT_ONCE // (self._means.shape[0] if self._round else self._means.numel()))
        if len(x) <= rows:
            return found(x, noise)
        levels = zip(noise.alpha.split(rows), noise.sigma.split(rows), noise.time.split(rows), strict=True)
        parts = zip(x.split(rows), (Noise(*level) for level in levels), strict=True)
        return torch.cat([found(part, level) for part, level in parts])

    def _isotropic(self, x: Tensor, noise: Noise) -> Tensor:
        """Covariances v_c I: all distances by one product of matrices."""
        a, s, v = noise.alpha[:, None], noise.sigma[:, None], self._variance[:, 0]
        chance = self.chances(x, noise)
        gain = chance * a * v / (a**2 * v + s**2)
        return (chance - a * gain) @ self._means + gain.sum(1, keepdim=True) * x

    def chances(self, x: Tensor, noise: Noise) -> Tensor:
        """r_c(x) of components with covariances v_c I, (rows, c)."""
        a, s = noise.alpha[:, None], noise.sigma[:, None]
        v, means, dim = self._variance[:, 0], self._means, x.shape[1]
        spread = a**2 * v + s**2
        squared = (x * x).sum(1, keepdim=True) - 2 * a * (x @ means.T) + a**2 * (means * means).sum(1)
        return torch.softmax(self._log_weights - 0.5 * squared / spread - 0.5 * dim * spread.log(), dim=1)

    def _general(self, x: Tensor, noise: Noise) -> Tensor:
        a, s = noise.alpha[:, None, None], noise.sigma[:, None, None]
        apart = x[:, None] - a * self._means
        if self._axes is not None:
            apart = torch.einsum("bci,cij->bcj", apart, self._axes)
        spread = a**2 * self._variance + s**2
        log_density = -0.5 * (apart**2 / spread + spread.log()).sum(2)
        chance = torch.softmax(self._log_weights + log_density, dim=1)
        moved = a * self._variance / spread * apart
        if self._axes is not None:
            moved = torch.einsum("bcj,cij->bci", moved, self._axes)
        return torch.einsum("bc,bci->bi", chance, self._means + moved)

    def draw(self, rows: int, alpha: float, sigma: float, generator: torch.Generator) -> Tensor:
        """Samples of the mixture at a noise level, (rows, d): at (1, 0) clean ones."""
        options = {"generator": generator, "device": self._means.device}
        which = torch.multinomial(self._log_weights.exp(), rows, replacement=True, generator=generator)
        noise = torch.randn(rows, self.shape[0], dtype=torch.float64, **options)
        scaled = self._variance[which].sqrt() * noise
        if self._axes is not None:
            scaled = torch.einsum("bj,bij->bi", scaled, self._axes[which])
        clean = self._means[which] + scaled
        fresh = torch.randn(rows, self.shape[0], dtype=torch.float64, **options)
        return alpha * clean + sigma * fresh


def log_normal(residual: Tensor, cholesky: Tensor) -> Tensor:
    """log N(residual; 0, L L^T) of each row: residual (..., q), cholesky (q, q) lower -> (...)."""
    flat = residual.reshape(-1, residual.shape[-1])
    white = torch.linalg.solve_triangular(cholesky, flat.T, upper=False)
    log_det = cholesky.diagonal().log().sum()
    value = -0.5 * (white**2).sum(0) - log_det - 0.5 * residual.shape[-1] * math.log(2 * math.pi)
    return value.reshape(residual.shape[:-1])
