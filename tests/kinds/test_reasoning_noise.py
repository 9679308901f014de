"""Verifiers that answer differently when they are asked again: every kernel keeps the draw that its path rests on.

Full enumeration of the extended space, in which a value belongs to its candidate: a look at a leaf gives tau times a
factor that is 1 in the mean, a look at an inner node anything. The law of the path is then the target, exactly.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest

from burnish_workers.kinds.reasoning.backends.enumerable import posterior
from burnish_workers.kinds.reasoning.block import block
from burnish_workers.kinds.reasoning.excursion import excursion
from burnish_workers.kinds.reasoning.filter import conditional_filter
from burnish_workers.kinds.reasoning.local import local
from burnish_workers.kinds.reasoning.mixture import Shares, step
from burnish_workers.kinds.reasoning.protocols import Look
from burnish_workers.kinds.reasoning.requests import Move, Setting
from burnish_workers.kinds.reasoning.restart import restart
from burnish_workers.kinds.reasoning.sibling import sibling
from burnish_workers.kinds.reasoning.state import Level, State

from .reasoning_exhaustive import EXACT, NOISE, REFUSING, TREE, WITH_ZERO, WRONG, NoisyVerifier, Space

SHARES = Shares(excursion=0.5, block=0.2, restart=0.2, filter=0.1)

KERNELS = {
    "local": local,
    "excursion": excursion,
    "sibling": sibling,
    "block": block,
    "restart": restart,
    "filter": conditional_filter,
    "mixture": lambda state, setting: step(state, setting, SHARES),
}


def noisy(**more) -> Space:
    return Space(**{"root": TREE, "pool": 1, "ends": NOISE, "inner": NOISE, **more})


@pytest.mark.parametrize("more", [{}, {"ends": REFUSING, "root": WITH_ZERO}])
def test_the_law_of_the_path_at_a_leaf_is_the_target(more):
    space, found = noisy(**more), defaultdict(float)
    for state, mass in space.measure.items():
        if state.at_leaf:
            found[state.prefix] += mass
    total = sum(found.values())
    for prefix, chance in posterior(space.root, space.depth).items():
        assert found.get(prefix, 0.0) / total == pytest.approx(chance, abs=EXACT)


@pytest.mark.parametrize("name", KERNELS)
def test_invariant_without_siblings(name):
    assert noisy().error(KERNELS[name], particles=2, moves=4) <= EXACT


@pytest.mark.parametrize("name", KERNELS)
def test_invariant_where_a_look_may_refuse(name):
    assert noisy(ends=REFUSING).error(KERNELS[name], particles=2, moves=3) <= EXACT


@pytest.mark.parametrize("name", ["local", "sibling"])
def test_invariant_with_siblings(name):
    """Two candidates of one pool may be the same step with two values."""
    assert Space(TREE, pool=2, ends=NOISE).error(KERNELS[name], moves=3) <= EXACT


@pytest.mark.slow
@pytest.mark.parametrize("name", ["excursion", "block", "restart"])
def test_invariant_with_siblings_by_longer_moves(name):
    assert Space(TREE, pool=2, ends=NOISE).error(KERNELS[name], moves=3) <= EXACT


def asked_again(space: Space, state: State, setting: Setting) -> State:
    """The verifier's opinion of the current end, drawn anew."""
    if not state.at_leaf:
        return state
    (seen,) = space.verifier.log_values([Look(state.prefix, True, setting.source)])
    last = len(state.levels) - 1
    return state.with_level(last, Level((replace(state.levels[last].taken, log_value=seen),)))


@pytest.mark.parametrize("name", ["restart", "block", "excursion", "filter"])
def test_a_mutant_that_asks_again_for_the_current_path_is_caught(name):
    space = noisy()

    def kernel(state: State, setting: Setting) -> Move:
        return KERNELS[name](asked_again(space, state, setting), setting)

    assert space.error(kernel, particles=2, moves=4) >= WRONG


@pytest.mark.parametrize("name", ["restart", "block", "filter"])
def test_a_mutant_that_keeps_the_better_of_two_looks_is_caught(name):
    space = noisy()

    def kernel(state: State, setting: Setting) -> Move:
        best = max(state, asked_again(space, state, setting), key=lambda each: each.log_weight(1.0))
        return KERNELS[name](best, setting)

    assert space.error(kernel, particles=2) >= WRONG


def test_a_noisy_verifier_that_is_taken_for_a_sure_one_is_caught():
    """One draw for all who ask within a step: siblings then share what each of them should have of its own."""
    space = Space(TREE, pool=2, ends=NOISE)
    space.verifier = NoisyVerifier(TREE, NOISE, space.inner_noise, noisy=False)
    assert space.error(local) >= WRONG
