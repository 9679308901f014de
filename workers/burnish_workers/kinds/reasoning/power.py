"""Method `power`: pi_ref(y)^alpha, without a verifier, by writing suffixes anew (Karan and Du, arXiv 2510.14901).

    cut d uniform on 0 .. T_max - 1, a new suffix by pi_ref, min(1, (pi_ref(y' | y_d) / pi_ref(y | y_d))^(alpha - 1))

The suffix is proposed with density pi_ref, so of the ratio of the targets alpha - 1 powers are left. The law of the cut
does not look at the length of the path (a cut beyond its end does nothing): one that is uniform on the current length,
as published, needs the ratio of the lengths too. The proposals here are those of the base law, not of a colder one.
It needs log pi_ref of each step, which not every backend can tell.
"""

from __future__ import annotations

from burnish_workers.kinds.reasoning.requests import Move, Setting, Work
from burnish_workers.kinds.reasoning.restart import rollout
from burnish_workers.kinds.reasoning.source import accept, below
from burnish_workers.kinds.reasoning.state import State


class Untold(ValueError):
    """A backend does not say how likely its steps were."""


def power(root: State, setting: Setting) -> Work[State | None]:
    """A rollout, and then as many steps of the chain as N rollouts have tokens for."""
    state = yield from rollout(root, setting)
    for _ in range(2 * setting.particles - 2):
        state = yield from resampled(state, setting)
    return state


def resampled(state: State, setting: Setting) -> Move:
    """One step of the chain; leaves pi_ref^alpha as it is. It acts on leaves alone."""
    depth = below(setting.source, setting.depth)
    if not state.at_leaf or depth >= len(state.levels):
        return state
    fresh = yield from rollout(state.cut(depth), setting)
    log_ratio = (setting.power - 1) * (log_chance(fresh, depth) - log_chance(state, depth))
    return fresh if accept(setting.source, log_ratio) else state


def log_chance(state: State, depth: int = 0) -> float:
    """log pi_ref of the steps behind `depth`, given those before. Raises Untold."""
    total = 0.0
    for level in state.levels[depth:]:
        if level.taken.log_chance is None:
            raise Untold("the method power needs the probability of each step, which this backend does not tell")
        total += level.taken.log_chance
    return total
