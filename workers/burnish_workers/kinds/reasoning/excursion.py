"""K1 from leaf to leaf: back up, go down again, and count only what ends at a leaf within a number of moves.

The local kernel on its own spends most of its time at inner nodes where values promise too much, and no kernel that
acts on leaves could then help. An excursion starts at a leaf, upwards, and ends when it stands at a leaf again, turned
down; after `moves` local moves it is given up and the leaf is kept. Skew detailed balance,

    mu(x) P((x, up) -> (y, down)) = mu(y) P((y, up) -> (x, down)),

holds path by path, and a path and its reverse have the same length: so the capped excursion is reversible with respect
to mu at leaves. A chain of such steps always holds a finished answer, and a step has a bounded cost.
"""

from __future__ import annotations

from burnish_workers.kinds.reasoning.local import local
from burnish_workers.kinds.reasoning.requests import Move, Setting
from burnish_workers.kinds.reasoning.state import State


def excursion(state: State, setting: Setting) -> Move:
    """One step. It acts on leaves alone."""
    if not state.at_leaf:
        return state
    there = state.turned(up=True)
    for _ in range(setting.moves):
        there = yield from local(there, setting)
        if there.at_leaf and not there.up:
            return there.turned(up=state.up)
    return state
