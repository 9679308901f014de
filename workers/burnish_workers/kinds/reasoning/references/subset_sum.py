"""Everything about a subset-sum problem, exactly: its 4^10 leaves fold into a few thousand (numbers passed, sum left).

pi_ref and the value network see only the numbers that are left and what is missing, so that prefixes with the same sum
are alike.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.special import expit, log_expit

from burnish_workers.kinds.reasoning.protocols import Prefix
from burnish_workers.kinds.reasoning.subset_sum.features import features
from burnish_workers.kinds.reasoning.subset_sum.network import network
from burnish_workers.kinds.reasoning.subset_sum.task import SubsetSum

Table = dict[int, float]
"""A number for each sum that may be left."""


@dataclass(frozen=True)
class Truth:
    task: SubsetSum

    @cached_property
    def policy(self) -> list[Table]:
        """Chance that number i is taken, by what is left."""
        return [self._logits("policy", i, expit) for i in range(len(self.task.numbers))]

    @cached_property
    def guesses(self) -> list[Table]:
        """log V of the value network, unfloored, by numbers passed and what is left."""
        return [self._logits("value", i, log_expit) for i in range(len(self.task.numbers))]

    @cached_property
    def values(self) -> list[Table]:
        """V*(s) = E[tau | s] by numbers passed and what is left; the first is the chance that a rollout succeeds."""
        count = len(self.task.numbers)
        found: list[Table] = [{left: float(left == 0) for left in self._sums[count]}]
        for i in reversed(range(count)):
            after, number = found[0], self.task.numbers[i]
            table = {left: (1 - p) * after[left] + p * after[left - number] for left, p in self.policy[i].items()}
            found.insert(0, table)
        return found

    @property
    def success(self) -> float:
        """pi_ref(tau = 1)."""
        return self.values[0][self.task.target]

    def value(self, prefix: Prefix) -> float:
        """V* of a prefix."""
        return self.values[2 * len(prefix)][self.task.target - sum(self.task.taken(prefix))]

    @cached_property
    def counts(self) -> dict[str, float]:
        """pi*(how many numbers are taken)."""
        mass: dict[tuple[int, int], float] = {(self.task.target, 0): 1.0}
        for i, number in enumerate(self.task.numbers):
            after: dict[tuple[int, int], float] = defaultdict(float)
            for (left, taken), chance in mass.items():
                p = self.policy[i][left]
                after[left, taken] += chance * (1 - p)
                after[left - number, taken + 1] += chance * p
            mass = after
        return {str(taken): chance / self.success for (left, taken), chance in mass.items() if left == 0}

    @cached_property
    def _sums(self) -> list[set[int]]:
        found = [{self.task.target}]
        for number in self.task.numbers:
            found.append(found[-1] | {left - number for left in found[-1]})
        return found

    def _logits(self, name: str, i: int, then) -> Table:
        """A network's output at every sum that may be left after i numbers."""
        left, model = sorted(self._sums[i]), network(name)
        suffix = np.array(self.task.numbers[i:], dtype=np.float64)
        seen = features(np.broadcast_to(suffix, (len(left), len(suffix))), np.array(left, dtype=np.float64))
        return dict(zip(left, map(float, then(model.logit(seen))), strict=True))


def problem(seed: int, answers: Literal["count", "subset"] = "count") -> SubsetSum:
    """A problem that has a solution: twenty numbers and the sum of a random subset of them."""
    generator = np.random.default_rng([seed, 20])
    numbers = generator.integers(1, 151, size=20)
    return SubsetSum(tuple(map(int, numbers)), int(numbers @ (generator.random(20) < 0.5)), answers)
