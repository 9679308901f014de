"""Rules of sums, means, extremes, norms, products, spreads and of the normalisations that are made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from burnish_workers.tensors.duals import Dual, add, chain, crossed, multiply, scale, sum_of
from burnish_workers.tensors.rules.axes import count, mapped, moved_to, reshaped, shifted, total


def sums(out: Tensor, self: Dual, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Dual:
    a = self if dtype is None else moved_to(self, out.dtype)
    return replace(total(a, dim, keepdim), value=out)


def means(out: Tensor, self: Dual, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Dual:
    a = self if dtype is None else moved_to(self, out.dtype)
    return replace(mean(a, dim, keepdim), value=out)


def mean(a: Dual, dims: Sequence[int] | None, keepdim: bool = False) -> Dual:
    """The mean over `dims`."""
    return scale(total(a, dims, keepdim), 1.0 / count(a, dims))


def extreme(out: Tensor, self: Dual, dim: Sequence[int] = (), keepdim: bool = False) -> Dual:
    """`amax`, `amin`: the derivative of the entry that is taken; shared where several are equal, as torch does."""
    dims = list(dim) or list(range(self.value.ndim))
    top = out
    if not keepdim:
        for place in sorted(d % self.value.ndim for d in dims):
            top = top.unsqueeze(place)
    taken = (self.value == top).to(self.value.dtype)
    return replace(total(scale(self, taken / taken.sum(dims, keepdim=True)), dims, keepdim), value=out)


def extreme_with_place(out: Sequence[Tensor], self: Dual, dim: int, keepdim: bool = False) -> list[Dual]:
    """`max.dim`, `min.dim`: the value and where it stands."""
    values, places = out
    at = places if keepdim else places.unsqueeze(dim)

    def function(part: Tensor, lead: int) -> Tensor:
        index = at.expand(*part.shape[:lead], *at.shape)
        found = part.gather(shifted(dim, lead), index)
        return found if keepdim else found.squeeze(shifted(dim, lead))

    return [mapped(values, self, None, function), Dual(places)]


def logsumexp(out: Tensor, self: Dual, dim: Sequence[int], keepdim: bool = False) -> Dual:
    """P(f) = sum p P and G(f) = sum p G + 1/2 sum_i [sum p P_i^2 - (sum p P_i)^2] with p the softmax."""
    dims = [d % self.value.ndim for d in dim]
    top = out
    if not keepdim:
        for place in sorted(dims):
            top = top.unsqueeze(place)
    p = torch.exp(self.value - top)
    found = total(scale(self, p), dims, keepdim)
    squares = crossed(self.tangents, self.tangents, self.width)
    curved = None
    if squares is not None:
        squares = (p * squares).sum(dims, keepdim=keepdim)
        curved = sum_of(squares, _negative(crossed(found.tangents, found.tangents, found.width)))
    return Dual(out, found.tangents, sum_of(found.generated, None if curved is None else 0.5 * curved))


def softmax(out: Tensor, self: Dual, dim: int, **_: Any) -> Dual:
    """p = exp(x) / sum exp(x): P(p) = p C and G(p) = p [G - sum p G + 1/2 sum_i (C_i^2 - sum p C_i^2)], where
    C_i = P_i - sum p P_i."""
    a = moved_to(self, out.dtype)
    centred = add(a, total(scale(a, out), (dim,), True), -1.0)
    squares = crossed(centred.tangents, centred.tangents, out.shape[-1] if out.ndim else 1)
    inner = centred.generated
    if squares is not None:
        inner = sum_of(inner, 0.5 * (squares - (out * squares).sum(dim, keepdim=True)))
    tangents = centred.dense()
    return Dual(out, None if tangents is None else out * tangents, None if inner is None else out * inner, own=True)


def log_softmax(out: Tensor, self: Dual, dim: int, **_: Any) -> Dual:
    """x - logsumexp(x)."""
    a = moved_to(self, out.dtype)
    return replace(add(a, logsumexp(a.value.logsumexp(dim, keepdim=True), a, (dim,), True), -1.0), value=out)


def _negative(part: Tensor | None) -> Tensor | None:
    return None if part is None else -part


def norm(out: Tensor, self: Dual, ord: float = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Dual:
    """(sum |x|^p)^(1/p)."""
    a = self if dtype is None else moved_to(self, out.dtype)
    x = a.value
    if ord == 0:
        return Dual(out)
    if math.isinf(ord):
        size = chain(a, x.abs(), torch.sign(x), None)
        dims = list(range(x.ndim)) if not dim and dim != 0 else [dim] if isinstance(dim, int) else dim
        return extreme(out, size, dims, keepdim)
    dims = [dim] if isinstance(dim, int) else dim
    if ord == 1:
        return replace(total(chain(a, x.abs(), torch.sign(x), None), dims, keepdim), value=out)
    size = x.abs()
    powers = chain(a, size**ord, ord * torch.sign(x) * size ** (ord - 1), ord * (ord - 1) * size ** (ord - 2))
    inner = total(powers, dims, keepdim)
    slope = out ** (1 - ord) / ord
    return chain(replace(inner, own=False), out, slope, (1 - ord) / ord * slope / out**ord)


def norm_by_name(out: Tensor, self: Dual, p: Any = 2, dim: Any = (), keepdim: bool = False) -> Dual:
    """`norm.ScalarOpt_dim`."""
    return norm(out, self, 2 if p is None else p, dim, keepdim)


def product_of(a: Dual, dim: int, keepdim: bool = False) -> Dual:
    """The product along an axis, factor by factor: entries may be zero."""
    result: Dual | None = None
    for i in range(a.value.shape[dim]):
        entry = mapped(a.value.select(dim, i), a, (dim,), lambda part, lead, i=i: part.select(shifted(dim, lead), i))
        result = entry if result is None else multiply(result, entry)
    assert result is not None
    return reshaped(result.value.unsqueeze(dim), result) if keepdim else result


def product(out: Tensor, self: Dual, dim: int, keepdim: bool = False, dtype: Any = None) -> Dual:
    """`prod` along an axis."""
    if not self.value.shape[dim]:
        return Dual(out)
    a = self if dtype is None else moved_to(self, out.dtype)
    return replace(product_of(a, dim, keepdim), value=out)


def product_of_all(out: Tensor, self: Dual, dtype: Any = None) -> Dual:
    """`prod` of everything."""
    return product(out, reshaped(self.value.reshape(-1), self), 0, False, dtype)


def spread(a: Dual, dims: Sequence[int] | None, correction: float | None, keepdim: bool) -> tuple[Dual, Dual]:
    """Variance and mean over `dims`; divided by n - correction, 1 where it is not given."""
    correction = 1.0 if correction is None else correction
    centre = mean(a, dims, True)
    centred = add(a, centre, -1.0)
    squares = chain(replace(centred, own=False), centred.value**2, 2 * centred.value, torch.full_like(centred.value, 2))
    return scale(total(squares, dims, keepdim), 1 / (count(a, dims) - correction)), mean(a, dims, keepdim)


def variance(out: Tensor, self: Dual, dim: Any = None, correction: Any = None, keepdim: bool = False) -> Dual:
    return replace(spread(self, dim, correction, keepdim)[0], value=out)


def deviation(out: Tensor, self: Dual, dim: Any = None, correction: Any = None, keepdim: bool = False) -> Dual:
    return root(spread(self, dim, correction, keepdim)[0], out)


def variance_by_bool(out: Tensor, self: Dual, dim: Any = None, unbiased: bool = True, keepdim: bool = False) -> Dual:
    """`var.dim`."""
    return variance(out, self, dim, int(unbiased), keepdim)


def deviation_by_bool(out: Tensor, self: Dual, dim: Any = None, unbiased: bool = True, keepdim: bool = False) -> Dual:
    """`std.dim`."""
    return deviation(out, self, dim, int(unbiased), keepdim)


def variance_and_mean(
    out: Sequence[Tensor], self: Dual, dim: Any = None, correction: Any = None, keepdim: bool = False
) -> list[Dual]:
    both = spread(self, dim, correction, keepdim)
    return [replace(dual, value=value) for dual, value in zip(both, out, strict=True)]


def root(a: Dual, value: Tensor | None = None) -> Dual:
    """sqrt(a)."""
    value = a.value.sqrt() if value is None else value
    slope = 0.5 / value
    return chain(replace(a, own=False), value, slope, -0.5 * slope / a.value)


def inverse_root(a: Dual, epsilon: float) -> Dual:
    """(a + epsilon)^(-1/2)."""
    shifted_value = a.value + epsilon
    value = shifted_value.rsqrt()
    slope = -0.5 * value / shifted_value
    return chain(replace(a, own=False), value, slope, -1.5 * slope / shifted_value)


def normalised(a: Dual, dims: Sequence[int], epsilon: float) -> tuple[Dual, Dual, Dual]:
    """(a - mean) / sqrt(variance + epsilon), the mean, and 1 / sqrt(...), the last two with their axes kept."""
    spread_of, centre = spread(a, dims, 0, True)
    inverse = inverse_root(spread_of, epsilon)
    return multiply(add(a, centre, -1.0), inverse), centre, inverse


def affine(a: Dual, weight: Any, bias: Any) -> Dual:
    """a weight + bias, where they are given."""
    a = a if weight is None else multiply(a, weight)
    return a if bias is None else add(a, bias)


def layer_norm(
    out: Tensor,
    input: Dual,
    normalized_shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    **_: Any,
) -> Dual:
    dims = range(-len(normalized_shape), 0)
    return replace(affine(normalised(input, dims, eps)[0], weight, bias), value=out)


def native_layer_norm(
    out: Sequence[Tensor], input: Dual, normalized_shape: Sequence[int], weight: Any, bias: Any, eps: float
) -> list[Dual]:
    first, centre, inverse = normalised(input, range(-len(normalized_shape), 0), eps)
    duals = (affine(first, weight, bias), centre, inverse)
    return [replace(dual, value=value) for dual, value in zip(duals, out, strict=True)]


def rms_norm(
    out: Tensor, input: Dual, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None
) -> Dual:
    dims = range(-len(normalized_shape), 0)
    square = chain(replace(input, own=False), input.value**2, 2 * input.value, torch.full_like(input.value, 2))
    epsilon = torch.finfo(input.value.dtype).eps if eps is None else eps
    inverse = inverse_root(mean(square, dims, True), epsilon)
    return replace(affine(multiply(input, inverse), weight, None), value=out)


def _by_groups(a: Dual, rows: int, channels: int, groups: int, weight: Any, bias: Any, eps: float) -> list[Dual]:
    shape = a.value.shape
    grouped, centre, inverse = normalised(reshaped(a.value.reshape(rows, groups, -1), a), (-1,), eps)
    apart = reshaped(grouped.value.reshape(rows, channels, -1), grouped)
    column = [None if part is None else Dual(part.value[:, None]) for part in (weight, bias)]
    whole = affine(apart, *column)
    flat = [reshaped(dual.value.reshape(rows, groups), dual) for dual in (centre, inverse)]
    return [reshaped(whole.value.reshape(shape), whole), *flat]


def group_norm(
    out: Tensor, input: Dual, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, **_: Any
) -> Dual:
    rows, channels = input.value.shape[:2]
    return replace(_by_groups(input, rows, channels, num_groups, weight, bias, eps)[0], value=out)


def native_group_norm(
    out: Sequence[Tensor], input: Dual, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float
) -> list[Dual]:
    duals = _by_groups(input, N, C, group, weight, bias, eps)
    return [replace(dual, value=value) for dual, value in zip(duals, out, strict=True)]
