"""Proof by enumeration: every outcome of a kernel with its chance, from the code that runs in production."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from burnish_workers.kinds.reasoning.backends.enumerable import Node, TreeBackend, TreeVerifier
from burnish_workers.kinds.reasoning.oracle import Oracle
from burnish_workers.kinds.reasoning.pools import fill
from burnish_workers.kinds.reasoning.protocols import Look, Prefix, is_leaf
from burnish_workers.kinds.reasoning.requests import Move, Setting, Work
from burnish_workers.kinds.reasoning.source import Source
from burnish_workers.kinds.reasoning.state import Child, Level, State

T = TypeVar("T")

EXACT, WRONG = 1e-12, 1e-3
"""What an enumeration may be off by, and what a mutant must be off by at least."""


def leaf(name: str, chance: float, tau: float) -> Node:
    return Node(name, chance, tau)


TREE = Node(
    "root",
    1.0,
    0.7,
    (
        leaf("a", 0.35, 0.9),
        Node(
            "b",
            0.65,
            2.5,
            (
                leaf("ba", 0.6, 0.2),
                Node("bb", 0.4, 0.05, (Node("bba", 0.3, 3.0, (leaf("bbaa", 1.0, 1.0),)), leaf("bbb", 0.7, 0.4))),
            ),
        ),
    ),
)
"""Leaves at depths 1, 2 and 3; some of them by T_max, 2 or 3, without having ended. Inner values are wrong by factors
of up to twenty."""

LEAFY = replace(TREE, value=0.05, children=(TREE.children[0], replace(TREE.children[1], value=0.1)))
"""With inner values that promise little, so that most of the mass is at leaves."""

WITH_ZERO = replace(TREE, children=(replace(TREE.children[0], value=0.0), TREE.children[1]))
"""The same with a leaf that an exact check refuses."""


Noise = tuple[tuple[float, float], ...]
"""What a verifier multiplies a value by, and the chance of that."""

NOISE: Noise = ((0.5, 0.75), (2.5, 0.25))
"""Right in the mean, so that E[tau] is tau."""

REFUSING: Noise = ((0.0, 0.6), (2.5, 0.4))
"""The same for a verifier that refuses what it accepts at another time."""


@dataclass(frozen=True)
class NoisyVerifier:
    """The values of a tree, off by a factor that is drawn for each look: by `ends` at leaves, by `inner` elsewhere."""

    root: Node
    ends: Noise
    inner: Noise
    noisy: bool = True

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        return [self._log_value(row) for row in rows]

    def _log_value(self, row: Look) -> float:
        noise = self.ends if row.leaf else self.inner
        factor, _ = noise[row.source.choose([chance for _, chance in noise])]
        return logarithm(self.root.find(row.prefix).value * factor)


def logarithm(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


STILL: Noise = ((1.0, 1.0),)


class Exhaustive:
    """Follows a given list of outcomes, and then takes the first that is possible at every further choice."""

    def __init__(self, plan: list[int]):
        self._plan, self.taken = plan, list[tuple[int, list[float]]]()

    def choose(self, weights: Sequence[float]) -> int:
        place, total = len(self.taken), sum(weights)
        chances = [weight / total for weight in weights]
        index = self._plan[place] if place < len(self._plan) else _next(chances, 0)
        assert index is not None
        self.taken.append((index, chances))
        return index

    def bits(self) -> int:
        raise AssertionError("what is drawn by other generators cannot be enumerated")


def _next(chances: Sequence[float], first: int) -> int | None:
    return next((i for i in range(first, len(chances)) if chances[i] > 0), None)


def outcomes(run: Callable[[Source], T]) -> Iterator[tuple[T, float]]:
    """What `run` may return, with the chance of each way there: depth first through all its choices."""
    plan: list[int] | None = []
    while plan is not None:
        source = Exhaustive(plan)
        found = run(source)
        yield found, math.prod(chances[index] for index, chances in source.taken)
        plan = _following(source.taken)


def _following(taken: list[tuple[int, list[float]]]) -> list[int] | None:
    for place in reversed(range(len(taken))):
        index, chances = taken[place]
        later = _next(chances, index + 1)
        if later is not None:
            return [*(i for i, _ in taken[:place]), later]
    return None


class Space:
    """The extended state space of a tree: all paths with all their pools, and the measure mu."""

    def __init__(
        self,
        root: Node,
        pool: int = 2,
        depth: int = 2,
        beta: float = 1.0,
        ends: Noise = STILL,
        inner: Noise = STILL,
    ):
        self.root, self.pool, self.depth, self.beta = root, pool, depth, beta
        self.ends_noise, self.inner_noise = ends, inner
        still = ends == inner == STILL
        self.backend = TreeBackend(root, depth)
        self.verifier = TreeVerifier(root) if still else NoisyVerifier(root, ends, inner)
        self.root_value = self.oracle().root(Exhaustive([]))
        mass = dict(self._states(State(self.root_value), 1.0))
        total = sum(mass.values())
        self.measure = {state: weight / total for state, weight in mass.items() if weight > 0}

    def oracle(self) -> Oracle:
        return Oracle(self.backend, self.verifier)

    def setting(self, source: Source, **more: Any) -> Setting:
        return Setting(source, self.pool, self.depth, self.beta, **more)

    def _states(self, state: State, chance: float) -> Iterator[tuple[State, float]]:
        weight = chance * math.exp(state.log_weight(self.beta))
        yield state, weight
        yield state.turned(up=True), weight
        if state.at_leaf:
            return
        children = self._children(state.prefix)
        for pool in itertools.product(children, repeat=self.pool):
            product = math.prod(each for _, each in pool) / self.pool
            for index in range(self.pool):
                level = Level(tuple(child for child, _ in pool), index)
                yield from self._states(state.pushed(level), chance * product)

    def _children(self, prefix: Prefix) -> list[tuple[Child, float]]:
        """With every value that a verifier may give them: a noisy one splits a child into copies of other values."""
        node, found = self.root.find(prefix), list[tuple[Child, float]]()
        for i, child in enumerate(node.children):
            step: Prefix = (*prefix, (i,))
            leaf = is_leaf(self.backend, step)
            for factor, chance in self.ends_noise if leaf else self.inner_noise:
                found.append((Child((i,), leaf, logarithm(child.value * factor)), child.chance * chance))
        return found

    def error(self, kernel: Callable[[State, Setting], Move], **more: Any) -> float:
        """Total variation between mu P and mu. What it leaves bare is filled, which is part of P."""
        after: dict[State, float] = defaultdict(float)
        for state, mass in self.measure.items():
            for end, chance in self.ends(state, kernel, **more):
                after[end] += mass * chance
        return distance(after, self.measure)

    def ends(
        self, state: State, kernel: Callable[[State, Setting], Move], **more: Any
    ) -> Iterator[tuple[State, float]]:
        def run(source: Source) -> State:
            return self.oracle().run(_filled(kernel, state, self.setting(source, **more)))

        return outcomes(run)


def _filled(kernel: Callable[[State, Setting], Move], state: State, setting: Setting) -> Move:
    state = yield from kernel(state, setting)
    return (yield from fill(state, 0, setting))


def distance(a: Mapping[Any, float], b: Mapping[Any, float]) -> float:
    """Total variation."""
    return sum(abs(a.get(key, 0.0) - b.get(key, 0.0)) for key in {*a, *b}) / 2


def law_of(run: Callable[[Source], Work[T]], space: Space) -> dict[T, float]:
    """The law of what a piece of work returns."""
    found: dict[T, float] = defaultdict(float)
    for end, chance in outcomes(lambda source: space.oracle().run(run(source))):
        found[end] += chance
    return found
