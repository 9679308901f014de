"""From samples of the value to samples of the outputs asked for: the value, sigma^T grad of it, or both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from burnish_workers.kinds.surrogate.equation import TensorEquation, slope


@dataclass(frozen=True)
class Outputs:
    """Which columns (value, then the k components of sigma^T grad) are wanted."""

    equation: TensorEquation
    value: bool
    gradient: bool

    def along(self, sample: Callable[[Tensor], Tensor], t: Tensor, x: Tensor) -> Tensor:
        """Samples (B,) or (c, B) as functions of where they start -> (c, B, w), gradients pathwise.

        Each row of a sample must depend on its own x only.
        """
        if not self.gradient:
            with torch.no_grad():
                return sample(x).view(-1, len(t), 1)
        with torch.enable_grad():
            starts = x.detach().requires_grad_()
            values = sample(starts).view(-1, len(t))
            slopes = [torch.autograd.grad(row.sum(), starts, retain_graph=True)[0] for row in values]
        sigma = self.equation.diffusion(t, x)
        z = torch.stack([sigma.transpose(each) for each in slopes]).to(values.dtype)
        return self.columns(torch.cat([values.detach()[..., None], z], -1))

    def columns(self, samples: Tensor) -> Tensor:
        """The columns that are wanted of (..., 1 + k), or of (..., 1) where only the value is."""
        return samples if self.value else samples[..., 1:]

    @torch.no_grad()
    def surrogate(self, t: Tensor, x: Tensor) -> Tensor:
        """u_hat and z_hat: (B, w)."""
        if not self.gradient:
            return self.equation.surrogate.value(t, x)[:, None]
        u, z = slope(self.equation.surrogate, t, x, self.equation.diffusion(t, x))
        return self.columns(torch.cat([u[:, None], z], 1))
