"""Rules of operators that only move entries: reshaping, cutting, joining, repeating."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from burnish_workers.tensors.duals import Diagonal, Dual, Tangents
from burnish_workers.tensors.rules.axes import (
    mapped,
    moved_to,
    opened,
    reshaped,
    shifted,
    transposed,
    unsqueezed,
)


def same(out: Tensor, self: Dual, **_: Any) -> Dual:
    """`alias`, `clone`, `contiguous`."""
    return replace(self, value=out, own=False)


def retyped(out: Tensor, self: Dual, **_: Any) -> Dual:
    """`_to_copy`, `to`."""
    return replace(moved_to(self, out.dtype), value=out)


def reshape(out: Tensor, self: Dual, **_: Any) -> Dual:
    """`view`, `reshape`, `flatten`, `unflatten`, `squeeze`."""
    return reshaped(out, self)


def unsqueeze(out: Tensor, self: Dual, dim: int) -> Dual:
    return unsqueezed(self, dim, out)


def transpose(out: Tensor, self: Dual, dim0: int, dim1: int) -> Dual:
    return transposed(self, dim0, dim1, out)


def transpose_matrix(out: Tensor, self: Dual) -> Dual:
    """`t`: of a matrix; a vector stays."""
    return transposed(self, 0, 1, out) if self.value.ndim == 2 else same(out, self)


def permute(out: Tensor, self: Dual, dims: Sequence[int]) -> Dual:
    axes = [dim % self.value.ndim for dim in dims]
    return mapped(out, self, (), lambda part, lead: part.permute(*range(lead), *(axis + lead for axis in axes)))


def movedim(out: Tensor, self: Dual, source: int, destination: int) -> Dual:
    def move(part: Tensor, lead: int) -> Tensor:
        return part.movedim(shifted(source, lead), shifted(destination, lead))

    return mapped(out, self, (), move)


def expand(out: Tensor, self: Dual, **_: Any) -> Dual:
    """`expand`, `expand_as`: what is the same along an axis is not repeated."""
    ranked = self.ranked(out.shape)
    return Dual(out, ranked.tangents, ranked.generated)


def select(out: Tensor, self: Dual, dim: int, index: int) -> Dual:
    """One entry along an axis; of a diagonal, one direction."""
    diagonal, last = self.tangents, self.value.ndim - 1
    if isinstance(diagonal, Diagonal) and dim % self.value.ndim == last:
        place = index % self.width - diagonal.offset
        generated = opened(self.generated, self.value.shape, (dim,), 0)
        moved = None
        if 0 <= place < diagonal.count:
            entry = diagonal.entries[..., place][None]
            moved = pad(entry, [0, 0] * (entry.ndim - 1) + [place, diagonal.count - 1 - place])
        return Dual(out, moved, None if generated is None else generated.select(dim, index))
    return mapped(out, self, (dim,), lambda part, lead: part.select(shifted(dim, lead), index))


def narrow(out: Tensor, self: Dual, dim: int, start: int, length: int) -> Dual:
    if isinstance(start, Dual):
        start = int(start.value)
    start = start % self.value.shape[dim] if start < 0 else start
    return _cut(out, self, dim, start, start + length, 1)


def cut(out: Tensor, self: Dual, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Dual:
    """`slice`."""
    first, last, step = slice(start, end, step).indices(self.value.shape[dim])
    return _cut(out, self, dim, first, last, step)


def _cut(out: Tensor, self: Dual, dim: int, first: int, last: int, step: int) -> Dual:
    inside = _inside(self.tangents, first, last) if dim % self.value.ndim == self.value.ndim - 1 and step == 1 else None
    keep = (slice(first, last, step),)

    def function(part: Tensor, lead: int) -> Tensor:
        place = dim % self.value.ndim + lead
        return part[(slice(None),) * place + keep]

    if inside is None:
        return mapped(out, self, (dim,), function)
    generated = opened(self.generated, self.value.shape, (dim,), 0)
    return Dual(out, inside, None if generated is None else function(generated, 0))


def _inside(tangents: Tangents, first: int, last: int) -> Diagonal | None:
    """A diagonal that lies within the columns first..last, counted from there."""
    if not isinstance(tangents, Diagonal):
        return None
    within = first <= tangents.offset and tangents.offset + tangents.count <= last
    return Diagonal(tangents.entries, tangents.offset - first) if within else None


def pieces(call: Callable[..., Any]) -> Callable[..., list[Dual]]:
    """`split`, `chunk`, `unbind`: several values, each a linear map."""

    def rule(out: Sequence[Tensor], self: Dual, dim: int = 0, **how: Any) -> list[Dual]:
        shape = self.value.shape
        if isinstance(self.tangents, Diagonal) and dim % len(shape) == len(shape) - 1 and out[0].ndim == len(shape):
            ends = torch.tensor([0, *(part.shape[dim] for part in out)]).cumsum(0).tolist()
            return [_cut(part, self, dim, a, b, 1) for part, a, b in zip(out, ends, ends[1:], strict=False)]
        tangents, generated = opened(self.dense(), shape, (dim,), 1), opened(self.generated, shape, (dim,), 0)
        moved = None if tangents is None else call(tangents, dim=shifted(dim, 1), **how)
        driven = None if generated is None else call(generated, dim=dim, **how)
        nothing = [None] * len(out)
        return [Dual(*parts) for parts in zip(out, moved or nothing, driven or nothing, strict=True)]

    return rule


def cat(out: Tensor, tensors: Sequence[Dual], dim: int = 0) -> Dual:
    """Joined along an axis; a diagonal stays one where the others have no tangents."""
    place = dim % out.ndim
    tensors = [a for a in tensors if a.value.ndim == out.ndim]  # torch skips empty tensors of one axis
    varying = [a for a in tensors if a.tangents is not None]
    generated = _joined([a.generated for a in tensors], tensors, place, out, 0)
    if len(varying) == 1 and isinstance(varying[0].tangents, Diagonal) and place == out.ndim - 1:
        before = 0
        for a in tensors:
            if a is varying[0]:
                break
            before += a.value.shape[place]
        diagonal = varying[0].tangents
        return Dual(out, Diagonal(diagonal.entries, diagonal.offset + before), generated)
    return Dual(out, _joined([a.dense() for a in tensors], tensors, place, out, 1), generated)


def _joined(parts: Sequence[Tensor | None], duals: Sequence[Dual], place: int, out: Tensor, lead: int) -> Tensor | None:
    """The parts one after another, zeros where there is none; axes of length 1 stay where all of them have it."""
    there = [part for part in parts if part is not None]
    if not there:
        return None
    sizes = [max(part.shape[lead + i] for part in there) for i in range(out.ndim)]
    whole = []
    for part, dual in zip(parts, duals, strict=True):
        shape = [*there[0].shape[:lead], *sizes]
        shape[lead + place] = dual.value.shape[place]
        whole.append(out.new_zeros(shape) if part is None else part.expand(shape))
    return torch.cat(whole, place + lead)


def stack(out: Tensor, tensors: Sequence[Dual], dim: int = 0) -> Dual:
    place = dim % out.ndim
    return cat(out, [unsqueezed(a, place) for a in tensors], place)


def along_all(call: Callable[..., Tensor]) -> Callable[..., Dual]:
    """`constant_pad_nd` with zeros counts from the last axis: nothing to shift."""

    def rule(out: Tensor, self: Dual, pad: Sequence[int], value: float = 0) -> Dual:
        return mapped(out, self, None, lambda part, lead: call(part, list(pad), 0))

    return rule


def repeat(out: Tensor, self: Dual, **how: Any) -> Dual:
    """`repeat`, `tile`: copies, axes in front as broadcasting adds them."""
    (times,) = how.values()
    ranked = self.ranked(out.shape).densified()
    copies = [1] * (out.ndim - len(times)) + list(times)
    return mapped(out, ranked, None, lambda part, lead: part.repeat(*[1] * lead, *copies))


def flip(out: Tensor, self: Dual, dims: Sequence[int]) -> Dual:
    return mapped(out, self, dims, lambda part, lead: part.flip([shifted(dim, lead) for dim in dims]))


def roll(out: Tensor, self: Dual, shifts: Sequence[int], dims: Sequence[int] = ()) -> Dual:
    def function(part: Tensor, lead: int) -> Tensor:
        if dims:
            return part.roll(list(shifts), [shifted(dim, lead) for dim in dims])
        return part.flatten(lead).roll(list(shifts), lead).reshape(part.shape)

    return mapped(out, self, dims or None, function)


def diagonal(out: Tensor, self: Dual, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Dual:
    def function(part: Tensor, lead: int) -> Tensor:
        return part.diagonal(offset, shifted(dim1, lead), shifted(dim2, lead))

    return mapped(out, self, (dim1, dim2), function)


def cumsum(out: Tensor, self: Dual, dim: int, dtype: torch.dtype | None = None) -> Dual:
    return mapped(out, self, (dim,), lambda part, lead: part.cumsum(shifted(dim, lead), dtype=dtype))
