"""Values that carry what the generator of a diffusion makes of them: the numbers of the forward Laplacian.

For a value h that depends on (t, x), with directions sigma_1 .. sigma_k at each sample,

    P_i = <sigma_i, grad h>,     G = d_t h + <mu, grad h> + 1/2 sum_i sigma_i^T (Hess h) sigma_i.

A function f of values h_1 .. h_m passes both on, elementwise or not:

    P_i(f) = sum_j f_j P_i(h_j),     G(f) = sum_j f_j G(h_j) + 1/2 sum_jl f_jl sum_i P_i(h_j) P_i(h_l).

Source: R. Li et al., "A computational framework for neural network-based variational Monte Carlo with Forward
Laplacian", Nature Machine Intelligence 6 (2024); with a drift and a time derivative, both of first order, carried in G.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True, slots=True)
class Diagonal:
    """P_i(..., j) = entries(..., i) where j = i + offset, and 0 elsewhere: what x and functions of each x_j carry.

    Numbers of size d in place of d^2. j runs over the last axis of the value.
    """

    entries: Tensor
    offset: int = 0

    @property
    def count(self) -> int:
        """k."""
        return self.entries.shape[-1]

    def dense(self, width: int) -> Tensor:
        """All entries, zeros included: (k, ..., width)."""
        return pad(torch.diag_embed(self.entries).movedim(-2, 0), (self.offset, width - self.offset - self.count))

    def padded(self, along: Tensor, width: int) -> Tensor:
        """`along` (..., k) put where the diagonal lies: (..., width)."""
        return pad(along, (self.offset, width - self.offset - self.count))

    def within(self, factor: Tensor) -> Tensor:
        """The part of a factor (..., width) or (..., 1) that meets the diagonal."""
        if factor.ndim == 0 or factor.shape[-1] == 1:
            return factor
        return factor[..., self.offset : self.offset + self.count]


Tangents = Tensor | Diagonal | None


@dataclass(frozen=True, slots=True)
class Dual:
    """A value h, its tangents P and its generated G; None stands for zero.

    P as a tensor has shape (k, *s), G has shape s', where s and s' have as many axes as h and may be 1 in any of them
    (what is the same for all samples is kept once). `own`: nothing else looks at the memory of P.
    """

    value: Tensor
    tangents: Tangents = None
    generated: Tensor | None = None
    own: bool = False

    @property
    def constant(self) -> bool:
        """It does not depend on (t, x)."""
        return self.tangents is None and self.generated is None

    @property
    def width(self) -> int:
        """Length of the last axis."""
        return self.value.shape[-1] if self.value.ndim else 1

    def dense(self) -> Tensor | None:
        """P as a tensor."""
        return self.tangents.dense(self.width) if isinstance(self.tangents, Diagonal) else self.tangents

    def densified(self) -> Dual:
        """The same with P as a tensor."""
        return replace(self, tangents=self.dense()) if isinstance(self.tangents, Diagonal) else self

    def full_generated(self) -> Tensor | None:
        """G with the shape of the value."""
        return None if self.generated is None else self.generated.expand(self.value.shape)

    def ranked(self, shape: Sequence[int]) -> Dual:
        """The same as part of something of that shape: axes of length 1 in front, as broadcasting adds them."""
        missing = len(shape) - self.value.ndim
        dual = self
        if isinstance(self.tangents, Diagonal) and (not self.value.ndim or self.width != shape[-1]):
            dual = self.densified()
        if not missing:
            return dual
        ones = (1,) * missing
        tangents = dual.tangents
        if isinstance(tangents, Diagonal):
            tangents = replace(tangents, entries=tangents.entries[(None,) * missing])
        elif tangents is not None:
            tangents = tangents.reshape(tangents.shape[0], *ones, *tangents.shape[1:])
        generated = None if dual.generated is None else dual.generated[(None,) * missing]
        return Dual(dual.value[(None,) * missing], tangents, generated)


def scaled(tangents: Tangents, factor: Tensor | float, own: bool = False) -> Tangents:
    """f P, for a factor of the value's number of axes, or a number. `own`: P's memory may be written over."""
    if tangents is None or (isinstance(factor, float) and factor == 1.0):
        return tangents
    if isinstance(tangents, Diagonal):
        met = tangents.within(factor) if isinstance(factor, Tensor) else factor
        return replace(tangents, entries=tangents.entries * met)
    if own and not torch.is_grad_enabled() and (not isinstance(factor, Tensor) or _fits(factor, tangents)):
        return tangents.mul_(factor)
    return tangents * factor


def _fits(factor: Tensor, tangents: Tensor) -> bool:
    sizes = zip(reversed(factor.shape), reversed(tangents.shape[1:]), strict=False)
    return factor.dtype == tangents.dtype and factor.ndim < tangents.ndim and all(n in (1, m) for n, m in sizes)


def added(a: Tangents, b: Tangents, width: int) -> Tangents:
    """P + Q, of values with as many axes and a last axis of `width`."""
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, Diagonal) and isinstance(b, Diagonal) and a.offset == b.offset:
        return replace(a, entries=a.entries + b.entries)
    dense = (tangents.dense(width) if isinstance(tangents, Diagonal) else tangents for tangents in (a, b))
    return sum_of(*dense)


def sum_of(*parts: Tensor | None) -> Tensor | None:
    """The sum of what is there."""
    total: Tensor | None = None
    for part in parts:
        total = part if total is None else total if part is None else total + part
    return total


def crossed(a: Tangents, b: Tangents, width: int) -> Tensor | None:
    """sum_i P_i Q_i, of values with as many axes and a last axis of `width`."""
    if a is None or b is None:
        return None
    if isinstance(a, Diagonal) and isinstance(b, Diagonal) and a.offset == b.offset:
        return a.padded(a.entries * b.entries, width)
    left, right = (tangents.dense(width) if isinstance(tangents, Diagonal) else tangents for tangents in (a, b))
    return (left * right).sum(0)


def chain(a: Dual, value: Tensor, first: Tensor | float, second: Tensor | None) -> Dual:
    """f(a) elementwise, from the value f, the slope f' and the bend f'' (None: zero) at a."""
    squares = None if second is None else crossed(a.tangents, a.tangents, a.width)
    generated = None if a.generated is None else first * a.generated
    if squares is not None and second is not None:
        generated = 0.5 * second * squares if generated is None else generated.addcmul(second, squares, value=0.5)
    tangents = scaled(a.tangents, first, a.own)
    return Dual(value, tangents, generated, own=a.own or tangents is not a.tangents)


