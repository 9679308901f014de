"""Rows on their way through a decoder, and the slots that they sit in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from burnish_workers.kinds.reasoning.backends.language.memory import Memory
from burnish_workers.kinds.reasoning.protocols import Drawn, Prefix, Step


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known behind the last token of a step: the hidden state (H,), and log V where the model has a value."""

    hidden: Tensor
    log_value: float | None


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt that was read once: row 0 of `memory` has its keys and values."""

    tokens: tuple[int, ...]
    memory: Memory
    mark: Mark


@dataclass(frozen=True, eq=False)
class Law:
    """How steps are drawn. `closes`: whether the text of a step holds a stop; `ends`: tokens that end a text."""

    temperature: float
    top_p: float
    limit: int
    depth: int
    ends: frozenset[int]
    closes: Callable[[Prefix, Sequence[int]], bool]


@dataclass(eq=False)
class Ticket:
    """A row of a batch as its owner knows it: `count` candidates, those that are finished in their places."""

    number: int
    owner: object
    found: list[Drawn | None]
    missing: int


@dataclass(eq=False)
class Row:
    """One candidate on its way. `random`: None for one that draws nothing, but visits `prefix` for its value.

    `look`: the value behind the drawn step is wanted; `note`: takes values of prefixes. `path`: the tokens of `prefix`.
    """

    ticket: Ticket
    place: int
    prompt: Prompt
    prefix: Prefix
    law: Law
    random: np.random.Generator | None
    look: bool
    note: Callable[[Prefix, float], None]
    path: Step = ()
    step: list[int] = field(default_factory=list[int])
    drawn: bool = False
    closed: dict[int, int] = field(default_factory=dict[int, int])
    """Steps that end behind so many tokens, of those that are still to be fed."""

    def __post_init__(self) -> None:
        self.path = tuple(token for step in self.prefix for token in step)

    @property
    def length(self) -> int:
        return len(self.path) + len(self.step)

    def token(self, place: int) -> int:
        return self.path[place] if place < len(self.path) else self.step[place - len(self.path)]

    def begins_at(self, fed: int) -> None:
        """Which steps are still to be fed."""
        end = len(self.path)
        for k in range(len(self.prefix), 0, -1):
            if end <= fed:
                return
            self.closed[end] = k
            end -= len(self.prefix[k - 1])

    def draw(self, token: int) -> None:
        self.step.append(token)
        law = self.law
        self.drawn = token in law.ends or len(self.step) >= law.limit or law.closes(self.prefix, self.step)
        if self.drawn:
            self.look = self.look and token not in law.ends and len(self.prefix) + 1 < law.depth
            self.closed[self.length] = len(self.prefix) + 1

    @property
    def whole(self) -> Prefix:
        """The prefix, and the step that was drawn."""
        return (*self.prefix, tuple(self.step)) if self.drawn else self.prefix


@dataclass(eq=False)
class Slot:
    """A row of the memory: the keys and values of `prompt` and of the first `fed` tokens of `steps` are there.

    `marks`: at ends of steps, by tokens behind the prompt. `used`: when a row last sat here.
    """

    number: int
    prompt: Prompt | None = None
    steps: Prefix = ()
    fed: int = 0
    marks: dict[int, Mark] = field(default_factory=dict[int, Mark])
    row: Row | None = None
    used: int = 0

    def shared(self, row: Row) -> int:
        """Tokens behind the prompt that this slot has in common with the path of a row; -1: not even the prompt."""
        if self.prompt is not row.prompt:
            return -1
        common = 0
        for own, other in zip(self.steps, row.prefix, strict=False):
            if own is not other and own != other:
                break
            common += len(own)
        return min(common, self.fed)

    def mark(self, at: int) -> Mark | None:
        return self.marks.get(at) if at or self.prompt is None else self.prompt.mark
