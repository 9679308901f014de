"""The evidence of single islands, as refinements tell it."""

from __future__ import annotations

import numpy as np
import pytest

from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import log_evidence
from burnish_workers.kinds.posterior.heaviest import LISTED, by_island


def test_weights_are_shares_of_the_evidence() -> None:
    found = by_island(np.log([1.0, 3.0, 4.0]), np.ones(3))
    assert found is not None
    assert found["island"] == [0, 1, 2]
    assert found["weight"] == pytest.approx([1 / 8, 3 / 8, 4 / 8])
    assert found["log_evidence"] == pytest.approx(np.log([1.0, 3.0, 4.0]))
    assert found["quantiles"][2] == pytest.approx(np.log(3.0))


def test_dead_islands_are_not_listed_and_none_alive_is_nothing() -> None:
    found = by_island(np.array([-np.inf, 0.0, -np.inf, np.log(3.0)]), np.ones(4))
    assert found is not None
    assert (found["island"], found["live"]) == ([1, 3], 2)
    assert found["weight"] == pytest.approx([0.25, 0.75])
    assert by_island(np.array([-np.inf]), np.ones(1)) is None
    assert by_island(np.zeros(0), np.zeros(0)) is None


def test_of_many_the_heaviest_are_listed_in_their_order() -> None:
    log_z = np.random.default_rng(5).normal(-1e4, 2.0, 1000)
    found = by_island(log_z, np.ones(1000))
    assert found is not None
    assert len(found["island"]) == LISTED
    assert found["island"] == sorted(found["island"])
    assert min(found["log_evidence"]) >= np.sort(log_z)[-LISTED]
    assert found["live"] == 1000


def test_merged_rows_stand_under_their_first_island_with_all_their_weight() -> None:
    islands = Islands.of(np.log([1.0, 3.0, 4.0, 8.0]), np.zeros((4, 1)))
    merged = Islands(np.log([2.0, 6.0]), np.zeros((2, 1)), islands.sketch[:2], islands.notes[:2], np.array([2.0, 2.0]))
    assert log_evidence(merged) == pytest.approx(log_evidence(islands))
    found = by_island(merged.log_weight, merged.size)
    assert found is not None
    assert (found["island"], found["live"]) == ([0, 2], 4)
    assert found["weight"] == pytest.approx([0.25, 0.75])