def composed(
    value: Tensor,
    duals: Sequence[Dual],
    first: Sequence[Tensor | float],
    second: Sequence[Sequence[Tensor | float | None]],
) -> Dual:
    """f(h_1 .. h_m) elementwise with broadcasting, from partial derivatives f_j and f_jl, l <= j (None: zero)."""
    ranked = [dual.ranked(value.shape) for dual in duals]
    width = value.shape[-1] if value.ndim else 1
    tangents: Tangents = None
    generated: Tensor | None = None
    for j, (dual, slope) in enumerate(zip(ranked, first, strict=True)):
        tangents = added(tangents, scaled(dual.tangents, slope), width)
        generated = sum_of(generated, None if dual.generated is None else slope * dual.generated)
        for k, bend in enumerate(second[j]):
            cross = None if bend is None else crossed(dual.tangents, ranked[k].tangents, width)
            if cross is not None and bend is not None:
                generated = sum_of(generated, (0.5 if k == j else 1.0) * bend * cross)
    return Dual(value, tangents, generated)


def multiply(a: Dual, b: Dual) -> Dual:
    """a b, elementwise with broadcasting."""
    return composed(a.value * b.value, (a, b), (b.value, a.value), ((None,), (1.0, None)))


def add(a: Dual, b: Dual, scale: float = 1.0) -> Dual:
    """a + scale b."""
    return composed(a.value + scale * b.value, (a, b), (1.0, scale), ((None,), (None, None)))


def scale(a: Dual, factor: Tensor | float) -> Dual:
    """factor a, for a factor that does not depend on (t, x)."""
    if isinstance(factor, Tensor):
        return multiply(a, Dual(factor))
    return chain(a, factor * a.value, factor, None)
