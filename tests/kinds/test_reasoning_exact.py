"""Every kernel of the kind `reasoning` leaves the law mu of the extended state as it is.

Full enumeration of small trees with leaves at several depths, by the code that runs in production.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

from burnish_workers.kinds.reasoning.backends.enumerable import posterior
from burnish_workers.kinds.reasoning.block import block
from burnish_workers.kinds.reasoning.excursion import excursion
from burnish_workers.kinds.reasoning.filter import conditional_filter
from burnish_workers.kinds.reasoning.local import local
from burnish_workers.kinds.reasoning.mixture import Shares, step
from burnish_workers.kinds.reasoning.requests import Move, Setting
from burnish_workers.kinds.reasoning.restart import restart
from burnish_workers.kinds.reasoning.sibling import sibling
from burnish_workers.kinds.reasoning.state import State

from .reasoning_exhaustive import EXACT, TREE, WITH_ZERO, Space

KERNELS = {
    "local": local,
    "excursion": excursion,
    "sibling": sibling,
    "block": block,
    "restart": restart,
    "filter": conditional_filter,
}


@pytest.fixture(scope="module", params=["positive", "zero"])
def space(request) -> Space:
    return Space(TREE if request.param == "positive" else WITH_ZERO)


def test_the_law_of_the_path_at_a_leaf_is_the_target(space):
    found: dict[object, float] = defaultdict(float)
    for state, mass in space.measure.items():
        if state.at_leaf:
            found[state.prefix] += mass
    total, law = sum(found.values()), posterior(space.root, space.depth)
    for prefix, chance in law.items():
        assert found.get(prefix, 0.0) / total == pytest.approx(chance, abs=EXACT)
    assert {len(prefix) for prefix in law} == {1, 2}


@pytest.mark.parametrize("name", KERNELS)
def test_invariant(space, name):
    assert space.error(KERNELS[name], particles=2, moves=4) <= EXACT


@pytest.mark.parametrize("name", KERNELS)
def test_invariant_at_another_temperature_and_without_siblings(name):
    assert Space(TREE, pool=1, beta=0.4).error(KERNELS[name], particles=2, moves=4) <= EXACT


def test_the_mixture_is_invariant(space):
    shares = Shares(excursion=0.5, block=0.3, restart=0.2)
    assert space.error(lambda state, setting: step(state, setting, shares), moves=4) <= EXACT


def test_pools_may_wait_until_they_are_needed():
    """A restart leaves bare pools; a local step right after it fills just what it needs of them."""

    def chain(state: State, setting: Setting) -> Move:
        state = yield from restart(state, setting)
        return (yield from local(state, setting))

    assert Space(TREE).error(chain) <= EXACT


@pytest.mark.slow
@pytest.mark.parametrize("name", [*KERNELS, "mixture"])
def test_invariant_on_a_deeper_tree(name):
    shares = Shares(excursion=0.5, block=0.2, restart=0.2, filter=0.1)
    kernels = {**KERNELS, "mixture": lambda state, setting: step(state, setting, shares)}
    space = Space(TREE, depth=3)
    assert {len(state.levels) for state in space.measure if state.at_leaf} == {1, 2, 3}
    assert space.error(kernels[name], particles=2, moves=4) <= EXACT
