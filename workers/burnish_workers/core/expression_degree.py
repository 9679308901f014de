"""Polynomial degree of a tree in some of its variables."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from burnish_workers.core.expression_tree import Apply, Item, Node, Number, Variable, Vector


def degree(node: Node, names: AbstractSet[str]) -> int | None:
    """Joint degree in `names`, None where the tree is not a polynomial in them; an upper bound, no cancellation."""
    match node:
        case Number() | Vector():
            return 0
        case Variable(name):
            return int(name in names)
        case Item(operand):
            return degree(operand, names)
        case Apply():
            return _apply(node, [degree(argument, names) for argument in node.arguments])


def _apply(node: Apply, degrees: Sequence[int | None]) -> int | None:
    known = [each for each in degrees if each is not None]
    if len(known) < len(degrees):
        return None
    if not any(known):
        return 0
    match node.op:
        case "+" | "-" | "neg" | "sum" | "mean":
            return max(known)
        case "*" | "dot":
            return sum(known)
        case "norm2":
            return 2 * known[0]
        case "/":
            return known[0] if known[1] == 0 else None
        case "**":
            return _power(known[0], node.arguments[1])
        case "where":
            # The first argument is the comparison: choosing by u is not polynomial in u.
            return max(known[1:]) if known[0] == 0 else None
        case _:
            return None


def _power(base: int, exponent: Node) -> int | None:
    if isinstance(exponent, Number) and exponent.value >= 0 and exponent.value.is_integer():
        return base * int(exponent.value)
    return None
