"""Whether a formula is a constant times a vector: c * x, coordinate by coordinate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.expression_tree import Apply, Node, Number, Variable, Vector

Factor = NDArray[np.float64]
"""c: shape () where it is the same for all coordinates, (d,) where not."""


def factor(node: Node, name: str) -> Factor | None:
    """c where `node` reads c * name for constants c, as signs, sums, products with constants and quotients by constants
    write it; None for any other formula, though it may have the same values, and where c is not finite. The constant 0
    is 0 * name."""
    with np.errstate(all="ignore"):
        found = _factor(node, name)
    return found if found is not None and np.isfinite(found).all() else None


def _factor(node: Node, name: str) -> Factor | None:
    match node:
        case Variable(found):
            return np.array(1.0) if found == name else None
        case Number() | Vector():
            value = _constant(node)
            return None if value is None or value.any() else value
        case Apply("neg", (inner,)):
            found = _factor(inner, name)
            return None if found is None else -found
        case Apply("+" | "-" | "*" | "/", (left, right)):
            return _binary(node.op, left, right, name)
        case _:
            return None


def _binary(op: str, left: Node, right: Node, name: str) -> Factor | None:
    a, b = _factor(left, name), _factor(right, name)
    if op in ("+", "-"):
        return None if a is None or b is None else (a + b if op == "+" else a - b)
    if a is not None and (scale := _constant(right)) is not None:
        return a * scale if op == "*" else a / scale
    if op == "*" and b is not None and (scale := _constant(left)) is not None:
        return scale * b
    return None


def _constant(node: Node) -> Factor | None:
    match node:
        case Number(value):
            return np.array(value)
        case Vector(values):
            return np.array(values)
        case _:
            return None
