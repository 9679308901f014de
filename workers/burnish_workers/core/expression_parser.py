"""The whitelist walk from Python's syntax tree to ours. Nothing is ever evaluated or compiled as Python."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from burnish_workers.core.expression_ops import NUMPY, evaluate
from burnish_workers.core.expression_shapes import ARITHMETIC, FUNCTIONS, result_shape
from burnish_workers.core.expression_syntax import read, refusal
from burnish_workers.core.expression_tree import (
    Apply,
    ExpressionError,
    Item,
    Node,
    Number,
    Shape,
    Variable,
    Vector,
    variables_of,
)

MAX_NODES = 400
MAX_DEPTH = 40
MAX_EXPONENT = 64
Constant = float | Sequence[float]
CONSTANTS: Mapping[str, Constant] = {"pi": math.pi, "e": math.e}

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


def parse(text: str, variables: Mapping[str, Shape], constants: Mapping[str, Constant]) -> Node:
    """The tree of `text`. Raises ExpressionError for anything outside the whitelist or beyond the caps."""
    expression = read(text)
    return _Walk(variables, {**CONSTANTS, **constants}).visit(expression, 1)


@dataclass
class _Walk:
    """One whitelist walk; counts nodes as it goes."""

    variables: Mapping[str, Shape]
    constants: Mapping[str, Constant]
    nodes: int = field(default=0)

    def visit(self, node: ast.expr, depth: int) -> Node:
        self._count(node, depth)
        match node:
            case ast.Constant():
                return _number(node)
            case ast.Name():
                return self._name(node)
            case ast.UnaryOp(op=ast.UAdd()):
                return self.visit(node.operand, depth + 1)
            case ast.UnaryOp(op=ast.USub()):
                return _apply("neg", (self.visit(node.operand, depth + 1),), node)
            case ast.BinOp() if type(node.op) in _BINARY:
                pair = self.visit(node.left, depth + 1), self.visit(node.right, depth + 1)
                return _apply(_BINARY[type(node.op)], pair, node)
            case ast.Call():
                return self._call(node, depth)
            case ast.Subscript():
                return _item(self.visit(node.value, depth + 1), node)
            case _:
                raise refusal(node)

    def _count(self, node: ast.expr, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ExpressionError(f"the formula has more than {MAX_NODES} parts", node.col_offset, "use sum(), dot()")
        if depth > MAX_DEPTH:
            raise ExpressionError(
                f"the formula is nested more than {MAX_DEPTH} deep",
                node.col_offset,
                "group long sums as (a + b) + (c + d), or use sum() of a vector",
            )

    def _name(self, node: ast.Name) -> Node:
        if node.id in self.variables:
            return Variable(node.id, self.variables[node.id])
        if node.id in self.constants:
            value = self.constants[node.id]
            return Vector(tuple(map(float, value))) if isinstance(value, Sequence) else Number(float(value))
        if node.id in FUNCTIONS:
            raise ExpressionError(f"{node.id!r} is a function", node.col_offset, f"call it, for example {node.id}(x)")
        raise _unknown("name", node, [*self.variables, *self.constants, *FUNCTIONS])

    def _call(self, node: ast.Call, depth: int) -> Node:
        called = node.func
        if not isinstance(called, ast.Name):
            if isinstance(called, ast.Attribute):
                raise refusal(called)
            raise ExpressionError("only named functions can be called", node.col_offset, "multiply with *")
        if called.id in self.variables or called.id in self.constants:
            raise ExpressionError(
                f"{called.id!r} is not a function", node.col_offset, f"multiply with {called.id} * (...)"
            )
        if called.id not in FUNCTIONS:
            raise _unknown("function", called, FUNCTIONS)
        if node.keywords:
            raise ExpressionError(
                "keyword arguments are not part of expressions", node.col_offset, "give plain arguments"
            )
        arguments = [
            self._condition(argument, depth + 1)
            if called.id == "where" and place == 0
            else self.visit(argument, depth + 1)
            for place, argument in enumerate(node.args)
        ]
        return _apply(called.id, tuple(arguments), node)

    def _condition(self, node: ast.expr, depth: int) -> Node:
        if not isinstance(node, ast.Compare):
            if isinstance(node, ast.BoolOp | ast.Starred):
                raise refusal(node)
            raise ExpressionError(
                "the condition of where() is not a comparison", node.col_offset, "write where(u < 0, a, b)"
            )
        self._count(node, depth)
        if len(node.ops) != 1:
            raise ExpressionError(
                "a chained comparison is not part of expressions", node.col_offset, "nest two where()"
            )
        if type(node.ops[0]) not in _COMPARISONS:
            raise ExpressionError(
                "'in' and 'is' are not comparisons of numbers",
                node.col_offset,
                f"use {' '.join(_COMPARISONS.values())}",
            )
        pair = self.visit(node.left, depth + 1), self.visit(node.comparators[0], depth + 1)
        return _apply(_COMPARISONS[type(node.ops[0])], pair, node)


def _unknown(what: str, node: ast.Name, known: Sequence[str]) -> ExpressionError:
    listed = f"known: {', '.join(known)}"
    if node.id.startswith("_"):
        message = f"names that start with an underscore do not exist here, got {node.id!r:.60}"
        return ExpressionError(message, node.col_offset, listed)
    near = difflib.get_close_matches(node.id, known, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return ExpressionError(f"unknown {what} {node.id!r:.60}", node.col_offset, guess + listed)


def _number(node: ast.Constant) -> Number:
    value = node.value
    if isinstance(value, str | bytes):
        raise ExpressionError("a string is not part of expressions", node.col_offset, "write the number itself")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"{ast.unparse(node)} is not a real number", node.col_offset, "write a decimal number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise ExpressionError("a number beyond 1.8e308", node.col_offset, "rescale the formula")
    return Number(number)


def _apply(op: str, arguments: tuple[Node, ...], node: ast.expr) -> Node:
    position = node.col_offset
    shape = result_shape(op, [argument.shape for argument in arguments], position)
    if op == "**":
        _check_exponent(arguments[1], position)
    applied = Apply(op, arguments, shape)
    if op in _COMPARISONS.values() or variables_of(applied):
        return applied
    return _fold(applied, position)


def _check_exponent(exponent: Node, position: int) -> None:
    values = (
        (exponent.value,) if isinstance(exponent, Number) else exponent.values if isinstance(exponent, Vector) else ()
    )
    far = [value for value in values if not abs(value) <= MAX_EXPONENT]
    if far:
        raise ExpressionError(
            f"the exponent {far[0]:g} is beyond +-{MAX_EXPONENT}", position, "use exp() for fast growth"
        )


def _fold(node: Apply, position: int) -> Number | Vector:
    """A constant subtree as one number or vector, so that no operation ever meets constants only."""
    # Through numpy's float64, whose arithmetic answers inf and nan where Python's raises or turns complex.
    constants = [Number(np.float64(a.value)) if isinstance(a, Number) else a for a in node.arguments]
    with NUMPY.quiet():
        found = evaluate(Apply(node.op, tuple(constants), node.shape), {}, NUMPY)
    values = [float(value) for value in np.ravel(found)]
    wrong = [v for v in values if math.isinf(v) or (math.isnan(v) and node.op in ARITHMETIC)]
    if wrong:
        raise ExpressionError(
            f"a constant part is not a finite number ({wrong[0]:g})",
            position,
            "check for a division by zero, an overflow or a root of a negative number",
        )
    return Vector(tuple(values)) if node.shape.kind == "vector" else Number(values[0])


def _item(operand: Node, node: ast.Subscript) -> Node:
    index = node.slice
    if isinstance(index, ast.Slice):
        raise refusal(index if hasattr(index, "col_offset") else node)
    if operand.shape.kind != "vector":
        raise ExpressionError("only vectors have coordinates", node.col_offset, "index a vector, for example x[0]")
    if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub):
        raise ExpressionError("a negative index is not part of expressions", node.col_offset, "count from 0")
    if not isinstance(index, ast.Constant) or type(index.value) is not int:
        raise ExpressionError("an index is a literal integer", node.col_offset, "write for example x[0]")
    size = operand.shape.size
    if size is not None and index.value >= size:
        raise ExpressionError(
            f"index {index.value!s:.60} of a vector with {size} coordinates", node.col_offset, f"the last is {size - 1}"
        )
    return Number(operand.values[index.value]) if isinstance(operand, Vector) else Item(operand, index.value)
