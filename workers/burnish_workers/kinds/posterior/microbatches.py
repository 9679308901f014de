"""Fixed, padded micro-batches: what a row comes to does not depend on which rows are computed beside it, bit by bit.

Matrix products and convolutions are summed in an order that depends on their size. So a network is only ever given
one size of batch, in memory of its own: then rows of several islands and jobs can share it, and do where blocks of jobs
with the same network run beside each other (`core.rendezvous`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from burnish_workers.core.rendezvous import HERE
from burnish_workers.kinds.posterior.denoisers import UNCONDITIONAL, Denoiser
from burnish_workers.kinds.posterior.noise import Noise

_Rows = tuple[Tensor, Noise, Tensor | None]


@dataclass(frozen=True, eq=False)
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
        if x.requires_grad:  # derivatives do not cross from one block to another
            return self._all(x, noise, label)
        return HERE.call(self, self._together, (x, noise, label), len(x))

    def _together(self, asked: Sequence[_Rows]) -> list[Tensor]:
        """Rows of several blocks, packed one behind the other."""
        if len(asked) == 1:
            return [self._all(*asked[0])]
        x = torch.cat([rows[0] for rows in asked])
        alpha, sigma, time = (torch.cat([getattr(rows[1], n) for rows in asked]) for n in ("alpha", "sigma", "time"))
        found = self._all(x, Noise(alpha, sigma, time), _labels(asked))
        return [part.clone() for part in found.split([len(rows[0]) for rows in asked])]

    def _all(self, x: Tensor, noise: Noise, label: Tensor | None) -> Tensor:
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


def _labels(asked: Sequence[_Rows]) -> Tensor | None:
    if all(label is None for _, _, label in asked):
        return None
    none = [torch.full((len(x),), UNCONDITIONAL, device=x.device) for x, _, _ in asked]
    return torch.cat([other if label is None else label for other, (_, _, label) in zip(none, asked, strict=True)])
