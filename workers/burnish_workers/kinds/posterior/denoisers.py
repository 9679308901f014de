"""Denoisers: from a noisy sample x_t = alpha x_0 + sigma eps to x0_hat = E[x_0 | x_t], whatever a network predicts.

Networks predict one of

    epsilon   eps                      x0_hat = (x - sigma eps) / alpha
    v         alpha eps - sigma x_0    x0_hat = (alpha x - sigma v) / (alpha^2 + sigma^2)
    sample    x_0
    flow      eps - x_0                x0_hat = (x - sigma v) / (alpha + sigma)
    score     -eps / sigma             x0_hat = (x + sigma^2 score) / alpha

(Ho, Jain, Abbeel, arXiv 2006.11239; Salimans, Ho, arXiv 2202.00512; Lipman et al., arXiv 2210.02747). Samples travel
flat, one in a row; the rows of one call may be at different noise levels and have different labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from burnish_workers.kinds.posterior.noise import Noise

Parametrisation = Literal["epsilon", "v", "sample", "flow", "score"]

UNCONDITIONAL = -1
"""The label of a row that asks for no class."""

LEAST_ALPHA = 1e-6
"""At alpha = 0 noise says nothing of x_0; below this x0_hat from eps is finite and otherwise meaningless."""


class Denoiser(Protocol):
    """x (rows, d), noise, label (rows,) int64 or None -> x0_hat (rows, d), differentiable in x, row by row.

    A label is UNCONDITIONAL for rows without a class; None where no row has one.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample; d is its product."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """In which samples are kept: that of the network, and no less than single precision."""
        ...

    def __call__(self, x: Tensor, noise: Noise, label: Tensor | None = None) -> Tensor: ...


@dataclass(frozen=True)
class Clipped:
    """x0_hat kept within [-bound, bound], as `clip_sample` of a scheduler does."""

    inner: Denoiser
    bound: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.inner.dtype

    def __call__(self, x: Tensor, noise: Noise, label: Tensor | None = None) -> Tensor:
        return self.inner(x, noise, label).clamp(-self.bound, self.bound)


def x0_of(output: Tensor, x: Tensor, noise: Noise, parametrisation: Parametrisation) -> Tensor:
    """x0_hat (rows, d) from what a network gave at x (rows, d); at least in single precision, in the type of x."""
    wide = torch.promote_types(x.dtype, torch.float32)
    output, z = output.to(wide), x.to(wide)
    alpha, sigma = noise.alpha.to(wide)[:, None], noise.sigma.to(wide)[:, None]
    if parametrisation == "sample":
        found = output
    elif parametrisation == "epsilon":
        found = (z - sigma * output) / alpha.clamp_min(LEAST_ALPHA)
    elif parametrisation == "score":
        found = (z + sigma.square() * output) / alpha.clamp_min(LEAST_ALPHA)
    elif parametrisation == "v":
        found = (alpha * z - sigma * output) / (alpha.square() + sigma.square())
    else:
        found = (z - sigma * output) / (alpha + sigma)
    return found.to(x.dtype)


def predicted(x0: Tensor, x: Tensor, noise: Noise, parametrisation: Parametrisation) -> Tensor:
    """What a network of that parametrisation predicts where x0_hat is `x0`, for sigma > 0: the inverse of `x0_of`."""
    alpha, sigma = noise.alpha.to(x.dtype)[:, None], noise.sigma.to(x.dtype)[:, None]
    eps = (x - alpha * x0) / sigma
    return {"sample": x0, "epsilon": eps, "v": alpha * eps - sigma * x0, "flow": eps - x0, "score": -eps / sigma}[
        parametrisation
    ]
