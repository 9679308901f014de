"""Block order, not arrival order."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnish_workers.core.digest import digest_arrays
from burnish_workers.core.fold import OrderedFold
from burnish_workers.core.keys import block_key
from burnish_workers.core.moments import Moments, merge

steady = settings(deadline=None, derandomize=True)


@steady
@given(st.permutations(range(9)), st.lists(st.integers(0, 8), max_size=6))
def test_any_order_with_any_repeats_hands_on_each_block_once(order: list[int], again: list[int]) -> None:
    fold, folded = OrderedFold[int](), []
    for index in [*order[:5], *again, *order[5:]]:
        arrival = fold.put(index, index * 10, digest=f"of {index}")
        assert not arrival.conflict
        assert not (arrival.duplicate and arrival.ready)
        folded += arrival.ready
        assert fold.frontier == len(folded)
    assert folded == [(i, i * 10) for i in range(9)]
    assert fold.waiting == 0


def test_arrival_order_does_not_change_a_bit() -> None:
    blocks = [Moments.of(block_key(1, 0, i).generator().lognormal(size=(30, 4)), 8) for i in range(40)]
    direct = digest_arrays(reduce(merge, blocks, Moments.empty(4, 8)).to_arrays())
    for seed in range(5):
        fold, state = OrderedFold[Moments](), Moments.empty(4, 8)
        for i in np.random.default_rng(seed).permutation(40):
            for _, block in fold.put(int(i), blocks[i], digest="").ready:
                state = merge(state, block)
        assert digest_arrays(state.to_arrays()) == direct
    shuffled = reduce(merge, [blocks[i] for i in np.random.default_rng(0).permutation(40)], Moments.empty(4, 8))
    assert digest_arrays(shuffled.to_arrays()) != direct


def test_a_second_copy_is_dropped_and_compared() -> None:
    fold = OrderedFold[str]()
    assert fold.put(1, "b", digest="B").ready == ()
    waiting_twice = fold.put(1, "b?", digest="other")
    assert (waiting_twice.duplicate, waiting_twice.conflict, fold.waiting) == (True, True, 1)
    assert fold.put(0, "a", digest="A").ready == ((0, "a"), (1, "b"))
    folded_twice = fold.put(0, "a", digest="A")
    assert (folded_twice.duplicate, folded_twice.conflict, folded_twice.ready) == (True, False, ())
    assert fold.put(1, "b?", digest="other").conflict


def test_a_job_goes_on_where_its_store_left_it() -> None:
    fold = OrderedFold[str](frontier=3)
    assert fold.put(2, "late", digest="?").duplicate
    assert fold.put(3, "next", digest="N").ready == ((3, "next"),)


def test_negative_indices_are_refused() -> None:
    with pytest.raises(ValueError, match="index 0"):
        OrderedFold[str]().put(-1, "", digest="")
    with pytest.raises(ValueError, match="negative"):
        OrderedFold[str](frontier=-1)
