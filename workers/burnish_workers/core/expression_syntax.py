"""From text to Python's syntax tree, and what to say about the parts of Python that are no formula."""

from __future__ import annotations

import ast
import warnings

from burnish_workers.core.expression_tree import ExpressionError

MAX_CHARACTERS = 2_000

_USE_WHERE = "use where(condition, a, b)"
_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Attribute: ("attribute access is not part of expressions", "call functions by name, for example exp(x)"),
    ast.Lambda: ("a lambda is not part of expressions", "write the formula itself"),
    ast.ListComp: ("a comprehension is not part of expressions", "use sum(), mean() or norm2() of a vector"),
    ast.SetComp: ("a comprehension is not part of expressions", "use sum(), mean() or norm2() of a vector"),
    ast.DictComp: ("a comprehension is not part of expressions", "use sum(), mean() or norm2() of a vector"),
    ast.GeneratorExp: ("a comprehension is not part of expressions", "use sum(), mean() or norm2() of a vector"),
    ast.BoolOp: ("'and' and 'or' are not part of expressions", "nest where() or multiply two where()"),
    ast.NamedExpr: ("an assignment (:=) is not part of expressions", "write the subexpression where it is needed"),
    ast.JoinedStr: ("an f-string is not part of expressions", "write the number itself"),
    ast.Starred: ("a starred argument is not part of expressions", "name each argument"),
    ast.IfExp: ("'a if c else b' is not part of expressions", _USE_WHERE),
    ast.Compare: ("a comparison stands only in the condition of where()", _USE_WHERE),
    ast.List: ("a list is not part of expressions", "vectors come from variables such as x"),
    ast.Tuple: ("a tuple is not part of expressions", "use one formula without commas outside calls"),
    ast.Set: ("a set is not part of expressions", "vectors come from variables such as x"),
    ast.Dict: ("a dictionary is not part of expressions", "vectors come from variables such as x"),
    ast.Slice: ("a slice is not part of expressions", "index one coordinate, for example x[0]"),
    ast.Await: ("'await' is not part of expressions", "write the formula itself"),
    ast.Yield: ("'yield' is not part of expressions", "write the formula itself"),
    ast.YieldFrom: ("'yield' is not part of expressions", "write the formula itself"),
}


def read(text: str) -> ast.expr:
    """The syntax tree of one formula; columns are positions in `text`. Raises ExpressionError."""
    _check_characters(text)
    # Blanks instead of line ends and leading space keep columns equal to positions in the text.
    flat = "".join(" " if character in "\t\r\n" else character for character in text)
    source = flat.lstrip()
    offset = len(flat) - len(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        position = None if error.offset is None else min(offset + max(error.offset - 1, 0), len(text))
        raise ExpressionError(
            f"not a formula: {error.msg}", position, "check operators, commas and parentheses"
        ) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        raise ExpressionError("the formula is nested too deeply to be read", None, "use fewer parentheses") from None
    for node in ast.walk(body):
        if isinstance(node, ast.expr):
            node.col_offset += offset
    return body


def _check_characters(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"the formula has {len(text)} characters, at most {MAX_CHARACTERS} are read", None, "shorten it"
        )
    if not text.strip():
        raise ExpressionError("the formula is empty", None, "write a number or a formula, for example 0")
    for position, character in enumerate(text):
        if not (" " <= character <= "~" or character in "\t\r\n"):
            # Python folds look-alikes (full-width letters) into ASCII names; we never let it come to that.
            raise ExpressionError(f"the character {character!a} is not plain ASCII", position, "retype it")
        if character == "#":
            raise ExpressionError("a comment is not part of expressions", position, "leave it out")
        if character == "^":
            raise ExpressionError("'^' is not an operator", position, "write ** for a power")


def refusal(node: ast.expr) -> ExpressionError:
    """The error for a construct that is valid Python but no formula."""
    match node:
        case ast.BinOp():
            message, cure = "this operator is not part of expressions", "use + - * / **"
        case ast.UnaryOp():
            message, cure = "'not' and '~' are not part of expressions", "use + or - before a value"
        case _:
            message, cure = _REFUSED.get(
                type(node), (f"{type(node).__name__} is not part of expressions", "write a formula")
            )
    return ExpressionError(message, node.col_offset, cure)
