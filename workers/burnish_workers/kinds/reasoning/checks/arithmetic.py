"""Exact check of arithmetic: is the last number that was written the value of the expression in the prompt?"""

from __future__ import annotations

import re
from fractions import Fraction

MOST = 2_000
"""Characters of an expression, and digits of a number that was written: exact integers grow with them."""

_RUN = re.compile(r"[-+*/().\d\s]+", re.ASCII)
_TOKEN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+|[-+*/()])", re.ASCII)
_NUMBER = re.compile(r"(?:(?<![\d.)])-)?(?:\d+(?:\.\d+)?|\.\d+)", re.ASCII)
_DIGITS, _OPERATORS = frozenset("0123456789"), frozenset("+-*/")
_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "negative": 3}


def passes(prompt: str, text: str) -> bool:
    """Whether the last number of `text` equals the value of the last expression of `prompt`, as exact fractions.

    A prompt without an expression that has a value (none, a division by zero, too long) is passed by nothing.
    """
    expected, found = value_of(prompt), last_number(text)
    return expected is not None and expected == found


def value_of(prompt: str) -> Fraction | None:
    """The value of the last expression in `prompt` that has an operator, of + - * / and parentheses; None where none.

    >>> value_of("37+85*2-16=")
    Fraction(191, 1)
    """
    runs = [run.lstrip(" \t\r\n*/)").rstrip(" \t\r\n+-*/(") for run in _RUN.findall(prompt)]
    expressions = [run for run in runs if not _DIGITS.isdisjoint(run) and not _OPERATORS.isdisjoint(run)]
    if not expressions or len(expressions[-1]) > MOST:
        return None
    try:
        return _evaluated(expressions[-1])
    except (ValueError, ZeroDivisionError):
        return None


def last_number(text: str) -> Fraction | None:
    """The last number in `text`; a minus sign belongs to it unless it follows a number or a parenthesis.

    >>> last_number("207-16\\n191")
    Fraction(191, 1)
    """
    found = _NUMBER.findall(text)
    return Fraction(found[-1]) if found and len(found[-1]) <= MOST else None


def _evaluated(expression: str) -> Fraction:
    """Dijkstra's shunting yard. Raises ValueError for what is no expression, ZeroDivisionError."""
    values, operators, expects_value, at = list[Fraction](), list[str](), True, 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise ValueError(f"no number and no operator at {expression[at:]!r}")
        token, at = match[1], match.end()
        if expects_value and token in "+-":
            operators += ["negative"] if token == "-" else []
        elif expects_value != (token == "(" or token[0] in ".0123456789"):
            raise ValueError(f"{token!r} is out of place")
        elif token == "(":
            operators.append(token)
        elif token == ")":
            _close(values, operators)
        elif token in _BINDS:
            _reduce(values, operators, _BINDS[token])
            operators.append(token)
            expects_value = True
        else:
            values.append(Fraction(token))
            expects_value = False
    if expects_value or "(" in operators:
        raise ValueError("the expression is not finished")
    _reduce(values, operators, 0)
    return values[0]


def _close(values: list[Fraction], operators: list[str]) -> None:
    _reduce(values, operators, 0)
    if not operators:
        raise ValueError("')' closes nothing")
    operators.pop()


def _reduce(values: list[Fraction], operators: list[str], binding: int) -> None:
    """Do what binds at least so tightly, from the right, up to an open parenthesis."""
    while operators and operators[-1] != "(" and _BINDS[operators[-1]] >= binding:
        operator, right = operators.pop(), values.pop()
        if operator == "negative":
            values.append(-right)
        elif operator == "+":
            values.append(values.pop() + right)
        elif operator == "-":
            values.append(values.pop() - right)
        elif operator == "*":
            values.append(values.pop() * right)
        else:
            values.append(values.pop() / right)
