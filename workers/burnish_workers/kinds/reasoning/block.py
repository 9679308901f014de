"""K3, block rollback: cut a finished path anywhere, write the rest anew, keep what is better supported.

The depth of the cut has a law that does not depend on the length of the path: uniform on 0 .. T_max - 1, and a cut
beyond the end does nothing. (A law that is uniform on the current length needs the ratio of the lengths in the
acceptance; published code leaves it out.) With B of each level behind the cut,

    accept with min(1, prod B' / prod B)

since the suffix is proposed with density prod Q(pool) V(s u_i)/sum_j V(s u_j). A cut at 0 is an independence sampler.
"""

from __future__ import annotations

from burnish_workers.kinds.reasoning.pools import fill
from burnish_workers.kinds.reasoning.requests import Grow, Move, Setting, Work
from burnish_workers.kinds.reasoning.source import accept, below, by_log
from burnish_workers.kinds.reasoning.state import Level, State


def block(state: State, setting: Setting) -> Move:
    """One step of K3. It acts on leaves alone."""
    depth = below(setting.source, setting.depth)
    if not state.at_leaf or depth >= len(state.levels):
        return state
    state = yield from fill(state, depth, setting)
    fresh = yield from _finish(state.cut(depth), setting)
    if fresh is None:
        return state
    log_ratio = _log_product(fresh, depth, setting) - _log_product(state, depth, setting)
    return fresh if accept(setting.source, log_ratio) else state


def _finish(state: State, setting: Setting) -> Work[State | None]:
    """Go on to a leaf by pools and values; None where no candidate of a pool has any."""
    while not state.at_leaf:
        (pool,) = yield [Grow(state.prefix, setting.pool, setting.source)]
        taken = by_log(setting.source, Level(pool).log_weights(setting.beta))
        if taken is None:
            return None
        state = state.pushed(Level(pool, taken))
    return state


def _log_product(state: State, depth: int, setting: Setting) -> float:
    """sum of log B over the levels behind the cut."""
    return sum(state.log_ratio(k, setting.beta) for k in range(depth, len(state.levels)))
