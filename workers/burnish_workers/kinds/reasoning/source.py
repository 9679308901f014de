"""Where kernels get their randomness: finite choices only, so that a proof can go through all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Source(Protocol):
    """`choose` is the only thing that is random. Whatever draws in another way is seeded by `bits`."""

    def choose(self, weights: Sequence[float]) -> int:
        """Index i with chance weights[i] / sum(weights); weights >= 0, not all 0."""
        ...

    def bits(self) -> int:
        """An integer in [0, 2**63), for generators of other libraries."""
        ...


class Random:
    """A source that draws from a generator."""

    def __init__(self, generator: np.random.Generator):
        self._generator = generator

    def choose(self, weights: Sequence[float]) -> int:
        total = 0.0
        ends = [total := total + weight for weight in weights]
        point = self._generator.random() * total
        for i, end in enumerate(ends):
            if point < end:
                return i
        return max(i for i, weight in enumerate(weights) if weight > 0)

    def bits(self) -> int:
        return int(self._generator.integers(0, 2**63))


def accept(source: Source, log_ratio: float) -> bool:
    """True with chance min(1, exp(log_ratio)); nothing is drawn where it is certain."""
    if log_ratio >= 0:
        return True
    chance = math.exp(log_ratio)
    return chance > 0 and source.choose((chance, 1 - chance)) == 0


def below(source: Source, count: int) -> int:
    """Uniform on 0 .. count - 1; nothing is drawn where it is certain."""
    return 0 if count == 1 else source.choose((1.0,) * count)


def by_log(source: Source, log_weights: Sequence[float]) -> int | None:
    """Index i with chance proportional to exp(log_weights[i]); None where all of them are -inf."""
    top = max(log_weights)
    if top == -math.inf:
        return None
    return source.choose([math.exp(each - top) for each in log_weights])


def log_mean(log_weights: Sequence[float]) -> float:
    """log (1/n sum_i exp(l_i)); -inf where all are."""
    top = max(log_weights)
    if top == -math.inf:
        return -math.inf
    return top + math.log(sum(math.exp(each - top) for each in log_weights) / len(log_weights))
