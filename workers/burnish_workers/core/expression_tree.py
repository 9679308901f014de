"""The syntax tree of an expression: five immutable node types, each knowing its shape per sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["scalar", "vector"]


class ExpressionError(ValueError):
    """An expression that cannot be accepted.

    message   what is wrong;
    position  0-based column of the offending part in the text, None where the text as a whole is meant;
    cure      what to write instead.
    """

    def __init__(self, message: str, position: int | None = None, cure: str = "") -> None:
        self.message = message
        self.position = position
        self.cure = cure
        where = "" if position is None else f" (column {position + 1})"
        super().__init__(f"{message}{where}" + (f"; {cure}" if cure else ""))

    def __reduce__(self) -> tuple[type[ExpressionError], tuple[str, int | None, str]]:
        """Pickled by its three parts, so that a worker's error reaches the caller whole."""
        return type(self), (self.message, self.position, self.cure)


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a value per sample: a scalar, or a vector whose size may be unknown (None)."""

    kind: Kind
    size: int | None = None


SCALAR = Shape("scalar")


@dataclass(frozen=True, slots=True)
class Number:
    """A constant, always a finite float or nan."""

    value: float

    @property
    def shape(self) -> Shape:
        """A number is a scalar."""
        return SCALAR


@dataclass(frozen=True, slots=True)
class Vector:
    """A constant with one finite float per coordinate."""

    values: tuple[float, ...]

    @property
    def shape(self) -> Shape:
        """As many coordinates as values."""
        return Shape("vector", len(self.values))


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared variable."""

    name: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Item:
    """Coordinate `index` (0-based) of a vector."""

    operand: Node
    index: int

    @property
    def shape(self) -> Shape:
        """A coordinate is a scalar."""
        return SCALAR


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator, comparison or function applied to its arguments; `op` as written, "neg" for unary minus."""

    op: str
    arguments: tuple[Node, ...]
    shape: Shape


Node = Number | Vector | Variable | Item | Apply


def children(node: Node) -> tuple[Node, ...]:
    """The direct subtrees."""
    match node:
        case Apply():
            return node.arguments
        case Item():
            return (node.operand,)
        case _:
            return ()


def variables_of(node: Node) -> frozenset[str]:
    """Names of the variables that occur."""
    if isinstance(node, Variable):
        return frozenset({node.name})
    return frozenset[str]().union(*(variables_of(child) for child in children(node)))
