"""The diffusion coefficient sigma of dX = mu dt + sigma dW, in the three forms a problem may state it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Form = Literal["scalar", "diagonal", "matrix"]
_RANKS: dict[Form, tuple[int, ...]] = {"scalar": (0, 1), "diagonal": (1, 2), "matrix": (2,)}


@dataclass(frozen=True, slots=True)
class Diffusion:
    """sigma as a linear map R^k -> R^d, one per sample; never inverted.

    | form     | tensor          | sigma                        | k |
    |----------|-----------------|------------------------------|---|
    | scalar   | () or (B,)      | s Id                         | d |
    | diagonal | (d,) or (B, d)  | diag(s_1 .. s_d)             | d |
    | matrix   | (d, k)          | constant, k may differ from d| k |

    Raises ValueError when the tensor's rank does not fit the form.
    """

    tensor: Tensor
    form: Form

    def __post_init__(self) -> None:
        if self.form not in _RANKS:
            raise ValueError(f"unknown form of diffusion {self.form!r}; known: {', '.join(_RANKS)}")
        if self.tensor.ndim not in _RANKS[self.form]:
            ranks = " or ".join(str(rank) for rank in _RANKS[self.form])
            raise ValueError(
                f"a {self.form} diffusion needs a tensor of rank {ranks}, got shape {tuple(self.tensor.shape)}"
            )

    @property
    def per_sample(self) -> bool:
        """Whether sigma differs between the samples of a batch."""
        return self.form != "matrix" and self.tensor.ndim == _RANKS[self.form][-1]

    def noise_dim(self, dim: int) -> int:
        """k, the number of Brownian motions in dimension `dim`."""
        return self.tensor.shape[1] if self.form == "matrix" else dim

    def apply(self, noise: Tensor) -> Tensor:
        """sigma N: (B, k) -> (B, d)."""
        if self.form == "matrix":
            return noise @ self.tensor.T
        return noise * self._factors()

    def transpose(self, grad: Tensor) -> Tensor:
        """sigma^T g: (B, d) -> (B, k)."""
        if self.form == "matrix":
            return grad @ self.tensor
        return grad * self._factors()

    def left_multiply(self, weight: Tensor) -> Tensor:
        """W sigma for a matrix W (w, d): (w, k, 1) where all samples share sigma, else (w, k, B)."""
        if self.form == "matrix":
            return (weight @ self.tensor)[:, :, None]
        if self.form == "scalar":
            return weight[:, :, None] * self.tensor
        return weight[:, :, None] * (self.tensor.T if self.per_sample else self.tensor[:, None])

    def columns(self, dim: int) -> Tensor:
        """The k columns of sigma: (d, k, 1) or (d, k, B)."""
        return self.left_multiply(torch.eye(dim, dtype=self.tensor.dtype, device=self.tensor.device))

    def rows(self, start: int, stop: int) -> Diffusion:
        """The diffusion of samples start..stop of the batch."""
        return Diffusion(self.tensor[start:stop], self.form) if self.per_sample else self

    def _factors(self) -> Tensor:
        return self.tensor[:, None] if self.form == "scalar" and self.per_sample else self.tensor
