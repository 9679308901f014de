"""Kernels ask, a driver answers: a kernel is a generator that yields what it needs and goes on with the reply.

So the same kernel runs alone, beside many chains in one batch of a language model, or under a proof that goes through
all outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from burnish_workers.kinds.reasoning.protocols import Prefix
from burnish_workers.kinds.reasoning.source import Source
from burnish_workers.kinds.reasoning.state import Child, State

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Grow:
    """Draw `count` candidates for the next step of `prefix`, by the chain's own randomness.

    `inner`: look at the values of inner nodes too; leaves are always looked at.
    """

    prefix: Prefix
    count: int
    source: Source
    inner: bool = True


@dataclass(frozen=True, slots=True)
class Judge:
    """Look at the value of `prefix`, an inner node: the reply is a child that holds it."""

    prefix: Prefix
    source: Source


Asks = Sequence[Grow | Judge]
Replies = list[tuple[Child, ...]]
Work = Generator[Asks, Replies, T]


@dataclass(slots=True)
class Fresh:
    """What kernels drew anew, whether it was accepted or not.

    `ratios`: log B of the pools that K1 drew to go down, (depth of the parent, log B); `rollouts`: the whole paths that
    K4 wrote by the base law, with log tau/beta.
    """

    ratios: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    rollouts: list[tuple[Prefix, float]] = field(default_factory=list[tuple[Prefix, float]])


@dataclass(frozen=True, slots=True)
class Setting:
    """What kernels go by. `pool`: K; `depth`: T_max; `beta`: temperature of the tilt tau = exp(v/beta);
    `particles`: N of a particle filter; `moves`: local moves after which an excursion is given up.

    `fresh` takes what the Bellman gauge is made of; `answer` says what a leaf answers, for methods
    that vote; `betas`: of the rungs of a ladder, the first that of the answer; `power`: alpha of the method `power`.
    """

    source: Source
    pool: int
    depth: int
    beta: float = 1.0
    particles: int = 8
    moves: int = 64
    fresh: Fresh = field(default_factory=Fresh)
    answer: Callable[[Prefix], str] = str
    betas: tuple[float, ...] = ()
    power: float = 4.0


Move = Generator[Asks, Replies, State]
"""A kernel applied to a state: leaves the law mu as it is."""


def together(works: Sequence[Work[T]]) -> Work[list[T]]:
    """Several pieces of work as one that asks for all of them at once; each goes on until it is done."""
    done: dict[int, T] = {}
    asked: dict[int, Asks] = {}
    for i, work in enumerate(works):
        _advance(i, work, None, asked, done)
    while asked:
        waiting = list(asked)
        replies = yield [ask for i in waiting for ask in asked[i]]
        start = 0
        for i in waiting:
            own = replies[start : start + len(asked[i])]
            start += len(own)
            del asked[i]
            _advance(i, works[i], own, asked, done)
    return [done[i] for i in range(len(works))]


def _advance(i: int, work: Work[T], replies: Replies | None, asked: dict[int, Asks], done: dict[int, T]) -> None:
    try:
        asked[i] = next(work) if replies is None else work.send(replies)
    except StopIteration as end:
        done[i] = end.value
