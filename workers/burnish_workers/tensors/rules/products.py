"""Rules of what is linear in each of its tensors: matrix products in their many forms, sums by einsum, distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_letters
from typing import Any

import torch
from torch import Tensor

from burnish_workers.tensors.duals import Diagonal, Dual, add, chain, composed, multiply, scale, sum_of
from burnish_workers.tensors.rules.axes import opened, reshaped, total, transposed, unsqueezed
from burnish_workers.tensors.rules.reductions import norm


def linear(out: Tensor, input: Dual, weight: Dual, bias: Dual | None = None) -> Dual:
    """x W^T + b."""
    turned = weight if weight.value.ndim < 2 else Dual(weight.value.T) if weight.constant else transposed(weight, 0, 1)
    result = contract(input, turned, out)
    return result if bias is None or bias.constant else replace(add(result, bias), value=out)


def matmul(
    out: Tensor, self: Dual, other: Dual | None = None, mat2: Any = None, vec: Any = None, tensor: Any = None
) -> Dual:
    """`matmul`, `mm`, `bmm`, `mv`, `dot`: they differ in what they accept."""
    right = next(given for given in (other, mat2, vec, tensor) if given is not None)
    return contract(self, right, out)


def add_product(out: Tensor, self: Dual, beta: float = 1, alpha: float = 1, **factors: Dual) -> Dual:
    """`addmm`, `addmv`, `baddbmm`: beta self + alpha a b."""
    left, right = factors.values()
    product = contract(left, right, out)
    product = product if alpha == 1 else scale(product, float(alpha))
    product = product if self.constant else add(product, self, float(beta))
    return replace(product, value=out)


def outer(out: Tensor, self: Dual, vec2: Dual) -> Dual:
    return multiply(unsqueezed(self, 1), unsqueezed(vec2, 0))


def contract(a: Dual, b: Dual, out: Tensor | None = None) -> Dual:
    """a @ b, with what torch.matmul makes of vectors and batches; `out` is its value, where that is known."""
    out = a.value @ b.value if out is None else out
    if a.value.ndim > 1 and b.value.ndim > 1:
        return _matrices(a, b, out)
    left = unsqueezed(a, 0) if a.value.ndim == 1 else a
    right = unsqueezed(b, 1) if b.value.ndim == 1 else b
    return reshaped(out, _matrices(left, right, left.value @ right.value))


def _matrices(a: Dual, b: Dual, value: Tensor) -> Dual:
    """a @ b of matrices, or of batches of them."""
    moved, curved = _diagonal_times(a, b), None
    if moved is None:
        p = _in_front(opened(a.dense(), a.value.shape, (-1,), 1), value.ndim)
        q = _in_front(opened(b.dense(), b.value.shape, (-2,), 1), value.ndim)
        moved = sum_of(None if p is None else _tall(p, b.value), None if q is None else a.value @ q)
        curved = None if p is None or q is None else (p @ q).sum(0)
    driven, driving = a.full_generated(), b.full_generated()
    generated = sum_of(
        None if driven is None else driven @ b.value, None if driving is None else a.value @ driving, curved
    )
    return Dual(value, moved, generated, own=True)


def _tall(p: Tensor, matrix: Tensor) -> Tensor:
    """P (k, .., n, m) @ (m, l) as one product of a tall matrix; torch would make many small ones of it."""
    if matrix.ndim > 2:
        return p @ matrix
    return (p.reshape(-1, p.shape[-1]) @ matrix).view(*p.shape[:-1], matrix.shape[-1])


def _in_front(part: Tensor | None, ndim: int) -> Tensor | None:
    """P with as many axes of the value as the product has, so that k stays in front of all batches."""
    if part is None or part.ndim == ndim + 1:
        return part
    return part.reshape(part.shape[0], *[1] * (ndim + 1 - part.ndim), *part.shape[1:])


def _diagonal_times(a: Dual, b: Dual) -> Tensor | None:
    """P(a) @ b for a diagonal P and a fixed matrix: its rows, scaled. Saves a factor of d."""
    if not isinstance(a.tangents, Diagonal) or b.tangents is not None or b.value.ndim != 2:
        return None
    # Contiguous: what is multiplied with it keeps its order of axes, and a turned one would be copied at each layer.
    rows = b.value[a.tangents.offset : a.tangents.offset + a.tangents.count].contiguous()
    entries = a.tangents.entries.movedim(-1, 0)
    return entries.unsqueeze(-1) * rows.reshape(len(rows), *[1] * (entries.ndim - 1), rows.shape[1])


def einsum(out: Tensor, equation: str, tensors: Sequence[Dual], **_: Any) -> Dual:
    """Linear in each operand: sum over j of the operand's own, and over pairs of the cross terms."""
    inputs, output = _explicit(equation)
    letter = next(c for c in ascii_letters if c not in equation)
    values = [dual.value for dual in tensors]
    tangents = [opened(dual.dense(), dual.value.shape, range(dual.value.ndim), 1) for dual in tensors]

    def with_parts(parts: dict[int, Tensor], kept: bool) -> Tensor:
        """The sum with some operands replaced by tangents; `kept`: k is an axis of the result, else summed over."""
        names = [letter + name if j in parts else name for j, name in enumerate(inputs)]
        target = letter + output if kept else output
        return torch.einsum(",".join(names) + "->" + target, *(parts.get(j, v) for j, v in enumerate(values)))

    moved, generated = None, None
    for j, (tangent, dual) in enumerate(zip(tangents, tensors, strict=True)):
        if dual.generated is not None:
            full = {k: dual.full_generated() if k == j else v for k, v in enumerate(values)}
            generated = sum_of(generated, torch.einsum(",".join(inputs) + "->" + output, *full.values()))
        if tangent is None:
            continue
        moved = sum_of(moved, with_parts({j: tangent}, True))
        for other in range(j):
            if (before := tangents[other]) is not None:
                generated = sum_of(generated, with_parts({j: tangent, other: before}, False))
    return Dual(out, moved, generated, own=True)


def _explicit(equation: str) -> tuple[list[str], str]:
    """Inputs and output; where no output is written, the letters that occur once, in order."""
    text = equation.replace(" ", "")
    left, arrow, output = text.partition("->")
    if not arrow:
        letters = left.replace(",", "").replace(".", "")
        output = ("..." if "..." in left else "") + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return left.split(","), output


def distances(out: Tensor, x1: Dual, x2: Dual, p: float = 2, **_: Any) -> Dual:
    """`cdist`: |a_i - b_j|_p. For p = 2 and fixed b from |a - b|^2, whose tangents are 2 <a - b, P>: no differences of
    all pairs in all directions."""
    if p != 2 or not x2.constant:
        apart = add(unsqueezed(x1, -2), unsqueezed(x2, -3), -1.0)
        return norm(out, apart, p, [-1])
    own = total(multiply(x1, x1), (-1,), True)
    both = contract(x1, transposed(x2, -2, -1))
    squares = composed(out * out, (own, both), (1.0, -2.0), ((None,), (None, None)))
    # Where two points meet, the distance has a kink; torch takes zero for its derivative there.
    apart = torch.where(out > 0, out, torch.inf)
    slope = 0.5 / apart
    return chain(squares, out, slope, -0.5 * slope / (apart * apart))
