"""K2, sibling Gibbs: take another candidate of the pool of the last level, in proportion to V.

Free where the pool is at hand. A bare pool is filled first: to leave a path alone because its pool is bare would make
the choice of the kernel depend on how the path came about, and that is not exact (an enumerated error of 2.7e-3).
"""

from __future__ import annotations

from dataclasses import replace

from burnish_workers.kinds.reasoning.pools import fill
from burnish_workers.kinds.reasoning.requests import Move, Setting
from burnish_workers.kinds.reasoning.source import by_log
from burnish_workers.kinds.reasoning.state import State


def sibling(state: State, setting: Setting) -> Move:
    """One step of K2; the root has no siblings."""
    if not state.levels:
        return state
    last = len(state.levels) - 1
    state = yield from fill(state, last, setting)
    index = by_log(setting.source, state.levels[last].log_weights(setting.beta))
    return state if index is None else state.with_level(last, replace(state.levels[last], index=index))
