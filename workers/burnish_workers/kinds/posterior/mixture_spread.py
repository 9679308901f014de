"""Covariance of the exact denoiser's residual for Gaussian mixtures: E Cov(x_clean | x_k), low rank and diagonal.

Given its component c the clean sample has covariance P_c = C_c sigma^2 S_c^-1, S_c = alpha^2 C_c + sigma^2 I, around
a mean linear in x. Which component it is adds the spread of the means among those that are still possible: of rank
below the number of components. Both are averaged over draws of the mixture at that noise level. Imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.analytic import MixtureDenoiser
from burnish_workers.kinds.posterior.chain import Chain
from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.noise import Noise
from burnish_workers.tensors.generators import torch_generator

_DRAWS = 1_024
_KEY = Key(20_260_102)
_RANK = 64
"""Directions that are kept of what is not diagonal."""


@torch.no_grad()
def mixture_spreads(
    numbers: MixtureNumbers, chain: Chain, device: torch.device
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """(diagonal (d,), factor (d, r)) at x_0 .. x_{K-1}: residuals of _DRAWS draws, the leading directions kept whole
    and the rest as its diagonal; without residuals where all components are alike. The same on every worker of a
    numeric class."""
    exact, alike = MixtureDenoiser(numbers, device), _alike(numbers)
    for k in range(chain.steps):
        alpha, sigma = float(chain.alpha[k]), float(chain.sigma[k])
        generator = torch_generator(_KEY.child(k), device)
        clean = exact.draw(_DRAWS, 1.0, 0.0, generator)
        fresh = torch.randn(clean.shape, generator=generator, dtype=clean.dtype, device=device)
        level = Noise(*(torch.full((_DRAWS,), v, dtype=clean.dtype, device=device) for v in (alpha, sigma, sigma)))
        x = alpha * clean + sigma * fresh
        if alike is None:
            yield factorised(clean - exact(x, level, None))
        else:
            means = torch.as_tensor(numbers.means, dtype=clean.dtype, device=device)
            yield _of_alike(exact.chances(x, level), means, alike, alpha, sigma)


def _alike(numbers: MixtureNumbers) -> float | None:
    """v, where all components have the covariance v I."""
    first = float(numbers.variance[0, 0])
    return first if numbers.axes is None and bool((numbers.variance == first).all()) else None


def _of_alike(
    chance: Tensor, means: Tensor, variance: float, alpha: float, sigma: float
) -> tuple[Tensor, Tensor | None]:
    """P I + (1 - alpha g)^2 M^T E[diag(r) - r r^T] M, from chances r (n, c) and means M (c, d), g = alpha v/S.

    Conditional means of components differ by (1 - alpha g) times their means: nothing is left to chance but r.
    """
    total = alpha**2 * variance + sigma**2
    own = torch.full_like(means[0], variance * sigma**2 / total)
    values, axes = torch.linalg.eigh(torch.diag(chance.mean(0)) - chance.T @ chance / len(chance))
    kept = values > 1e-12
    if not kept.any():
        return own, None
    return own, sigma**2 / total * means.T @ (axes[:, kept] * values[kept].sqrt())


def factorised(residual: Tensor) -> tuple[Tensor, Tensor | None]:
    """Second moments of residuals (n, d) as diag + factor factor^T: directions that stand out of the bulk, and the
    rest.

    A direction stands out where its variance is above what n draws of uncorrelated coordinates of the mean variance
    show, v (1 + sqrt(d/n))^2 (Marchenko and Pastur 1967). Up to d = 32 the matrix is kept whole.
    """
    count, dim = residual.shape
    moments = residual.square().mean(0)
    if dim <= 32:
        values, axes = torch.linalg.eigh(residual.T @ residual / count)
        return torch.zeros_like(moments), axes * values.clamp_min(0).sqrt()
    _, singular, rows = torch.linalg.svd(residual / count**0.5, full_matrices=False)
    bulk = float(moments.median()) * (1 + (dim / count) ** 0.5) ** 2
    kept = int(min(_RANK, (singular**2 > 1.5 * bulk).sum()))
    if kept == 0:
        return moments, None
    factor = (rows[:kept].T * (singular[:kept] ** 2 - float(moments.median())).clamp_min(0).sqrt()).contiguous()
    rest = (moments - factor.square().sum(1)).clamp_min(0)
    return rest, factor
