"""Answers what the kernels of a chain ask, and counts what that costs.

Inner values are floored, at 1e-4 by default: a node of value 0 would never be entered, and would hide what lies below.
Leaves are never floored: that would change the target. A verifier that is not noisy is asked once for a prefix; of one
that is, each draw is kept in the state of the chain that rests on it (pseudo-marginal: Andrieu and Roberts 2009).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from burnish_workers.kinds.reasoning.protocols import Backend, Drawn, Extension, Look, Prefix, Verifier, is_leaf
from burnish_workers.kinds.reasoning.requests import Asks, Grow, Judge, Replies, Work
from burnish_workers.kinds.reasoning.source import Source
from burnish_workers.kinds.reasoning.state import Child

T = TypeVar("T")

FLOOR = math.log(1e-4)


class BadValue(ValueError):
    """A verifier returned what is no value."""


@dataclass(frozen=True, slots=True)
class Found:
    """A leaf that the verifier saw: after how many tokens, and its score v."""

    tokens: int
    prefix: Prefix
    score: float


@dataclass(slots=True)
class Oracle:
    """A backend and a verifier, with an account.

    Attributes:
        tokens: generated so far, those of rejected candidates included.
        calls: prefixes that the verifier was asked about.
        leaves: those that were seen, in order.
    """

    backend: Backend
    verifier: Verifier
    floor: float = FLOOR
    tokens: int = 0
    calls: int = 0
    leaves: list[Found] = field(default_factory=list[Found])
    _seen: dict[Prefix, float] = field(default_factory=dict[Prefix, float])

    def root(self, source: Source) -> float:
        """log V of the empty prefix."""
        return self._values([Look((), False, source)])[0]

    def run(self, work: Work[T]) -> T:
        """Do a piece of work alone; `driver.drive` does that of several chains at once."""
        try:
            asks = next(work)
            while True:
                rows = rows_of(asks)
                asks = work.send(self.reply(asks, self.backend.extend(rows) if rows else []))
        except StopIteration as end:
            return end.value

    def reply(self, asks: Asks, found: Sequence[list[Drawn]]) -> Replies:
        """What is said to `asks`, given what was drawn for their rows."""
        drawn = iter(found)
        replies = [self._children(ask, next(drawn)) if isinstance(ask, Grow) else [_last(ask)] for ask in asks]
        places, looks = list[tuple[int, int]](), list[Look]()
        for i, (ask, children) in enumerate(zip(asks, replies, strict=True)):
            for j, child in enumerate(children):
                if isinstance(ask, Judge) or child.leaf or ask.inner:
                    prefix = ask.prefix if isinstance(ask, Judge) else (*ask.prefix, child.step)
                    places.append((i, j))
                    looks.append(Look(prefix, child.leaf, ask.source))
        for (i, j), value in zip(places, self._values(looks), strict=True):
            child = replies[i][j]
            replies[i][j] = Child(child.step, child.leaf, value)
        return [tuple(children) for children in replies]

    def _children(self, ask: Grow, candidates: Sequence[Drawn]) -> list[Child]:
        self.tokens += sum(each.tokens for each in candidates)
        return [Child(each.step, is_leaf(self.backend, (*ask.prefix, each.step))) for each in candidates]

    def _values(self, looks: Sequence[Look]) -> list[float]:
        """Values of prefixes, each asked for once where the verifier is not noisy."""
        noisy, fresh = self.verifier.noisy, dict[Prefix, Look]()
        if noisy:
            found = self._ask(looks)
        else:
            fresh = {look.prefix: look for look in looks if look.prefix not in self._seen}
            self._seen.update(zip(fresh, self._ask(list(fresh.values())), strict=True))
            found = [self._seen[look.prefix] for look in looks]
        for look, value in zip(looks, found, strict=True):
            if look.leaf:
                self.leaves.append(Found(self.tokens, look.prefix, value))
        return found

    def _ask(self, looks: Sequence[Look]) -> list[float]:
        if not looks:
            return []
        self.calls += len(looks)
        return [self._sound(look, value) for look, value in zip(looks, self.verifier.log_values(looks), strict=True)]

    def _sound(self, look: Look, value: float) -> float:
        if math.isnan(value) or value == math.inf:
            where = "leaf" if look.leaf else "prefix"
            raise BadValue(f"the verifier gave {value} to the {where} {look.prefix}; values are numbers, scores too")
        return value if look.leaf else max(value, self.floor)


def rows_of(asks: Asks) -> list[Extension]:
    """What a backend is asked for."""
    return [Extension(ask.prefix, ask.count, ask.source, ask.inner) for ask in asks if isinstance(ask, Grow)]


def _last(ask: Judge) -> Child:
    return Child(ask.prefix[-1] if ask.prefix else (), leaf=False)
