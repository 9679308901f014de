"""The forward Laplacian of any field that carries duals: one pass for all directions, in chunks that fit a cache."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.duals import Diagonal, Dual, Tangents
from burnish_workers.tensors.jets import Jet, attached

# Tangents of one node kept in flight per chunk: about 1.6 MB of float32 stay near a core, and hide what a node costs
# by itself (5x50 MLP, d = 20: 54,000, 71,000, 78,000 jets per CPU-second with 140, 280 and 560 thousand on a busy
# machine); a GPU wants large launches instead.
CPU_CHUNK_ELEMENTS = 400_000
GPU_CHUNK_ELEMENTS = 1 << 28


class Carrier(Protocol):
    """A field whose operations pass on tangents and the generator."""

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """u: t (B,), x (B, d) -> (B,)."""
        ...

    @property
    def breadth(self) -> int:
        """Most entries of a tangent, for one sample and one direction, that any operation makes."""
        ...

    def carry(self, t: Dual, x: Dual) -> Dual:
        """u with what it carries, from t (B,) and x (B, d)."""
        ...


def columns_of(diffusion: Diffusion, dim: int) -> Tangents:
    """The tangents of x along the columns of sigma: diagonal where sigma is."""
    if diffusion.form == "matrix":
        return diffusion.tensor.T[:, None, :]
    entries = diffusion.tensor
    if diffusion.form == "scalar":
        entries = entries.reshape(-1, 1).expand(-1, dim)
    return Diagonal(entries if entries.ndim == 2 else entries[None])


def forward_jet(field: Carrier, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion) -> Jet:
    """u, z = sigma^T grad u and generated, exact: t (B,), x (B, d), drift (B, d). Draws nothing.

    Works with and without autograd; with it, all parts can be differentiated in t and x.
    """
    count = diffusion.noise_dim(x.shape[1])

    def rows(i: int, j: int) -> Jet:
        tangents = columns_of(diffusion.rows(i, j), x.shape[1])
        return _jet(carried(field, t[i:j], x[i:j], drift[i:j], tangents), count, x[i:j])

    return in_chunks(rows, len(t), chunk_of(field.breadth * count, x.device))


def carried(field: Carrier, t: Tensor, x: Tensor, drift: Tensor, tangents: Tangents) -> Dual:
    """u along any directions: `tangents` of x, (m, B, d)."""
    return field.carry(Dual(t, None, torch.ones_like(t)), Dual(x, tangents, drift))


def _jet(dual: Dual, count: int, x: Tensor) -> Jet:
    rows = len(x)
    tangents = dual.dense()
    z = x.new_zeros(rows, count) if tangents is None else tangents.expand(count, rows).T
    generated = x.new_zeros(rows) if dual.generated is None else dual.generated.expand(rows)
    return Jet(*(attached(part.to(x.dtype), x) for part in (dual.value, z, generated)))


def chunk_of(elements: int, device: torch.device) -> int:
    """Samples at once where each takes so many elements."""
    budget = GPU_CHUNK_ELEMENTS if device.type == "cuda" else CPU_CHUNK_ELEMENTS
    return max(16, budget // max(1, elements))


def in_chunks(rows: Callable[[int, int], Jet], count: int, chunk: int) -> Jet:
    """The jets of samples i..j for all of them, so many at once.

    Autograd keeps one chunk at a time and runs the others again when it goes backwards: all tangents of 4,096 samples
    of a 5x50 network in d = 100 would take 82 MB for every operation.
    """
    if count <= chunk:
        return rows(0, count)
    bounds = itertools.pairwise([*range(0, count, chunk), count])
    if torch.is_grad_enabled():
        parts = [checkpoint(rows, i, j, use_reentrant=False, preserve_rng_state=False) for i, j in bounds]
    else:
        parts = [rows(i, j) for i, j in bounds]
    return Jet(*(torch.cat(column) for column in zip(*parts, strict=True)))
