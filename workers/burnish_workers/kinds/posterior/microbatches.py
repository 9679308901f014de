"""Fixed, padded micro-batches: what a row comes to does not depend on which rows are computed beside it, bit by bit.

Matrix products and convolutions are summed in an order that depends on their size. So a network is only ever given
one size of batch, in memory of its own: then rows of several islands and jobs can share it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from burnish_workers.kinds.posterior.denoisers import Denoiser
from burnish_workers.kinds.posterior.noise import Noise


@dataclass(frozen=True)
class MicroBatches:
    """A denoiser of any number of rows, computed `size` at a time."""

    inner: Denoiser
    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"micro-batches have at least one row, got {self.size}")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.inner.dtype

    def __call__(self, x: Tensor, noise: Noise, label: Tensor | None = None) -> Tensor:
        """x0_hat; see `Denoiser`."""
        if len(x) == 0:
            return x.clone()
        parts = [self._part(start, x, noise, label) for start in range(0, len(x), self.size)]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _part(self, start: int, x: Tensor, noise: Noise, label: Tensor | None) -> Tensor:
        # The last row is repeated: a value that the network is asked for anyhow. Indexing copies: a slice would lie
        # in memory wherever its neighbours end, and alignment decides how rows are vectorised.
        index = torch.arange(start, start + self.size, device=x.device).clamp_max(len(x) - 1)
        level = Noise(noise.alpha[index], noise.sigma[index], noise.time[index])
        found = self.inner(x[index], level, None if label is None else label[index])
        return found[: min(self.size, len(x) - start)]
