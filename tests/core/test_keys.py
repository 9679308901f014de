"""The tree of random streams: the same key gives the same stream, different keys give independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnish_workers.core.keys import Key, block_key, lane_key, pilot_key

steady = settings(deadline=None, derandomize=True)

seeds = st.integers(0, 2**128 - 1)
paths = st.lists(st.integers(0, 2**32 - 1), max_size=4).map(tuple)


@steady
@given(seeds, paths)
def test_a_key_is_all_that_a_stream_depends_on(seed: int, path: tuple[int, ...]) -> None:
    a, b = Key(seed, path), Key(seed).child(*path)
    assert a == b
    assert a.bits64() == b.bits64()
    np.testing.assert_array_equal(a.generator().random(4), b.generator().random(4))
    np.testing.assert_array_equal(a.words(7), b.words(7))


def test_streams_never_change_between_releases() -> None:
    # Stored jobs are replayed from their keys: these numbers are part of the product.
    assert block_key(7, 0, 3).bits64() == 7797364115261976399
    assert block_key(7, 0, 3).generator().random() == 0.9541589660751316


@steady
@given(seeds, paths, paths)
def test_different_paths_have_different_bits(seed: int, one: tuple[int, ...], other: tuple[int, ...]) -> None:
    assert (Key(seed, one).bits64() == Key(seed, other).bits64()) == (one == other)


def test_bits_fit_a_signed_word_and_do_not_collide() -> None:
    bits = [block_key(0, lane, index).bits64() for lane in range(4) for index in range(5_000)]
    assert len(set(bits)) == len(bits)
    assert min(bits) >= 0
    assert 2**62 < max(bits) < 2**63


def test_the_pilot_and_the_lanes_share_nothing_with_the_blocks() -> None:
    keys = [pilot_key(1), *(lane_key(1, i) for i in range(50)), *(block_key(1, 0, i) for i in range(50))]
    draws = np.concatenate([key.generator().random(100) for key in keys])
    assert len(np.unique(draws)) == len(draws)


def test_neighbouring_blocks_are_uncorrelated() -> None:
    x = np.stack([block_key(3, 0, i).generator().standard_normal(2_000) for i in range(60)])
    off_diagonal = np.corrcoef(x)[np.triu_indices(60, 1)]
    assert np.abs(off_diagonal).max() < 6 / np.sqrt(2_000)
    assert abs(off_diagonal.mean()) < 5 / np.sqrt(2_000 * len(off_diagonal))


@pytest.mark.parametrize("bad", [(-1,), (2**32,), (0, 2**40)])
def test_steps_that_would_hash_like_others_are_refused(bad: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="every step must be an integer in"):
        Key(0, bad)


@pytest.mark.parametrize("bad", [-1, 2**128])
def test_seeds_out_of_range_are_refused(bad: int) -> None:
    with pytest.raises(ValueError, match="seed"):
        Key(bad)
