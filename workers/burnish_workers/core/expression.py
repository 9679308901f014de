"""Formulas that users write: `u - u**3`, `1 / (2 + 0.4 * norm2(x))`, parsed against a whitelist, never run as code.

    Expression.parse("1 / (2 + 0.4 * norm2(x))", {"t": "scalar", "x": "vector"}).evaluate({"t": t, "x": x})

Numbers, declared variables, `+ - * / **`, coordinates `x[0]`, the constants pi and e, further constants (numbers or
vectors), and the functions
    sum mean norm2 (= |x|_2^2) dot                over coordinates: vector -> scalar
    exp log sin cos tanh sqrt abs sigmoid         elementwise
    min max                                       over coordinates with one argument, elementwise with more
    where(a < b, yes, no)                         elementwise choice
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar, cast, overload

from burnish_workers.core.expression_degree import degree
from burnish_workers.core.expression_factor import Factor, factor
from burnish_workers.core.expression_ops import NUMPY, FloatArray, Ops, evaluate
from burnish_workers.core.expression_parser import Constant, parse
from burnish_workers.core.expression_tree import ExpressionError, Kind, Node, Number, Shape, Vector, variables_of

__all__ = ["NUMPY", "Expression", "ExpressionError", "Ops"]

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed formula; immutable, hashable and picklable. Made by `Expression.parse`."""

    text: str
    tree: Node
    variables: tuple[tuple[str, Kind], ...]

    @classmethod
    def parse(
        cls,
        text: str,
        variables: Mapping[str, Kind],
        *,
        sizes: Mapping[str, int] | None = None,
        constants: Mapping[str, Constant] | None = None,
    ) -> Expression:
        """The expression written in `text`.

        variables  what may be used, each "scalar" or "vector" per sample;
        sizes      how many coordinates a vector has, where known: indices and mixtures are then checked here;
        constants  further named numbers or vectors besides pi and e, for example {"d": 3, "i": (1, 2, 3)}.
        Raises ExpressionError (a ValueError with message, position and cure).
        """
        known = sizes or {}
        shapes = {name: Shape(kind, known.get(name)) for name, kind in variables.items()}
        return cls(text, parse(text, shapes, constants or {}), tuple(variables.items()))

    @property
    def shape(self) -> Kind:
        """ "scalar" or "vector", per sample."""
        return self.tree.shape.kind

    @property
    def names(self) -> frozenset[str]:
        """The variables that occur."""
        return variables_of(self.tree)

    @property
    def is_constant(self) -> bool:
        """Whether no variable occurs."""
        return isinstance(self.tree, Number | Vector)

    def degree_in(self, names: AbstractSet[str]) -> int | None:
        """Polynomial degree jointly in `names` (an upper bound: u - u has degree 1); None if not a polynomial.

        Degree <= 1 in {"u", "z"} means that the equation is linear and its linearisation has no remainder.
        """
        return degree(self.tree, names)

    def factor_of(self, name: str) -> Factor | None:
        """c, () or (d,), where the formula is a constant times the vector `name`, coordinate by coordinate; else None.

        Read off the tree: 0.2*x, (0.1 + i/d)*x, 0.03*x - x/50 and 0 are, x*sum(x)/sum(x) is not.
        """
        return factor(self.tree, name)

    @overload
    def evaluate(self, env: Mapping[str, FloatArray]) -> FloatArray: ...
    @overload
    def evaluate(self, env: Mapping[str, A], ops: Ops[A]) -> A: ...
    def evaluate(self, env: Mapping[str, A], ops: Ops[A] | None = None) -> A:
        """The values on a batch: (B,) for a scalar, (B, d) for a vector, in the dtype of the arrays in `env`.

        Scalar variables have shape (B,) or (), vectors (B, d). Outside a function's domain the value is nan or inf,
        without a warning. Raises ExpressionError where a variable is missing or an index is out of range.
        """
        table = ops if ops is not None else cast(Ops[A], NUMPY)
        with table.quiet():
            return _fill(evaluate(self.tree, env, table), self.shape, env, dict(self.variables), table)


def _fill(value: A, kind: Kind, env: Mapping[str, A], kinds: Mapping[str, Kind], ops: Ops[A]) -> A:
    """The value on the whole batch: formulas without variables still answer once per sample."""
    batch: tuple[int, ...] = ()
    like: A | None = None
    for name, array in env.items():
        shape = ops.shape(array)
        shape = shape[:-1] if kinds.get(name) == "vector" else shape
        if len(shape) > len(batch):
            batch, like = shape, array
    wanted = (*batch, *ops.shape(value)[-1:]) if kind == "vector" else batch
    if not isinstance(value, float) and ops.shape(value) == wanted:
        return value
    return ops.fill(value, wanted, like)
