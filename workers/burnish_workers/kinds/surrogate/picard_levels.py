"""How many samples are nested in a sample of multilevel Picard iteration, with basis M. Torch-free.

An iterate U_l is taken in two independent halves, each of half(M^l) pairs of paths and, for 1 <= j < l, half(M^(l-j))
samples of level j; a sample of level l is a pair of paths, at the end of each of which stand U_l and U_(l-1).
"""

from __future__ import annotations

import math
from functools import cache


def half(count: int) -> int:
    """Samples in each half of so many."""
    return math.ceil(count / 2)


@cache
def iterate_evaluations(level: int, basis: int) -> int:
    """Evaluations of the surrogate for U_l at one place."""
    if level == 0:
        return 0
    own = 2 * 2 * half(basis**level)
    return own + sum(2 * half(basis ** (level - j)) * level_evaluations(j, basis) for j in range(1, level))


@cache
def level_evaluations(level: int, basis: int) -> int:
    """Evaluations of the surrogate for one sample of level l; 42 for l = 1 and M = 10."""
    return 2 * (1 + iterate_evaluations(level, basis) + iterate_evaluations(level - 1, basis))


@cache
def level_rows(level: int, basis: int) -> int:
    """Rows that are in memory at once for one sample of level l."""
    nested = [2 * half(basis ** (level - j)) * level_rows(j, basis) for j in range(1, level)]
    return 2 * max([4 * half(basis**level), *nested])
