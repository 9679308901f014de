"""What the training of a small language model asks of its task. No torch."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_SHARE_HELD_OUT = 8


@dataclass(frozen=True)
class Shape:
    """Of the Llama: width of the stream, width between, layers, heads; `context`: most tokens."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    context: int


@dataclass(frozen=True)
class Fit:
    """How it is fitted: optimiser steps, texts of a batch, the highest rate of learning."""

    steps: int
    batch: int
    rate: float


@dataclass(frozen=True)
class TrainingTask:
    """A task by its texts.

    Attributes:
        alphabet: its characters, each a token.
        examples: (generator, count) -> pairs of a context and the continuation to learn, never with a held-out prompt.
        prompts: (generator, count, held_out) -> different prompts of the difficulty that counts.
        problems: (seed, count) -> held-out ones of these, by their seed.
        passes: (prompt, text) -> whether a completion is right.
        tokens: most tokens of a completion, the end of the text included.
        head_rollouts: own completions that the value head learns from.
        card: what the model's card says of it: summary, steps, answer, max_steps, check.
    """

    name: str
    alphabet: str
    shape: Shape
    fit: Fit
    examples: Callable[[np.random.Generator, int], list[tuple[str, str]]]
    prompts: Callable[[np.random.Generator, int, bool], list[str]]
    problems: Callable[[int, int], list[str]]
    passes: Callable[[str, str], bool]
    tokens: int
    head_rollouts: int
    card: dict[str, Any]


def is_held_out(prompt: str) -> bool:
    """One prompt in eight is never seen in training: which ones is a property of their text (CRC-32)."""
    return zlib.crc32(prompt.encode()) % _SHARE_HELD_OUT == 0


def distinct(draw: Callable[[], str], count: int, held_out: bool) -> list[str]:
    """`count` different prompts of the wanted side of the split, in the order drawn."""
    found: dict[str, None] = {}
    while len(found) < count:
        prompt = draw()
        if is_held_out(prompt) == held_out:
            found[prompt] = None
    return list(found)
