"""Parallel tempering: copies of a chain at several beta, whose leaves are exchanged now and then.

    swap i, j with min(1, exp((1/beta_i - 1/beta_j)(v_j - v_i)))

Both must be at leaves: only there do the targets differ, since inner values do not depend on beta. What a pool is worth
is computed from its scores whenever it is needed, so that no ratio of the other temperature is ever used.
A ladder is one lane; its answer is that of the first beta.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from burnish_workers.kinds.reasoning.requests import Fresh, Move, Setting, Work, together
from burnish_workers.kinds.reasoning.source import accept, below
from burnish_workers.kinds.reasoning.state import State

Ladder = tuple[State, ...]


def climb(states: Ladder, setting: Setting, kernel: Callable[[State, Setting], Move]) -> Work[Ladder]:
    """Each rung one step of `kernel` at its own beta, then exchanges between neighbours."""
    moved = yield from together([kernel(state, at_rung(setting, i)) for i, state in enumerate(states)])
    return exchange(tuple(moved), setting, setting.betas)


def at_rung(setting: Setting, index: int) -> Setting:
    """What kernels of a rung go by. The gauge is that of the first: values are meant for its temperature."""
    fresh = setting.fresh if index == 0 else Fresh()
    return replace(setting, beta=setting.betas[index], fresh=fresh)


def exchange(states: Ladder, setting: Setting, betas: Sequence[float]) -> Ladder:
    """Every other pair of neighbours, even or odd ones by chance."""
    found = list(states)
    for i in range(below(setting.source, 2), len(states) - 1, 2):
        if _swaps(found[i], found[i + 1], betas[i], betas[i + 1], setting):
            found[i], found[i + 1] = found[i + 1], found[i]
    return tuple(found)


def _swaps(a: State, b: State, beta_a: float, beta_b: float, setting: Setting) -> bool:
    if not (a.at_leaf and b.at_leaf):
        return False
    score_a, score_b = a.levels[-1].taken.log_value, b.levels[-1].taken.log_value
    assert score_a is not None
    assert score_b is not None
    if -math.inf in (score_a, score_b):
        return False
    return accept(setting.source, (1 / beta_a - 1 / beta_b) * (score_b - score_a))
