"""Expressions like 7+8*5-6 and how they are worked out, an operation a line. No torch.

    7+8*5-6=        the prompt
    7+40-6          products first, from the left
    47-6            then sums and differences, from the left
    41              the end of the text follows at once

Digits are tokens, the first digit of a sum is written before its carries are known, and the training is short: the
model errs as people who do sums in their head do. A step is a line, the running state of the work.
"""

from __future__ import annotations

import re

import numpy as np

from burnish_workers.kinds.reasoning.checks.arithmetic import passes
from burnish_workers.kinds.reasoning.training.task import Fit, Shape, TrainingTask, distinct, is_held_out

OPERATIONS, MOST_OPERATIONS = 3, 4
"""Of a prompt, and of training texts, which have 1 up to so many."""
LARGEST = 9

_PRODUCT = re.compile(r"(\d+)\*(\d+)")
_SUM = re.compile(r"(-?\d+)([-+])(\d+)")


def problems(seed: int, count: int) -> list[str]:
    """Different held-out prompts by their seed."""
    return prompts(np.random.default_rng([85, seed]), count, True)


def prompts(generator: np.random.Generator, count: int, held_out: bool) -> list[str]:
    return distinct(lambda: expression(generator, OPERATIONS) + "=", count, held_out)


def examples(generator: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """Prompts, none held out, and how they are worked out; all of one number of operations, to be alike in length."""
    found: list[tuple[str, str]] = []
    operations = int(generator.integers(1, MOST_OPERATIONS + 1))
    while len(found) < count:
        text = expression(generator, operations)
        if not is_held_out(text + "="):
            found.append((text + "=", "\n".join(worked_out(text))))
    return found


def expression(generator: np.random.Generator, operations: int) -> str:
    """Numbers of 1 .. 9 with + and -; one operation in three is a product with 2 .. 9, never two in a row."""
    text, product = str(generator.integers(1, LARGEST + 1)), False
    for _ in range(operations):
        product = not product and bool(generator.random() < 1 / 3)
        if product:
            text += f"*{generator.integers(2, LARGEST + 1)}"
        else:
            text += f"{'+-'[generator.integers(2)]}{generator.integers(1, LARGEST + 1)}"
    return text


def worked_out(text: str) -> list[str]:
    """The lines that should follow an expression of non-negative numbers, + - *: one operation less in each."""
    lines: list[str] = []
    while not re.fullmatch(r"-?\d+", text):
        text = _reduced(text)
        lines.append(text)
    return lines


def _reduced(text: str) -> str:
    if product := _PRODUCT.search(text):
        return f"{text[: product.start()]}{int(product[1]) * int(product[2])}{text[product.end() :]}"
    found = _SUM.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no expression of numbers, + - *")
    a, b = int(found[1]), int(found[3])
    return f"{a + b if found[2] == '+' else a - b}{text[found.end() :]}"


TASK = TrainingTask(
    name="arithmetic",
    alphabet="0123456789+-*=\n",
    shape=Shape(hidden=96, intermediate=192, layers=3, heads=4, context=128),
    fit=Fit(steps=2_800, batch=32, rate=4e-3),
    examples=examples,
    prompts=prompts,
    problems=problems,
    passes=passes,
    tokens=72,
    head_rollouts=4_096,
    card={
        "summary": "works out sums, differences and products, an operation a line",
        "steps": {"stops": ["\n"], "tokens": 16},
        "answer": {"type": "number"},
        "max_steps": MOST_OPERATIONS + 1,
        "check": {"type": "arithmetic"},
    },
)
