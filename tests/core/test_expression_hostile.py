"""What users may send that is no formula: every case ends in an ExpressionError that says what and where."""

from __future__ import annotations

import pickle

import pytest

from burnish_workers.core.expression import Expression, ExpressionError
from burnish_workers.core.expression_parser import MAX_DEPTH, MAX_NODES
from burnish_workers.core.expression_syntax import MAX_CHARACTERS

VARIABLES = {"t": "scalar", "u": "scalar", "x": "vector", "z": "vector"}


def parse(text: str) -> Expression:
    return Expression.parse(text, VARIABLES)


HOSTILE = {
    "": "empty",
    " \n\t ": "empty",
    "__import__('os').system('true')": "attribute access",
    "__import__('os')": "underscore",
    "__builtins__": "underscore",
    "().__class__.__bases__[0].__subclasses__()": "attribute access",
    "x.__class__": "attribute access",
    "u.real": "attribute access",
    "(lambda: u)()": "only named functions",
    "lambda: 0": "lambda",
    "[u for u in x]": "comprehension",
    "{u for u in x}": "comprehension",
    "{u: u for u in x}": "comprehension",
    "sum(u for u in x)": "comprehension",
    "'a'": "string",
    "b'a'": "string",
    "f'{u}'": "f-string",
    "u and t": "'and' and 'or'",
    "not u": "'not'",
    "~u": "'not'",
    "(u := 3)": "assignment",
    "u = 3": "not a formula",
    "sum(*x)": "starred",
    "where(*x, 1, 2)": "starred",
    "sum(x=x)": "keyword",
    "sum(**x)": "keyword",
    "u if t else 0": "if c else b",
    "u < t": "comparison",
    "where(u, 1, 2)": "not a comparison",
    "where(u < 1 and t < 1, 1, 2)": "'and' and 'or'",
    "where(0 < u < 1, 1, 2)": "chained",
    "where(u in x, 1, 2)": "'in' and 'is'",
    "where(u is t, 1, 2)": "'in' and 'is'",
    "u % 2": "operator",
    "u // 2": "operator",
    "x @ z": "operator",
    "u << 2": "operator",
    "u | 2": "operator",
    "u ^ 2": "'^' is not an operator",
    "[1, 2]": "list",
    "(1, 2)": "tuple",
    "{1, 2}": "set",
    "{1: 2}": "dictionary",
    "x[-1]": "negative index",
    "x[0:2]": "slice",
    "x[:]": "slice",
    "x[u]": "literal integer",
    "x[1.0]": "literal integer",
    "x[True]": "literal integer",
    "x[0, 1]": "literal integer",
    "True": "not a real number",
    "None": "not a real number",
    "...": "not a real number",
    "1j": "not a real number",
    "1e999": "beyond 1.8e308",
    "9" * 1000: "beyond 1.8e308",
    "0x" + "f" * 1900: "beyond 1.8e308",
    "9**9**9": "beyond +-64",
    "9**9**9**9**9**9": "beyond +-64",
    "u**65": "beyond +-64",
    "u**-64.5": "beyond +-64",
    "u**log(-1)": "beyond +-64",
    "((((9**64)**64)**64)**64)": "not a finite number",
    "1e308*10": "not a finite number",
    "1/0": "not a finite number",
    "0**-1": "not a finite number",
    "exp(1000)": "not a finite number",
    "(-8)**(1/3)": "not a finite number",
    "log(0)": "not a finite number",
    "eval(u)": "unknown function 'eval'",
    "open(u)": "unknown function 'open'",
    "print(u)": "unknown function 'print'",
    "u(3)": "'u' is not a function",
    "pi(3)": "'pi' is not a function",
    "2(u)": "only named functions",
    "sin": "'sin' is a function",
    "y": "unknown name 'y'",
    "u; t": "not a formula",
    "import os": "not a formula",
    "u +": "not a formula",
    ")": "not a formula",
    "(" * 1000: "not a formula",
    "-" * 1999 + "u": "nested",
    "sin(" * 60 + "u" + ")" * 60: "nested",
    "u" + "+u" * 60: "nested",
    "u\x00": "not plain ASCII",
    "\uff45\uff58\uff50(u)": "not plain ASCII",
    "u\u200b": "not plain ASCII",
    "u\u2212t": "not plain ASCII",
    "\U0001d4ca + 1": "not plain ASCII",
    "u # t": "comment",
    "await u": "await",
    "(yield u)": "yield",
    "u" * 2001: "2001 characters",
    "max(" + ",".join(["u"] * 401) + ")": "more than 400 parts",
    "u\\": "not a formula",
    "1if 2else 3": "if c else b",
}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:40]))
def test_hostile_input_ends_in_an_expression_error(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    error = caught.value
    assert HOSTILE[text] in error.message
    assert error.cure
    assert error.position is None or 0 <= error.position <= len(text)


def test_errors_point_and_cure() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("u + sinn(t)")
    assert caught.value.position == 4
    assert "did you mean 'sin'?" in caught.value.cure
    assert str(caught.value).startswith("unknown function 'sinn' (column 5); did you mean 'sin'? known: sum, mean")
    with pytest.raises(ExpressionError) as caught:
        parse("  u + tt*2")
    assert caught.value.position == 6
    assert "known: t, u, x, z, pi, e, sum" in caught.value.cure
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.message, again.position, again.cure) == (
        caught.value.message,
        caught.value.position,
        caught.value.cure,
    )


def test_caps_are_where_they_are_said_to_be() -> None:
    parse("u" + " " * (MAX_CHARACTERS - 1))
    parse("-" * (MAX_DEPTH - 1) + "u")
    parse("max(" + ",".join(["u"] * (MAX_NODES - 1)) + ")")
    parse("u**64 + u**-64")
    for text in ("u" + " " * MAX_CHARACTERS, "-" * MAX_DEPTH + "u", "max(" + ",".join(["u"] * MAX_NODES) + ")"):
        with pytest.raises(ExpressionError):
            parse(text)
