"""The state of a chain: a path, for each of its nodes the pool of candidates it was taken from, and a direction.

    mu(x) = V(s_t)/2 prod_{k<=t} [ (1/K) prod_{j<=K} pi_ref(u_kj | s_{k-1}) ]

With V = tau at leaves, the path at a leaf has the law pi*(y) ~ pi_ref(y) tau(y), whatever the inner values and K are.
A pool may be *bare*: only the chosen candidate is there. Given the path the other K - 1 are independent draws from
pi_ref and the place of the chosen one is uniform, so they may be drawn when they are needed (`pools.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from burnish_workers.kinds.reasoning.protocols import Prefix, Step
from burnish_workers.kinds.reasoning.source import log_mean


@dataclass(frozen=True, slots=True)
class Child:
    """A candidate. `log_value`: v at a leaf, log V elsewhere, None where nobody has looked yet.

    `log_chance`: log pi_ref of the step, where the backend tells; it does not travel with a chain from block to block.
    """

    step: Step
    leaf: bool
    log_value: float | None = None
    log_chance: float | None = field(default=None, compare=False)

    def log_weight(self, beta: float) -> float:
        """log tau = v/beta at a leaf; log V elsewhere, which does not depend on beta."""
        assert self.log_value is not None
        return self.log_value / beta if self.leaf else self.log_value


@dataclass(frozen=True, slots=True)
class Level:
    """A pool and the index of the candidate that was taken."""

    pool: tuple[Child, ...]
    index: int = 0

    @property
    def taken(self) -> Child:
        return self.pool[self.index]

    def log_weights(self, beta: float) -> list[float]:
        return [child.log_weight(beta) for child in self.pool]


@dataclass(frozen=True, slots=True)
class State:
    """`root`: log V of the empty prefix. `up`: the direction, True while backtracking."""

    root: float
    levels: tuple[Level, ...] = ()
    up: bool = False

    @property
    def prefix(self) -> Prefix:
        return tuple(level.taken.step for level in self.levels)

    @property
    def at_leaf(self) -> bool:
        return bool(self.levels) and self.levels[-1].taken.leaf

    def log_weight(self, beta: float) -> float:
        """log V of where the path stands."""
        return self.levels[-1].taken.log_weight(beta) if self.levels else self.root

    def log_ratio(self, level: int, beta: float) -> float:
        """log B = log (1/K sum_j V(s u_j)) - log V(s), the empirical Bellman ratio of the stored pool of a level."""
        before = self.levels[level - 1].taken.log_weight(beta) if level else self.root
        return log_mean(self.levels[level].log_weights(beta)) - before

    def turned(self, up: bool) -> State:
        return replace(self, up=up)

    def cut(self, depth: int) -> State:
        """The first `depth` steps."""
        return replace(self, levels=self.levels[:depth])

    def pushed(self, level: Level) -> State:
        return replace(self, levels=(*self.levels, level))

    def with_level(self, index: int, level: Level) -> State:
        return replace(self, levels=(*self.levels[:index], level, *self.levels[index + 1 :]))
