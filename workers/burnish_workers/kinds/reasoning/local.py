"""K1, the lifted local kernel: go down while the values hold what they promised, turn round where they do not.

    down: draw a pool, take i ~ V(s u_i), accept with min(1, B), B = (1/K) sum_j V(s u_j) / V(s); else turn up
    up:   give up the last step with min(1, 1/B) of its stored pool; else turn down

It turns at the root and at leaves. Steps up cost no tokens. Detailed balance is skew: the flow from (s, down) to
(s u_i, up) is V(s) V(s u_i)/(K V(s) B) min(1, B) = V(s u_i)/K min(1, 1/B). A reversible walk diffuses where this one
goes straight on, and takes 1.7 to 6 times the tokens.
"""

from __future__ import annotations

from burnish_workers.kinds.reasoning.pools import fill
from burnish_workers.kinds.reasoning.requests import Grow, Move, Setting
from burnish_workers.kinds.reasoning.source import accept, by_log
from burnish_workers.kinds.reasoning.state import Level, State


def local(state: State, setting: Setting) -> Move:
    """One step of K1."""
    return (yield from (_up if state.up else _down)(state, setting))


def _down(state: State, setting: Setting) -> Move:
    if state.at_leaf:
        return state.turned(up=True)
    (pool,) = yield [Grow(state.prefix, setting.pool, setting.source)]
    longer = state.pushed(Level(pool))
    log_ratio = longer.log_ratio(len(state.levels), setting.beta)
    setting.fresh.ratios.append((len(state.levels), log_ratio))
    if not accept(setting.source, log_ratio):
        return state.turned(up=True)
    taken = by_log(setting.source, longer.levels[-1].log_weights(setting.beta))
    assert taken is not None  # accepted, so that the ratio is positive
    return state.pushed(Level(pool, taken))


def _up(state: State, setting: Setting) -> Move:
    if not state.levels:
        return state.turned(up=False)
    last = len(state.levels) - 1
    state = yield from fill(state, last, setting)
    if accept(setting.source, -state.log_ratio(last, setting.beta)):
        return state.cut(last)
    return state.turned(up=False)
