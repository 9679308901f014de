"""The task as a base law and as a verifier: a step takes or leaves the next two numbers, a token for each.

pi_ref is the learned policy; tau is exact, 1 where the numbers taken add up to the target; the value network guesses
the chance of that on the way. With 20 numbers the tree has 4^10 leaves: small enough to know everything about it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.special import expit, log_expit

from burnish_workers.kinds.reasoning.protocols import Drawn, Extension, Look, Prefix, Step
from burnish_workers.kinds.reasoning.subset_sum.features import features
from burnish_workers.kinds.reasoning.subset_sum.network import network

STEPS: tuple[Step, ...] = ((0, 0), (0, 1), (1, 0), (1, 1))
_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class _Outlook:
    """Chances of the four steps from a node, and log V of what they lead to."""

    chances: tuple[float, ...]
    log_values: tuple[float, ...]


@dataclass(frozen=True)
class SubsetSum:
    """Backend and verifier at once, since both look at the same nodes.

    Each node is computed by itself, in arrays of a fixed shape: batches of other shapes would change bits.
    """

    numbers: tuple[int, ...]
    target: int
    answers: Literal["count", "subset"] = "count"
    noisy: bool = False
    _known: dict[Prefix, _Outlook] = field(default_factory=dict[Prefix, _Outlook], compare=False)

    @property
    def depth(self) -> int:
        return len(self.numbers) // 2

    def extend(self, rows: Sequence[Extension]) -> list[list[Drawn]]:
        found: list[list[Drawn]] = []
        for row in rows:
            chances = self._outlook(row.prefix).chances
            drawn = [row.source.choose(chances) for _ in range(row.count)]
            found.append([Drawn(STEPS[i], 2, math.log(chances[i])) for i in drawn])
        return found

    def ends(self, prefix: Prefix) -> bool:
        return False

    def answer(self, prefix: Prefix) -> str:
        taken = self.taken(prefix)
        return str(len(taken)) if self.answers == "count" else "+".join(map(str, taken))

    def words(self, prefix: Prefix) -> list[str]:
        pairs = zip(self.numbers[::2], self.numbers[1::2], prefix, strict=False)
        return [f"{'take' if a else 'leave'} {x}, {'take' if b else 'leave'} {y}" for x, y, (a, b) in pairs]

    def taken(self, prefix: Prefix) -> list[int]:
        bits = [bit for step in prefix for bit in step]
        return [number for number, bit in zip(self.numbers, bits, strict=False) if bit]

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        return [self._log_value(row.prefix) for row in rows]

    def _log_value(self, prefix: Prefix) -> float:
        if len(prefix) == self.depth:
            return 0.0 if sum(self.taken(prefix)) == self.target else -math.inf
        if not prefix:
            return float(log_expit(network("value").logit(self._seen(0, [self.target]))[0]))
        return self._outlook(prefix[:-1]).log_values[STEPS.index(prefix[-1])]

    def _outlook(self, prefix: Prefix) -> _Outlook:
        if prefix not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[prefix] = self._compute(prefix)
        return self._known[prefix]

    def _compute(self, prefix: Prefix) -> _Outlook:
        start, left = 2 * len(prefix), self.target - sum(self.taken(prefix))
        a, b = self.numbers[start], self.numbers[start + 1]
        policy, value = network("policy"), network("value")
        first = expit(policy.logit(self._seen(start, [left]))[0])
        second = expit(policy.logit(self._seen(start + 1, [left, left - a])))
        after = value.logit(self._seen(start + 2, [left, left - b, left - a, left - a - b]))
        chances = ((1 - first) * (1 - second[0]), (1 - first) * second[0], first * (1 - second[1]), first * second[1])
        return _Outlook(tuple(map(float, chances)), tuple(map(float, log_expit(after))))

    def _seen(self, start: int, left: list[int]) -> np.ndarray:
        suffix = np.array(self.numbers[start:], dtype=np.float64)
        return features(np.broadcast_to(suffix, (len(left), len(suffix))), np.array(left, dtype=np.float64))
