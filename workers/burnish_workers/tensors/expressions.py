"""Expressions lowered to torch: the same tree, differentiable, on any device."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from burnish_workers.core.expression import Expression
from burnish_workers.core.expression_ops import OPERATORS, Ops


def lower(expression: Expression) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """The expression as a function of named tensors: scalars (B,), vectors (B, d); see `Expression.evaluate`."""
    return functools.partial(_evaluate, expression)


def _evaluate(expression: Expression, env: Mapping[str, Tensor]) -> Tensor:
    return expression.evaluate(env, TORCH)


def _paired(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Tensor]:
    """minimum and maximum take tensors only; a constant becomes one in the dtype of its partner."""

    def call(a: Tensor | float, b: Tensor | float) -> Tensor:
        if not isinstance(a, Tensor):
            # Of two constants in double precision: a number without axes leaves its partner's dtype as it is.
            a = torch.full_like(b, a) if isinstance(b, Tensor) else torch.tensor(a, dtype=torch.float64)
        if not isinstance(b, Tensor):
            b = torch.full_like(a, b)
        return function(a, b)

    return call


def _where(condition: Tensor | bool, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(torch.as_tensor(condition), yes, no)


def _sum(x: Tensor) -> Tensor:
    return x.sum(-1)


def _mean(x: Tensor) -> Tensor:
    return x.mean(-1)


def _norm2(x: Tensor) -> Tensor:
    return (x * x).sum(-1)


def _min(x: Tensor) -> Tensor:
    return x.amin(-1)


def _max(x: Tensor) -> Tensor:
    return x.amax(-1)


def _shape(x: Tensor | float) -> tuple[int, ...]:
    return tuple(x.shape) if isinstance(x, Tensor) else ()


def _item(x: Tensor, index: int) -> Tensor:
    return x[..., index]


def _lift(x: Tensor) -> Tensor:
    return x[..., None] if _shape(x) else x


def _fill(value: Tensor | float, shape: tuple[int, ...], like: Tensor | None) -> Tensor:
    if isinstance(value, Tensor):
        return value.expand(shape)
    if like is None or not like.is_floating_point():
        return torch.full(shape, value)
    return torch.full(shape, value, dtype=like.dtype, device=like.device)


def _vector(values: tuple[float, ...], like: Tensor | None) -> Tensor:
    if like is None or not like.is_floating_point():
        return torch.tensor(values)
    return torch.tensor(values, dtype=like.dtype, device=like.device)


_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "exp": torch.exp,
    "log": torch.log,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "sigmoid": torch.sigmoid,
    "min": _paired(torch.minimum),
    "max": _paired(torch.maximum),
    "where": _where,
}
TORCH: Ops[Tensor] = Ops(
    elementwise={**OPERATORS, **_FUNCTIONS},
    reductions={"sum": _sum, "mean": _mean, "norm2": _norm2, "min": _min, "max": _max},
    shape=_shape,
    item=_item,
    lift=_lift,
    fill=_fill,
    vector=_vector,
    quiet=contextlib.nullcontext,
)
