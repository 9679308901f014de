"""An explicit tree with the chance and the value of every node: what can be computed exactly, shown and tested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from burnish_workers.kinds.reasoning.protocols import Drawn, Extension, Look, Prefix


@dataclass(frozen=True)
class Node:
    """A step and what follows it.

    `chance`: of this node among its siblings, up to a factor; `value`: tau at a leaf, elsewhere a guess of E[tau | s];
    `tokens`: what it takes to write the step.
    """

    name: str
    chance: float
    value: float
    children: tuple[Node, ...] = ()
    answer: str | None = None
    tokens: int = 1

    def find(self, prefix: Prefix) -> Node:
        node = self
        for (branch,) in prefix:
            node = node.children[branch]
        return node

    @property
    def height(self) -> int:
        """Steps of the longest path from here."""
        return 1 + max(child.height for child in self.children) if self.children else 0


@dataclass(frozen=True)
class TreeBackend:
    """Draws children by their chances. A step is (branch,)."""

    root: Node
    depth: int

    def extend(self, rows: Sequence[Extension]) -> list[list[Drawn]]:
        return [self._row(row) for row in rows]

    def _row(self, row: Extension) -> list[Drawn]:
        children = self.root.find(row.prefix).children
        chances = [child.chance for child in children]
        branches, total = [row.source.choose(chances) for _ in range(row.count)], sum(chances)
        return [Drawn((branch,), children[branch].tokens, math.log(chances[branch] / total)) for branch in branches]

    def ends(self, prefix: Prefix) -> bool:
        return not self.root.find(prefix).children

    def answer(self, prefix: Prefix) -> str:
        found = self.root.find(prefix).answer
        return " ".join(self.words(prefix)) if found is None else found

    def words(self, prefix: Prefix) -> list[str]:
        """The names along a path."""
        return [self.root.find(prefix[: k + 1]).name for k in range(len(prefix))]


@dataclass(frozen=True)
class TreeVerifier:
    """The values that the tree itself gives."""

    root: Node
    noisy: bool = False

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        values = [self.root.find(row.prefix).value for row in rows]
        return [math.log(value) if value > 0 else -math.inf for value in values]


def posterior(root: Node, depth: int, beta: float = 1.0) -> dict[Prefix, float]:
    """pi*(y) of every leaf, by enumeration: pi_ref(y) tau(y)^(1/beta), normalised."""
    found: dict[Prefix, float] = {}
    waiting: list[tuple[Prefix, Node, float]] = [((), root, 1.0)]
    while waiting:
        prefix, node, chance = waiting.pop()
        if prefix and (not node.children or len(prefix) >= depth):
            found[prefix] = chance * node.value ** (1 / beta)
            continue
        total = sum(child.chance for child in node.children)
        waiting += [((*prefix, (i,)), child, chance * child.chance / total) for i, child in enumerate(node.children)]
    whole = sum(found.values())
    return {prefix: weight / whole for prefix, weight in found.items()}
