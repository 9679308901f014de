"""Limits by counting: against the definition, and their coverage at every chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from burnish_workers.core.counted import Counted


@pytest.mark.parametrize("n", [1, 7, 40, 1_000])
@pytest.mark.parametrize("alpha", [0.05, 1e-4])
def test_at_the_limits_the_tails_have_half_of_alpha(n, alpha):
    hits = np.unique(np.array([0, 1, n // 3, n - 1, n]))
    lower, upper = Counted(n, hits).limits(alpha)
    for h, low, high in zip(hits, lower, upper, strict=True):
        assert low == 0 if h == 0 else binom.sf(h - 1, n, low) == pytest.approx(alpha / 2, rel=1e-4)
        assert high == 1 if h == n else binom.cdf(h, n, high) == pytest.approx(alpha / 2, rel=1e-4)


def test_none_in_n_is_the_rule_of_three():
    _, (upper,) = Counted(1_000, np.array([0])).limits(0.1)
    assert upper == pytest.approx(3 / 1_000, rel=0.01)


def test_nothing_is_known_without_draws():
    lower, upper = Counted(0, np.array([0, 0])).limits(0.05)
    assert lower.tolist() == [0, 0]
    assert upper.tolist() == [1, 1]


@pytest.mark.parametrize("chance", [1e-3, 0.03, 0.5, 0.98])
def test_they_cover_by_enumeration_of_all_counts(chance):
    n = 60
    hits = np.arange(n + 1)
    lower, upper = Counted(n, hits).limits(0.05)
    inside = (lower <= chance) & (chance <= upper)
    assert binom.pmf(hits, n, chance)[inside].sum() >= 0.95


@pytest.mark.parametrize("hits", [[5], [-1]])
def test_more_hits_than_draws_are_a_mistake(hits):
    with pytest.raises(ValueError, match="among 4 draws"):
        Counted(4, np.array(hits)).limits(0.05)
