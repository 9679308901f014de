"""Which functions exist, how many arguments they take, and the shape of what they return."""

from __future__ import annotations

from collections.abc import Sequence

from burnish_workers.core.expression_tree import SCALAR, ExpressionError, Shape

ELEMENTWISE = ("exp", "log", "sin", "cos", "tanh", "sqrt", "abs", "sigmoid")
REDUCTIONS = ("sum", "mean", "norm2")
EXTREMA = ("min", "max")
FUNCTIONS = (*REDUCTIONS, "dot", *ELEMENTWISE, *EXTREMA, "where")
ARITHMETIC = ("+", "-", "*", "/", "**", "neg")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


def is_reduction(op: str, arguments: int) -> bool:
    """Whether `op` folds one vector into a scalar; min and max do so with a single argument."""
    return op in REDUCTIONS or (op in EXTREMA and arguments == 1)


def result_shape(op: str, arguments: Sequence[Shape], position: int) -> Shape:
    """The shape of op(arguments). Raises ExpressionError for a wrong arity or a wrong shape."""
    if op in FUNCTIONS:
        _check_arity(op, len(arguments), position)
    if is_reduction(op, len(arguments)) or op == "dot":
        _check_vectors(op, arguments, position)
    common = _common(op, arguments, position)
    return SCALAR if op == "dot" or is_reduction(op, len(arguments)) else common


def _check_arity(op: str, given: int, position: int) -> None:
    if op in EXTREMA:
        if given == 0:
            raise ExpressionError(f"{op}() needs at least one argument", position, f"write {op}(x) or {op}(a, b)")
        return
    wanted, example = {"dot": (2, "dot(x, z)"), "where": (3, "where(u < 0, 0, u)")}.get(op, (1, f"{op}(x)"))
    if given != wanted:
        plural = "" if wanted == 1 else "s"
        raise ExpressionError(f"{op}() takes {wanted} argument{plural}, got {given}", position, f"write {example}")


def _check_vectors(op: str, arguments: Sequence[Shape], position: int) -> None:
    if any(shape.kind == "scalar" for shape in arguments):
        cure = f"give {op} two values or more" if op in EXTREMA else "give it a vector such as x"
        raise ExpressionError(f"{op}() of a scalar: it runs over the coordinates of a vector", position, cure)


def _common(op: str, arguments: Sequence[Shape], position: int) -> Shape:
    vectors = [shape for shape in arguments if shape.kind == "vector"]
    sizes = sorted({shape.size for shape in vectors if shape.size is not None})
    if len(sizes) > 1:
        listed = " and ".join(str(size) for size in sizes)
        raise ExpressionError(
            f"{op!r} combines vectors of sizes {listed}", position, "reduce one of them first, for example with sum()"
        )
    if not vectors:
        return SCALAR
    return Shape("vector", sizes[0] if sizes else None)
