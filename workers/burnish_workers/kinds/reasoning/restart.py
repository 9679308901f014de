"""K4, restart: write a whole new path by the base law alone, accept with min(1, tau'/tau).

Best-of-N as a chain: whatever the inner values are worth, a share of the tokens is spent as best-of-N would spend them.
"""

from __future__ import annotations

import math

from burnish_workers.kinds.reasoning.requests import Grow, Move, Setting
from burnish_workers.kinds.reasoning.source import accept
from burnish_workers.kinds.reasoning.state import Level, State


def restart(state: State, setting: Setting) -> Move:
    """One step of K4. It acts on leaves alone; what it accepts has bare pools."""
    if not state.at_leaf:
        return state
    fresh = yield from rollout(state.cut(0), setting)
    now, then = state.log_weight(setting.beta), fresh.log_weight(setting.beta)
    setting.fresh.rollouts.append((fresh.prefix, then))
    if now == -math.inf or accept(setting.source, then - now):
        return fresh
    return state


def rollout(state: State, setting: Setting) -> Move:
    """Go on to a leaf by the base law alone, without a look at inner values."""
    while not state.at_leaf:
        (pool,) = yield [Grow(state.prefix, 1, setting.source, inner=False)]
        state = state.pushed(Level(pool))
    return state
