"""How far a denoiser's estimate is from the clean sample at one noise level: the covariance of its residual.

Imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Spread:
    """C = diag(diagonal) + factor factor^T. diagonal (d,) >= 0; factor (d, r), None where C is diagonal."""

    diagonal: Tensor
    factor: Tensor | None = None

    @classmethod
    def none(cls, dim: int, dtype: torch.dtype, device: torch.device) -> Spread:
        """C = 0: the estimate is the clean sample."""
        return cls(torch.zeros(dim, dtype=dtype, device=device))

    @classmethod
    def of(cls, covariance: Tensor) -> Spread:
        """From a diagonal (d,) or a symmetric positive semi-definite matrix (d, d)."""
        if covariance.ndim == 1:
            return cls(covariance.clamp_min(0))
        values, axes = torch.linalg.eigh(covariance.double())
        factor = (axes * values.clamp_min(0).sqrt()).to(covariance.dtype)
        return cls(torch.zeros_like(covariance[0]), factor)

    def scaled(self, by: float) -> Spread:
        """C times a number."""
        return Spread(by * self.diagonal, None if self.factor is None else by**0.5 * self.factor)

    def times(self, matrix: Tensor) -> Tensor:
        """C matrix, (d, q)."""
        own = self.diagonal[:, None] * matrix
        return own if self.factor is None else own + self.factor @ (self.factor.T @ matrix)

    def apply(self, rows: Tensor) -> Tensor:
        """C row of each row, (..., d)."""
        own = self.diagonal * rows
        return own if self.factor is None else own + (rows @ self.factor) @ self.factor.T

    def draw(self, normal: Tensor, more: Tensor | None) -> Tensor:
        """Draws of N(0, C) from standard normals (..., d) and, where there is a factor, (..., r)."""
        own = self.diagonal.sqrt() * normal
        return own if self.factor is None or more is None else own + more @ self.factor.T
