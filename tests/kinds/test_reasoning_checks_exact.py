"""The exact checks of brackets and of arithmetic, against other ways to find the same."""

from __future__ import annotations

import itertools
import time
from fractions import Fraction

import numpy as np
import pytest

from burnish_workers.kinds.reasoning.arithmetic.task import examples, expression, worked_out
from burnish_workers.kinds.reasoning.checks import arithmetic, dyck


def balanced_by_removal(word: str) -> bool:
    """Take out neighbours that match until nothing changes."""
    before = None
    while word != before:
        before, word = word, word.replace("()", "").replace("[]", "").replace("{}", "").replace("<>", "")
    return not word


def test_brackets_agree_with_removal_on_all_short_words():
    words = ["".join(word) for length in range(8) for word in itertools.product("()[]", repeat=length)]
    found = [dyck.passes(word[: len(word) // 2], word[len(word) // 2 :]) for word in words]
    assert found == [balanced_by_removal(word) for word in words]
    assert 0 < sum(found) < len(found)


@pytest.mark.parametrize(
    ("prompt", "text", "right"),
    [
        ("{<", ">}", True),
        ("{<", "}>", False),
        ("( [", "\n])", True),
        ("(a", ")", False),
        ("", "", True),
        ("(", "", False),
        ("", ")(", False),
    ],
)
def test_brackets_of_all_kinds_and_nothing_else(prompt: str, text: str, right: bool):
    assert dyck.passes(prompt, text) is right


def random_expression(generator: np.random.Generator, depth: int) -> tuple[str, Fraction]:
    """An expression and its value, built together: the parser's opposite. May raise ZeroDivisionError."""
    if depth == 0 or generator.random() < 0.2:
        number = int(generator.integers(0, 20))
        return str(number), Fraction(number)
    left, a = random_expression(generator, depth - 1)
    right, b = random_expression(generator, depth - 1)
    operator = "+-*/"[generator.integers(4)]
    value = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[operator]()
    sign = "-" if generator.random() < 0.2 else ""
    return f"{sign}({left}{' ' if generator.random() < 0.3 else ''}{operator}{right})", -value if sign else value


def test_values_agree_with_how_expressions_were_built():
    generator, compared = np.random.default_rng(5), 0
    while compared < 300:
        try:
            text, value = random_expression(generator, 4)
        except ZeroDivisionError:
            continue
        if any(operator in text for operator in "+-*/"):
            assert arithmetic.value_of(f"What is {text} ?") == value, text
            compared += 1


def test_precedence_agrees_with_python():
    generator = np.random.default_rng(6)
    for _ in range(300):
        numbers, operators = generator.integers(0, 30, 6), generator.choice([*"+-*"], 5)
        text = "".join(f"{a}{b}" for a, b in zip(numbers, [*operators, ""], strict=True))
        assert arithmetic.value_of(text + "=") == eval(text), text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8-3-2=", 3),
        ("8/4/2=", 1),
        ("1/3+1/6 = ", Fraction(1, 2)),
        ("-2*-3", 6),
        ("2--3", 5),
        ("1.5*2", 3),
        (".5+.25", Fraction(3, 4)),
        ("Two rows of 3+4, one of 5*6?", 30),
        ("Work out 3+4 - step by step.", 7),
        ("It is well-known: (2+3)*4.", 20),
        ("1/0", None),
        ("no numbers here", None),
        ("only 7", None),
        ("3+", None),
        ("(3+4", None),
        ("3+4)", None),
        ("3 4+1", None),
        ("1+" * 1_100 + "1", None),
    ],
)
def test_values_of_expressions(text: str, value: Fraction | int | None):
    assert arithmetic.value_of(text) == value


@pytest.mark.parametrize("hostile", ["+" * 200_000, "1" * 200_000, "(" * 200_000, "1+" * 100_000, "1 " * 100_000])
def test_hostile_texts_take_no_time(hostile: str):
    began = time.process_time()
    assert not arithmetic.passes(hostile, hostile)
    assert not arithmetic.passes("1+1=", hostile)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("37+170-16\n207-16\n191", 191),
        ("207-16", 16),
        ("5-9\n-4", -4),
        ("(3)-4", 4),
        ("The answer is -12.", -12),
        ("x = 0.25", Fraction(1, 4)),
        ("1.5-2", 2),
        ("it is .5", Fraction(1, 2)),
        ("nothing", None),
        ("", None),
        ("9" * 3_000, None),
    ],
)
def test_the_last_number_of_a_text(text: str, value: Fraction | int | None):
    assert arithmetic.last_number(text) == value


def test_arithmetic_passes_right_answers_alone():
    generator = np.random.default_rng(7)
    for prompt, text in examples(generator, 200):
        assert arithmetic.passes(prompt, text)
        assert arithmetic.passes(prompt, text) is not arithmetic.passes(
            prompt, text[:-1] + str((int(text[-1]) + 1) % 10)
        )
    assert not arithmetic.passes("nothing to work out", "0")


def test_each_line_does_one_operation_and_keeps_the_value():
    generator = np.random.default_rng(8)
    for operations in (1, 2, 3, 4):
        for _ in range(50):
            text = expression(generator, operations)
            lines = worked_out(text)
            assert len(lines) == operations
            assert all(eval(line) == eval(text) for line in lines)
    with pytest.raises(ValueError, match="no expression"):
        worked_out("3+x")
