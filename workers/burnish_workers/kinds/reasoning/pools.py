"""Bare pools are filled when a kernel needs them: a Gibbs step on what the path leaves free, exact at any time."""

from __future__ import annotations

from dataclasses import replace

from burnish_workers.kinds.reasoning.requests import Grow, Judge, Move, Setting
from burnish_workers.kinds.reasoning.source import below
from burnish_workers.kinds.reasoning.state import Level, State


def fill(state: State, first: int, setting: Setting) -> Move:
    """Levels `first` and later get whole pools with values, and their parents values, in one request."""
    prefix, needs = state.prefix, list[Grow | Judge]()
    for k in range(first, len(state.levels)):
        missing = setting.pool - len(state.levels[k].pool)
        if missing:
            needs.append(Grow(prefix[:k], missing, setting.source))
    unseen = [k for k in range(max(first - 1, 0), len(state.levels)) if state.levels[k].taken.log_value is None]
    needs.extend(Judge(prefix[: k + 1], setting.source) for k in unseen)
    if not needs:
        return state
    replies = yield needs
    found = iter(replies)
    for k in range(first, len(state.levels)):
        level = state.levels[k]
        if len(level.pool) < setting.pool:
            place = below(setting.source, setting.pool)
            others = next(found)
            state = state.with_level(k, Level((*others[:place], level.taken, *others[place:]), place))
    for k in unseen:
        (seen,) = next(found)
        level = state.levels[k]
        pool = list(level.pool)
        pool[level.index] = replace(level.taken, log_value=seen.log_value)
        state = state.with_level(k, Level(tuple(pool), level.index))
    return state
