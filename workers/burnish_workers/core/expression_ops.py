"""Evaluates a tree on batches of samples; numpy's table of operations lives here, torch has its own."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.expression_shapes import EXTREMA, is_reduction
from burnish_workers.core.expression_tree import Apply, ExpressionError, Item, Node, Number, Variable, Vector

A = TypeVar("A")


@dataclass(frozen=True)
class Ops(Generic[A]):
    """One array library's meaning of every operation.

    Constants stay Python floats, so that they never change the dtype of the arrays they meet, and constant vectors
    take the dtype of the environment; at least one argument of every operation is an array, because constant subtrees
    are folded when parsed.
    """

    elementwise: Mapping[str, Callable[..., A]]
    reductions: Mapping[str, Callable[[A], A]]
    shape: Callable[[A], tuple[int, ...]]
    item: Callable[[A, int], A]
    lift: Callable[[A], A]
    fill: Callable[[A, tuple[int, ...], A | None], A]
    vector: Callable[[tuple[float, ...], A | None], A]
    quiet: Callable[[], AbstractContextManager[object]]


def evaluate(node: Node, env: Mapping[str, A], ops: Ops[A]) -> A:
    """The value of `node`; scalars have the batch's shape (B,), vectors (B, d)."""
    match node:
        case Number(value):
            return cast(A, value)
        case Vector(values):
            return ops.vector(values, next(iter(env.values()), None))
        case Variable(name):
            return _look_up(name, env)
        case Item(operand, index):
            return _item(evaluate(operand, env, ops), index, ops)
        case Apply():
            return _apply(node, env, ops)


def _apply(node: Apply, env: Mapping[str, A], ops: Ops[A]) -> A:
    values = [evaluate(argument, env, ops) for argument in node.arguments]
    if is_reduction(node.op, len(values)):
        return ops.reductions[node.op](values[0])
    if node.op == "dot":
        return ops.reductions["sum"](ops.elementwise["*"](*values))
    if any(_is_vector(argument) for argument in node.arguments):
        pairs = zip(node.arguments, values, strict=True)
        values = [value if _is_vector(argument) else ops.lift(value) for argument, value in pairs]
    if node.op == "where":
        # A choice between two constants has no array to take its dtype from but those of the environment.
        like = next(iter(env.values()), None)
        values[1:] = [ops.fill(value, (), like) if isinstance(value, float) else value for value in values[1:]]
    if node.op in EXTREMA:
        return functools.reduce(ops.elementwise[node.op], values)
    return ops.elementwise[node.op](*values)


def _is_vector(node: Node) -> bool:
    return node.shape.kind == "vector"


def _look_up(name: str, env: Mapping[str, A]) -> A:
    try:
        return env[name]
    except KeyError:
        raise ExpressionError(
            f"no value for the variable {name!r}; given: {', '.join(sorted(env)) or 'none'}"
        ) from None


def _item(value: A, index: int, ops: Ops[A]) -> A:
    size = ops.shape(value)[-1]
    if index >= size:
        raise ExpressionError(f"index {index} of a vector with {size} coordinates; the last is {size - 1}")
    return ops.item(value, index)


FloatArray = NDArray[np.floating[Any]]


def _sigmoid(x: FloatArray) -> FloatArray:
    """1 / (1 + e^-x) to full relative accuracy on both sides."""
    return np.exp(-np.logaddexp(0.0, -x))


def _lift(value: FloatArray) -> FloatArray:
    return value[..., None] if np.ndim(value) else value


def _fill(value: FloatArray, shape: tuple[int, ...], like: FloatArray | None) -> FloatArray:
    dtype = np.result_type(value) if like is None else np.result_type(value, like)
    return np.broadcast_to(np.asarray(value, dtype), shape).copy()


def _vector(values: tuple[float, ...], like: FloatArray | None) -> FloatArray:
    return np.array(values, np.float64 if like is None else np.result_type(like, np.float16))


def _where(condition: NDArray[np.bool_], yes: FloatArray, no: FloatArray) -> FloatArray:
    return np.where(condition, yes, no)


def _sum(x: FloatArray) -> FloatArray:
    return np.sum(x, axis=-1)


def _mean(x: FloatArray) -> FloatArray:
    return np.mean(x, axis=-1)


def _norm2(x: FloatArray) -> FloatArray:
    return np.sum(x * x, axis=-1)


def _min(x: FloatArray) -> FloatArray:
    return np.min(x, axis=-1)


def _max(x: FloatArray) -> FloatArray:
    return np.max(x, axis=-1)


def _take(x: FloatArray, index: int) -> FloatArray:
    return x[..., index]


def _quiet() -> AbstractContextManager[object]:
    return np.errstate(all="ignore")


def _divide(a: Any, b: Any) -> Any:
    return a / b


def _power(a: Any, b: Any) -> Any:
    return a**b


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "**": _power,
    "neg": operator.neg,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_NUMPY_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sigmoid": _sigmoid,
    "min": np.minimum,
    "max": np.maximum,
    "where": _where,
}
NUMPY: Ops[FloatArray] = Ops(
    elementwise={**OPERATORS, **_NUMPY_FUNCTIONS},
    reductions={"sum": _sum, "mean": _mean, "norm2": _norm2, "min": _min, "max": _max},
    shape=np.shape,
    item=_take,
    lift=_lift,
    fill=_fill,
    vector=_vector,
    quiet=_quiet,
)
