"""Resampling schemes: copies in proportion to weights."""

from __future__ import annotations

import numpy as np
import pytest

from burnish_workers.core.resampling import SCHEMES, systematic


@pytest.mark.parametrize("scheme", SCHEMES)
def test_copies_are_in_proportion_to_weights(scheme: str):
    weights = np.array([0.0, 0.4, 0.05, 0.0, 0.15, 0.3, 0.1, 0.0])
    runs, generator, counts = 4_000, np.random.default_rng(3), np.zeros(8)
    for _ in range(runs):
        chosen = SCHEMES[scheme](weights, generator)
        assert len(chosen) == 8
        counts += np.bincount(chosen, minlength=8)
    assert not counts[weights == 0].any()
    # 5 standard errors of multinomial counts, which bound those of the other schemes.
    assert (np.abs(counts / runs - 8 * weights) <= 5 * np.sqrt(8 * weights * (1 - weights) / runs)).all()


def test_systematic_points_lie_under_the_weights_that_they_are_said_to():
    """By counting, as by searching: the points (u + i)/N below each cumulative weight."""
    generator, same = np.random.default_rng(5), np.random.default_rng(5)
    for size in (1, 2, 7, 1_000):
        weights = np.random.default_rng(size).exponential(size=size) ** 4
        weights /= weights.sum()
        points = (same.random() + np.arange(size)) / size
        searched = np.searchsorted(np.cumsum(weights), points, side="right").clip(max=size - 1)
        assert systematic(weights, generator).tolist() == searched.tolist()
