"""Expressions on duals: the same tree, carrying tangents and generators."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from burnish_workers.core.expression import Expression
from burnish_workers.core.expression_ops import Ops, evaluate
from burnish_workers.core.expression_tree import Apply, Item, Node, children
from burnish_workers.tensors.duals import Diagonal, Dual, chain
from burnish_workers.tensors.expressions import TORCH
from burnish_workers.tensors.rules import elementwise, operator_of, reductions, rule_of, shapes
from burnish_workers.tensors.rules.axes import total, unsqueezed


def carry(expression: Expression, env: Mapping[str, Dual]) -> Dual:
    """The value of a scalar expression with what it carries, (B,)."""
    return expression.evaluate(env, DUAL)


def breadth(expression: Expression, dim: int) -> int:
    """Most entries of a tangent, for one sample and one direction, that any part of the expression makes."""
    x = torch.full((2, dim), 0.5)
    t = Dual(x[:, 0], None, x[:, 0])
    env = {"t": t, "x": Dual(x, Diagonal(torch.ones_like(x)), x)}
    parts = (part for part in _parts(expression.tree) if isinstance(part, (Apply, Item)))
    return -(-max([2 * dim, *(_entries(evaluate(part, env, DUAL)) for part in parts)]) // (2 * dim))


def _parts(node: Node) -> list[Node]:
    return [node, *(part for child in children(node) for part in _parts(child))]


def _entries(dual: Any) -> int:
    tangents = dual.tangents if isinstance(dual, Dual) else None
    if isinstance(tangents, Diagonal):
        return tangents.entries.numel()
    return 0 if tangents is None else tangents.numel()


Number = Dual | float


def _plain(given: Any) -> Any:
    return given.value if isinstance(given, Dual) else given


def _out(op: str, *given: Any) -> Tensor:
    return torch.as_tensor(TORCH.elementwise[op](*(_plain(value) for value in given)))


def _plus(a: Number, b: Number) -> Dual:
    out = _out("+", a, b)
    return elementwise.plus(out, a, b) if isinstance(a, Dual) else elementwise.plus(out, elementwise.as_dual(b), a)


def _minus(a: Number, b: Number) -> Dual:
    out = _out("-", a, b)
    if isinstance(a, Dual):
        return elementwise.minus(out, a, b)
    return elementwise.minus_reversed(out, elementwise.as_dual(b), a)


def _times(a: Number, b: Number) -> Dual:
    out = _out("*", a, b)
    return elementwise.times(out, a, b) if isinstance(a, Dual) else elementwise.times(out, elementwise.as_dual(b), a)


def _over(a: Number, b: Number) -> Dual:
    return elementwise.over(_out("/", a, b), elementwise.as_dual(a), b)


def _power(a: Number, b: Number) -> Dual:
    out = _out("**", a, b)
    if not isinstance(b, Dual):
        assert isinstance(a, Dual)
        return chain(a, out, *elementwise.SLOPES["pow.Tensor_Scalar"](out, a.value, b))
    name = "pow.Tensor_Tensor" if isinstance(a, Dual) else "pow.Scalar"
    return elementwise.joint(operator_of(name))(out, self=a, exponent=b)


def _neg(a: Dual) -> Dual:
    return chain(a, -a.value, -1.0, None)


def _flat(op: str) -> Callable[[Number, Number], Dual]:
    return lambda a, b: Dual(_out(op, a, b))


def _unary(op: str) -> Callable[[Dual], Dual]:
    rule: Any = rule_of(f"{op}.default")
    return lambda a: rule(_out(op, a), self=a)


def _where(condition: Any, yes: Number, no: Number) -> Dual:
    return elementwise.choose(_out("where", condition, yes, no), elementwise.as_dual(condition), yes, no)


def _extreme(op: str) -> Callable[[Number, Number], Dual]:
    def call(a: Number, b: Number) -> Dual:
        out = _out(op, a, b)
        first = _plain(a) <= _plain(b) if op == "min" else _plain(a) >= _plain(b)
        return elementwise.choose(out, Dual(torch.as_tensor(first)), a, b)

    return call


def _item(a: Dual, index: int) -> Dual:
    return shapes.select(a.value[..., index], a, -1, index)


def _lift(a: Number) -> Number:
    return unsqueezed(a, -1) if isinstance(a, Dual) and a.value.ndim else a


def _fill(value: Number, shape: tuple[int, ...], like: Dual | None) -> Dual:
    if isinstance(value, Dual):
        return shapes.expand(value.value.expand(shape), value)
    return Dual(TORCH.fill(value, shape, None if like is None else like.value))  # pyright: ignore[reportArgumentType]


def _vector(values: tuple[float, ...], like: Dual | None) -> Dual:
    return Dual(TORCH.vector(values, None if like is None else like.value))


def _norm2(a: Dual) -> Dual:
    return total(elementwise.times(a.value * a.value, a, a), (-1,))


DUAL: Ops[Dual] = Ops(
    elementwise={
        "+": _plus,
        "-": _minus,
        "*": _times,
        "/": _over,
        "**": _power,
        "neg": _neg,
        "where": _where,
        **{op: _flat(op) for op in ("<", "<=", ">", ">=", "==", "!=")},
        **{op: _unary(op) for op in ("exp", "log", "sin", "cos", "tanh", "sqrt", "abs", "sigmoid")},
        **{op: _extreme(op) for op in ("min", "max")},
    },
    reductions={
        "sum": lambda a: total(a, (-1,)),
        "mean": lambda a: reductions.mean(a, (-1,)),
        "norm2": _norm2,
        "min": lambda a: reductions.extreme(a.value.amin(-1), a, (-1,)),
        "max": lambda a: reductions.extreme(a.value.amax(-1), a, (-1,)),
    },
    shape=lambda a: tuple(a.value.shape) if isinstance(a, Dual) else (),
    item=_item,
    lift=_lift,  # pyright: ignore[reportArgumentType]
    fill=_fill,
    vector=_vector,
    quiet=contextlib.nullcontext,
)
