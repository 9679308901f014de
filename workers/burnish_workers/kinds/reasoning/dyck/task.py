"""Words of the Dyck language over ()[] of length 32; a prompt is the deepest half of one, 16 open brackets. No torch.

Training texts open a bracket with chance 1/2 where they may, so that few are deep. Prompts open all of theirs: the
model has seen the rule but hardly such depth, and errs as networks of its size do. One completion is right, the mirror
image.

A step is two characters: pools of single characters would hold few different candidates (often one is certain), and
longer steps leave too few places to turn back. Eight steps finish the word; the model ends the text behind it.
"""

from __future__ import annotations

import numpy as np

from burnish_workers.kinds.reasoning.checks.dyck import passes
from burnish_workers.kinds.reasoning.training.task import Fit, Shape, TrainingTask, distinct, is_held_out

LENGTH, GIVEN = 32, 16
HARD = 1.0
"""Chance that a prompt opens a bracket; with .9 prompts are 13 deep on average, and two completions in five right."""
_PAIRS = ("()", "[]")


def problems(seed: int, count: int) -> list[str]:
    """Different held-out prompts, of 16 brackets each, by their seed."""
    return prompts(np.random.default_rng([32, seed]), count, True)


def prompts(generator: np.random.Generator, count: int, held_out: bool) -> list[str]:
    return distinct(lambda: word(generator, HARD)[:GIVEN], count, held_out)


def examples(generator: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """Whole words, none with a held-out prompt."""
    found: list[tuple[str, str]] = []
    while len(found) < count:
        text = word(generator, 0.5)
        if not is_held_out(text[:GIVEN]):
            found.append(("", text))
    return found


def word(generator: np.random.Generator, opening: float) -> str:
    """A random word of `LENGTH`: where both may follow, a bracket is opened with chance `opening`."""
    text, opened = "", list[int]()
    for chance, kind in zip(generator.random(LENGTH), generator.integers(0, len(_PAIRS), LENGTH), strict=True):
        if not opened or (len(opened) < LENGTH - len(text) and chance < opening):
            opened.append(int(kind))
            text += _PAIRS[kind][0]
        else:
            text += _PAIRS[opened.pop()][1]
    return text


TASK = TrainingTask(
    name="dyck",
    alphabet="()[]",
    shape=Shape(hidden=64, intermediate=192, layers=3, heads=4, context=64),
    fit=Fit(steps=1_500, batch=32, rate=3e-3),
    examples=examples,
    prompts=prompts,
    problems=problems,
    passes=passes,
    tokens=LENGTH - GIVEN,
    head_rollouts=8_192,
    card={
        "summary": "closes the brackets ()[] that a prompt of 16 leaves open, within 16 more",
        "steps": {"stops": [], "tokens": 2},
        "answer": {"type": "text"},
        "max_steps": 8,
        "check": {"type": "balanced"},
    },
)
