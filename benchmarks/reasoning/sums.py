"""A subset-sum problem by tables: prefixes that leave the same sum are alike, so that each law is looked up.

The same law as the problem's own, from the exact reference, whose tables are made in one pass for each number: a
hundred times as fast. tests/kinds/test_reasoning_benchmarks.py compares them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from burnish_workers.kinds.reasoning.protocols import Drawn, Extension, Look, Prefix
from burnish_workers.kinds.reasoning.references.subset_sum import Truth
from burnish_workers.kinds.reasoning.subset_sum.task import STEPS, SubsetSum


@dataclass(frozen=True, eq=False)
class Sums:
    """Backend and verifier of a problem."""

    task: SubsetSum
    noisy: bool = False
    _laws: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict[tuple[int, int], tuple[float, ...]])

    @cached_property
    def truth(self) -> Truth:
        return Truth(self.task)

    @property
    def depth(self) -> int:
        return self.task.depth

    def ends(self, prefix: Prefix) -> bool:
        return False

    def answer(self, prefix: Prefix) -> str:
        return self.task.answer(prefix)

    def words(self, prefix: Prefix) -> list[str]:
        return self.task.words(prefix)

    def left(self, prefix: Prefix) -> int:
        """The sum that is missing yet."""
        numbers = iter(self.task.numbers)
        return self.task.target - sum(next(numbers) * bit for step in prefix for bit in step)

    def chances(self, prefix: Prefix) -> tuple[float, ...]:
        """Of the four steps."""
        place, left = 2 * len(prefix), self.left(prefix)
        found = self._laws.get((place, left))
        if found is None:
            policy, a = self.truth.policy, self.task.numbers[place]
            first, without, after = policy[place][left], policy[place + 1][left], policy[place + 1][left - a]
            found = ((1 - first) * (1 - without), (1 - first) * without, first * (1 - after), first * after)
            self._laws[place, left] = found
        return found

    def extend(self, rows: Sequence[Extension]) -> list[list[Drawn]]:
        return [self._drawn(row, self.chances(row.prefix)) for row in rows]

    def _drawn(self, row: Extension, chances: tuple[float, ...]) -> list[Drawn]:
        found = [row.source.choose(chances) for _ in range(row.count)]
        return [Drawn(STEPS[i], 2, math.log(chances[i])) for i in found]

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        return [self._log_value(row.prefix) for row in rows]

    def _log_value(self, prefix: Prefix) -> float:
        left = self.left(prefix)
        if len(prefix) == self.depth:
            return 0.0 if left == 0 else -math.inf
        return self.truth.guesses[2 * len(prefix)][left]
