"""What the enumerations say of wrong kernels: each of these is a plausible mistake, some are in published code."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from burnish_workers.kinds.reasoning import block as blocks
from burnish_workers.kinds.reasoning import filter as filters
from burnish_workers.kinds.reasoning import local as locals_
from burnish_workers.kinds.reasoning import pools
from burnish_workers.kinds.reasoning import restart as restarts
from burnish_workers.kinds.reasoning.block import block
from burnish_workers.kinds.reasoning.excursion import excursion
from burnish_workers.kinds.reasoning.filter import conditional_filter, particle_filter
from burnish_workers.kinds.reasoning.local import local
from burnish_workers.kinds.reasoning.requests import Move, Setting
from burnish_workers.kinds.reasoning.restart import restart
from burnish_workers.kinds.reasoning.sibling import sibling
from burnish_workers.kinds.reasoning.state import Level, State

from .reasoning_exhaustive import EXACT, LEAFY, TREE, WITH_ZERO, WRONG, Space


def forgetful(state: State, setting: Setting) -> Move:
    """A path of a fresh filter, whatever the current one is worth."""
    if not state.at_leaf:
        return state
    found = yield from particle_filter(state.cut(0), setting)
    return found.pick(setting.source) or state


def always(*_) -> bool:
    return True


@pytest.mark.parametrize(
    ("module", "kernel"), [(locals_, local), (blocks, block), (restarts, restart)], ids=["local", "block", "restart"]
)
def test_without_acceptance(monkeypatch, module, kernel):
    monkeypatch.setattr(module, "accept", always)
    assert Space(TREE).error(kernel) >= WRONG


def test_a_direction_that_is_never_turned():
    """Plain accept or stay, in the direction that happens to be set."""

    def stubborn(state: State, setting: Setting) -> Move:
        found = yield from local(state, setting)
        return found.turned(up=state.up)

    assert Space(TREE).error(stubborn) >= WRONG


def test_an_excursion_that_ends_where_it_happens_to_be():
    """Local moves up to the cap, and the next finished answer is whatever path they lead to."""

    def loose(state: State, setting: Setting) -> Move:
        found = yield from excursion(state, replace(setting, moves=3))
        return (yield from forgetful(state, setting)) if state.at_leaf and found == state else found

    assert Space(TREE, pool=1).error(loose, particles=2) >= WRONG


def test_a_cut_that_depends_on_the_length():
    """Uniform on the depths of the path at hand, without the ratio of lengths: as published."""

    def cut(state: State, setting: Setting) -> Move:
        return (yield from block(state, replace(setting, depth=max(len(state.levels), 1))))

    assert Space(TREE, depth=3, pool=1).error(cut) >= WRONG


def test_a_floor_under_leaves():
    """A leaf that an exact check refuses keeps a little value: the target is another one."""
    space = Space(WITH_ZERO)
    values = space.verifier.log_values
    object.__setattr__(space.verifier, "log_values", lambda rows: [max(v, math.log(0.05)) for v in values(rows)])
    assert space.error(local) >= WRONG


def test_a_rollback_by_the_last_value_alone(monkeypatch):
    """min(1, tau'/tau) although the suffix was steered by values."""

    def last(state: State, depth: int, setting: Setting) -> float:
        return state.log_weight(setting.beta)

    monkeypatch.setattr(blocks, "_log_product", last)
    assert Space(TREE).error(block) >= WRONG


def test_a_kernel_chosen_by_where_the_path_stands():
    """Local moves off leaves, and a choice at leaves."""

    def choosy(state: State, setting: Setting) -> Move:
        kernel = (local, block)[setting.source.choose((0.5, 0.5))] if state.at_leaf else local
        return (yield from kernel(state, setting))

    def blind(state: State, setting: Setting) -> Move:
        return (yield from (local, block)[setting.source.choose((0.5, 0.5))](state, setting))

    assert Space(TREE, pool=1).error(choosy) >= WRONG
    assert Space(TREE, pool=1).error(blind) <= EXACT


def test_siblings_only_where_a_pool_is_at_hand():
    def chain(state: State, setting: Setting) -> Move:
        state = yield from restart(state, setting)
        bare = bool(state.levels) and len(state.levels[-1].pool) == 1
        return state if bare else (yield from sibling(state, setting))

    assert Space(LEAFY).error(chain) >= WRONG


def test_a_pool_filled_with_the_chosen_one_always_first(monkeypatch):
    """Its place tells what was chosen."""
    monkeypatch.setattr(pools, "below", lambda source, count: 0)
    assert Space(TREE).error(restart) >= WRONG


def test_a_pool_filled_with_copies(monkeypatch):
    """As if the path alone had been all that was drawn."""

    def copied(state: State, first: int, setting: Setting) -> Move:
        levels = tuple(Level(level.pool * (setting.pool // len(level.pool)), 0) for level in state.levels)
        yield from ()
        return replace(state, levels=levels)

    def chain(state: State, setting: Setting) -> Move:
        state = yield from restart(state, setting)
        return (yield from copied(state, 0, setting))

    assert Space(TREE).error(chain) >= WRONG


def test_a_filter_that_forgets_the_current_path():
    assert Space(TREE, pool=1).error(forgetful, particles=2) >= WRONG


def test_a_filter_whose_current_path_may_be_lost(monkeypatch):
    real = filters._run

    def lost(root, setting, kept, resample):
        return real(root, setting, None, resample)

    monkeypatch.setattr(filters, "_run", lost)
    assert Space(TREE, pool=1).error(conditional_filter, particles=2) >= WRONG
