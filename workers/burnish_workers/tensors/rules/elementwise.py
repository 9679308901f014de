"""Rules of elementwise operators: slopes and bends, written down where they are cheap, by autograd elsewhere.

Derivatives are taken almost everywhere: `relu`, `where`, `clamp` and comparisons have no kinks here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from burnish_workers.tensors.duals import Diagonal, Dual, Tangents, chain, composed

Slopes = Callable[..., tuple[Tensor | float, Tensor | None]]
"""From the value, the argument and the parameters: f' and f'' (None: zero)."""


def _tanh(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    slope = 1 - y * y
    return slope, -2 * y * slope


def _sigmoid(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    slope = y * (1 - y)
    return slope, slope * (1 - 2 * y)


def _silu(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    s = torch.sigmoid(x)
    slope = s * (1 - s)
    return s + x * slope, slope * (2 + x * (1 - 2 * s))


def _gelu(y: Tensor, x: Tensor, approximate: str = "none") -> tuple[Tensor, Tensor]:
    if approximate != "none":
        return by_autograd(torch.ops.aten.gelu.default, [x], approximate=approximate)
    density = torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * density, density * (2 - x * x)


def _softplus(y: Tensor, x: Tensor, beta: float = 1, threshold: float = 20) -> tuple[Tensor, Tensor]:
    s = torch.sigmoid(beta * x)
    linear = beta * x > threshold
    return torch.where(linear, 1.0, s), torch.where(linear, 0.0, beta * s * (1 - s))


def _tan(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    slope = 1 + y * y
    return slope, 2 * y * slope


def _rsqrt(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    slope = -0.5 * y / x
    return slope, -1.5 * slope / x


def _sqrt(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    slope = 0.5 / y
    return slope, -0.5 * slope / x


def _power(y: Tensor, x: Tensor, exponent: float) -> tuple[Tensor | float, Tensor | None]:
    if exponent == 0:
        return 0.0, None
    if exponent == 1:
        return 1.0, None
    bend = exponent * (exponent - 1)
    second = torch.full_like(x, bend) if exponent == 2 else bend * x.pow(exponent - 2)
    return exponent * x.pow(exponent - 1), second


SLOPES: dict[str, Slopes] = {
    "abs.default": lambda y, x: (torch.sign(x), None),
    "cos.default": lambda y, x: (-torch.sin(x), -y),
    "cosh.default": lambda y, x: (torch.sinh(x), y),
    "exp.default": lambda y, x: (y, y),
    "expm1.default": lambda y, x: (y + 1, y + 1),
    "gelu.default": _gelu,
    "hardsigmoid.default": lambda y, x: ((x.abs() < 3).to(x.dtype) / 6, None),
    "log.default": lambda y, x: (1 / x, -1 / (x * x)),
    "neg.default": lambda y, x: (-1.0, None),
    "pow.Tensor_Scalar": _power,
    "reciprocal.default": lambda y, x: (-y * y, 2 * y * y * y),
    "relu.default": lambda y, x: ((x > 0).to(x.dtype), None),
    "rsqrt.default": _rsqrt,
    "sigmoid.default": _sigmoid,
    "silu.default": _silu,
    "sin.default": lambda y, x: (torch.cos(x), -y),
    "sinh.default": lambda y, x: (torch.cosh(x), y),
    "softplus.default": _softplus,
    "sqrt.default": _sqrt,
    "square.default": lambda y, x: (2 * x, torch.full_like(x, 2.0)),
    "tan.default": _tan,
    "tanh.default": _tanh,
}

UNARY = frozenset(SLOPES) | {
    f"{name}.default"
    for name in [
        "acos",
        "asin",
        "atan",
        "erf",
        "erfc",
        "erfinv",
        "lgamma",
        "log10",
        "log1p",
        "log2",
        "nan_to_num",
        "celu",
        "elu",
        "hardswish",
        "hardtanh",
        "leaky_relu",
        "log_sigmoid",
        "mish",
        "relu6",
        "selu",
        "softshrink",
    ]
}
"""Functions of one tensor, with parameters."""

FLAT = frozenset(
    [
        "ceil.default",
        "floor.default",
        "round.default",
        "sign.default",
        "logical_not.default",
        "eq.Scalar",
        "eq.Tensor",
        "isnan.default",
        "ge.Scalar",
        "ge.Tensor",
        "gt.Scalar",
        "gt.Tensor",
        "le.Scalar",
        "le.Tensor",
        "lt.Scalar",
        "lt.Tensor",
        "ne.Scalar",
        "ne.Tensor",
        "logical_and.default",
        "logical_or.default",
        "bitwise_and.Tensor",
        "bitwise_not.default",
        "bitwise_or.Tensor",
        "bitwise_xor.Tensor",
    ]
)
"""Piecewise constant: their derivatives are zero almost everywhere."""

JOINT = frozenset(
    [
        "atan2.default",
        "div.Tensor_mode",
        "hypot.default",
        "maximum.default",
        "minimum.default",
        "pow.Scalar",
        "pow.Tensor_Tensor",
        "remainder.Scalar",
        "remainder.Tensor",
        "addcmul.default",
        "addcdiv.default",
        "lerp.Scalar",
        "lerp.Tensor",
        "clamp.default",
        "clamp.Tensor",
        "clamp_max.default",
        "clamp_min.default",
    ]
)
"""Functions of several tensors whose partial derivatives come from autograd."""


def unary(name: str, call: Callable[..., Tensor]) -> Callable[..., Dual]:
    """The rule of an elementwise function of one tensor."""
    slopes = SLOPES.get(name) or (lambda y, x, **parameters: by_autograd(call, [x], **parameters))

    def rule(out: Tensor, self: Dual, **parameters: Any) -> Dual:
        return chain(self, out, *slopes(out, self.value, **parameters))

    return rule


def by_autograd(call: Callable[..., Tensor], given: list[Tensor], **parameters: Any) -> tuple[Tensor, Tensor]:
    """f' and f'' of a function of one tensor: cheap beside the tangents, of which there are k."""
    (first,), ((second,),) = partials(lambda x: call(x, **parameters), given)
    return first, second


def partials(call: Callable[..., Tensor], given: list[Tensor]) -> tuple[list[Tensor], list[list[Tensor]]]:
    """f_j and f_jl, l <= j, of an elementwise function of tensors of one shape."""
    places = tuple(range(len(given)))
    first = torch.func.grad(lambda *tensors: call(*tensors).sum(), argnums=places)
    second = [torch.func.grad(lambda *tensors, j=j: first(*tensors)[j].sum(), argnums=places[: j + 1]) for j in places]
    return list(first(*given)), [list(derivative(*given)) for derivative in second]


def joint(call: Callable[..., Tensor]) -> Callable[..., Dual]:
    """The rule of an elementwise function of several tensors, by names."""

    def rule(out: Tensor, **arguments: Any) -> Dual:
        varying = {k: v for k, v in arguments.items() if isinstance(v, Dual) and not v.constant}
        fixed = {k: v.value if isinstance(v, Dual) else v for k, v in arguments.items() if k not in varying}
        given = [dual.value.expand(out.shape) for dual in varying.values()]
        first, second = partials(lambda *tensors: call(**fixed, **dict(zip(varying, tensors, strict=True))), given)
        return composed(out, list(varying.values()), first, second)

    return rule


def as_dual(value: Any) -> Dual:
    """Numbers too."""
    return value if isinstance(value, Dual) else Dual(torch.as_tensor(value))


def plus(out: Tensor, self: Dual | float, other: Dual | float, alpha: float = 1) -> Dual:
    """self + alpha other. Exported graphs may have a number in either place."""
    self = as_dual(self)
    if not isinstance(other, Dual) or other.constant:
        return composed(out, (self,), (1.0,), ((None,),))
    return composed(out, (self, other), (1.0, float(alpha)), ((None,), (None, None)))


def minus(out: Tensor, self: Dual | float, other: Dual | float, alpha: float = 1) -> Dual:
    """self - alpha other."""
    return plus(out, self, other, -alpha)


def minus_reversed(out: Tensor, self: Dual, other: Dual | float, alpha: float = 1) -> Dual:
    """other - alpha self."""
    duals = (self, as_dual(other))
    return composed(out, duals, (-float(alpha), 1.0), ((None,), (None, None)))


def times(out: Tensor, self: Dual | float, other: Dual | float) -> Dual:
    """self other."""
    if not isinstance(self, Dual):
        self, other = as_dual(other), self
    if not isinstance(other, Dual):
        return chain(self, out, float(other), None)
    return composed(out, (self, other), (other.value, self.value), ((None,), (1.0, None)))


def over(out: Tensor, self: Dual | float, other: Dual | float) -> Dual:
    """self / other."""
    self = as_dual(self)
    if not isinstance(other, Dual):
        return chain(self, out, 1 / other, None)
    inverse = 1 / other.value
    if other.constant:
        return composed(out, (self,), (inverse,), ((None,),))
    slope = -out * inverse
    return composed(out, (self, other), (inverse, slope), ((None,), (-inverse * inverse, -2 * slope * inverse)))


def choose(out: Tensor, condition: Dual, self: Any, other: Any) -> Dual:
    """`where`: what is not chosen may be infinite."""
    yes, no = (as_dual(branch).ranked(out.shape) for branch in (self, other))
    chosen, zero = condition.value, out.new_zeros(())

    def pick(where: Tensor, a: Tensor | None, b: Tensor | None) -> Tensor | None:
        if a is None and b is None:
            return None
        return torch.where(where, zero if a is None else a, zero if b is None else b)

    diagonals = [dual.tangents for dual in (yes, no) if isinstance(dual.tangents, Diagonal)]
    generated = pick(chosen, yes.generated, no.generated)
    if diagonals and all(dual.tangents is None or _along(dual.tangents, diagonals[0]) for dual in (yes, no)):
        entries = [dual.tangents.entries if isinstance(dual.tangents, Diagonal) else None for dual in (yes, no)]
        picked = pick(diagonals[0].within(chosen), *entries)
        assert picked is not None
        return Dual(out, Diagonal(picked, diagonals[0].offset), generated)
    return Dual(out, pick(chosen, yes.dense(), no.dense()), generated)


def _along(tangents: Tangents, diagonal: Diagonal) -> bool:
    return isinstance(tangents, Diagonal) and tangents.offset == diagonal.offset


def fill(out: Tensor, self: Dual, mask: Dual, value: Any) -> Dual:
    """`masked_fill` with a number."""
    return choose(out, mask, value, self)
