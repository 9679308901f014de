"""What is linear and moves or sums entries: applied to h, P and G alike, with the k directions as one axis in front."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from burnish_workers.tensors.duals import Diagonal, Dual, Tangents

Map = Callable[[Tensor, int], Tensor]
"""Of a tensor with so many axes in front of the value's own."""


def shifted(dim: int, lead: int) -> int:
    """An axis of the value, as an axis of a tensor with `lead` more in front."""
    return dim + lead if dim >= 0 else dim


def opened(part: Tensor | None, shape: Sequence[int], dims: Sequence[int], lead: int) -> Tensor | None:
    """`part` with its axes `dims` at their full length (the others may be 1 for what is the same everywhere)."""
    if part is None:
        return None
    full = {dim % len(shape) for dim in dims} if shape else set()
    sizes = [n if i in full else part.shape[lead + i] for i, n in enumerate(shape)]
    return part.expand(*part.shape[:lead], *sizes)


def mapped(out: Tensor, a: Dual, dims: Sequence[int] | None, function: Map) -> Dual:
    """A linear map that works along the axes `dims` (None: along all)."""
    shape, dims = a.value.shape, range(a.value.ndim) if dims is None else dims
    tangents, generated = opened(a.dense(), shape, dims, 1), opened(a.generated, shape, dims, 0)
    return Dual(
        out,
        None if tangents is None else function(tangents, 1),
        None if generated is None else function(generated, 0),
    )


def totals(tangents: Tangents, value: Tensor, dims: Sequence[int], keepdim: bool) -> Tensor | None:
    """sum of P over axes of the value; a diagonal summed along itself costs nothing."""
    if tangents is None:
        return None
    places = {dim % value.ndim for dim in dims} if value.ndim else set()
    if isinstance(tangents, Diagonal):
        if places == {value.ndim - 1}:
            moved = tangents.entries.movedim(-1, 0)
            return moved.unsqueeze(-1) if keepdim else moved
        tangents = tangents.dense(value.shape[-1])
    if not places:
        return tangents
    full = opened(tangents, value.shape, sorted(places), 1)
    assert full is not None
    return full.sum([place + 1 for place in sorted(places)], keepdim=keepdim)


def total(a: Dual, dims: Sequence[int] | None, keepdim: bool = False) -> Dual:
    """sum of a over `dims` (None or none given: over all)."""
    dims = list(range(a.value.ndim)) if not dims else list(dims)
    generated = a.full_generated()
    value = a.value.sum(dims, keepdim=keepdim) if dims else a.value
    if generated is not None and dims:
        generated = generated.sum(dims, keepdim=keepdim)
    return Dual(value, totals(a.tangents, a.value, dims, keepdim), generated)


def count(a: Dual, dims: Sequence[int] | None) -> int:
    """How many entries a sum over `dims` adds up."""
    return math.prod(a.value.shape[dim] for dim in dims or range(a.value.ndim))


def unsqueezed(a: Dual, dim: int, out: Tensor | None = None) -> Dual:
    """A new axis of length 1."""
    out = a.value.unsqueeze(dim) if out is None else out
    place = dim % out.ndim
    if isinstance(a.tangents, Diagonal) and place < out.ndim - 1:
        tangents = Diagonal(a.tangents.entries.unsqueeze(place), a.tangents.offset)
        return Dual(out, tangents, None if a.generated is None else a.generated.unsqueeze(place))
    return mapped(out, a, (), lambda part, lead: part.unsqueeze(place + lead))


def transposed(a: Dual, dim0: int, dim1: int, out: Tensor | None = None) -> Dual:
    """Two axes exchanged."""
    out = a.value.transpose(dim0, dim1) if out is None else out
    return mapped(out, a, (), lambda part, lead: part.transpose(shifted(dim0, lead), shifted(dim1, lead)))


def reshaped(out: Tensor, a: Dual) -> Dual:
    """The same entries in the same order. Where axis 0 stays, what is the same along it is kept once."""
    shape, rows = a.value.shape, out.shape[1:]
    together = bool(shape) and bool(out.ndim) and shape[0] == out.shape[0]
    if isinstance(a.tangents, Diagonal) and shape == out.shape:
        return Dual(out, a.tangents, a.generated)
    dims = range(1, len(shape)) if together else range(len(shape))

    def function(part: Tensor, lead: int) -> Tensor:
        first = part.shape[lead : lead + 1] if together else out.shape[:1]
        return part.reshape((*part.shape[:lead], *first, *rows))

    return mapped(out, a, dims, function)


def moved_to(a: Dual, dtype: torch.dtype) -> Dual:
    """Another type of numbers."""
    if not dtype.is_floating_point:
        return Dual(a.value.to(dtype))
    tangents = a.tangents
    if isinstance(tangents, Diagonal):
        tangents = Diagonal(tangents.entries.to(dtype), tangents.offset)
    elif tangents is not None:
        tangents = tangents.to(dtype)
    return Dual(a.value.to(dtype), tangents, None if a.generated is None else a.generated.to(dtype))
