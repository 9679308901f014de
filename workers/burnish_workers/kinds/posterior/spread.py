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
    def none(cls, dim: int, like: Tensor) -> Spread:
        """C = 0: the estimate is the clean sample."""
        return cls(torch.zeros(dim, dtype=like.dtype, device=like.device))

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
