"""Islands: what is folded is what came in, merged neighbours say the same, and dead islands count."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnish_workers.core import islands as module
from burnish_workers.core.digest import digest_arrays
from burnish_workers.core.estimator import flatten, unflatten
from burnish_workers.core.islands import Islands, append, most_rows
from burnish_workers.core.jackknife import log_evidence, ratio, weights
from burnish_workers.core.moments import Moments
from burnish_workers.core.sketches import Mixture, distribution, mid_levels
from burnish_workers.engine.checkpoint import Checkpoint

steady = settings(deadline=None, derandomize=True)


def some(count: int, seed: int = 1, levels: int = 16, dead: tuple[int, ...] = ()) -> Islands:
    """Islands with two values, a sketched coordinate and two notes."""
    rng = np.random.default_rng(seed)
    log_weight = rng.normal(-300, 2, count)
    log_weight[list(dead)] = -np.inf
    shift = rng.normal(size=count)
    sketch = shift[:, None, None] + np.sort(rng.normal(size=(count, 1, levels)), axis=2)
    notes = np.column_stack([rng.poisson(3, count), np.where(rng.random(count) < 0.3, np.nan, 0.5)])
    return Islands.of(log_weight, np.column_stack([shift, shift**2]), sketch, notes)


def one_by_one(islands: Islands) -> Islands:
    first = Islands.empty(2, 1, 2, islands.sketch.shape[2])
    return reduce(append, [islands.rows(np.array([i])) for i in range(len(islands))], first)


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 8 rows, so that merging is seen."""
    monkeypatch.setattr(module, "MOST", 8)
    monkeypatch.setattr(module, "FEWEST", 8)


@steady
@given(st.integers(0, 20), st.data())
def test_appending_is_associative_to_the_bit(count: int, data: st.DataObject) -> None:
    whole = some(count)
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=4)))
    blocks = [whole.rows(rows) for rows in np.split(np.arange(count), cuts)]
    forwards = reduce(append, blocks)
    backwards = reduce(lambda later, earlier: append(earlier, later), reversed(blocks))
    for found in (forwards, backwards, one_by_one(whole)):
        assert digest_arrays(found.to_arrays()) == digest_arrays(whole.to_arrays())


@steady
@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=4, unique=True))
def test_the_order_of_islands_does_not_matter_to_the_value(order: list[int], dead: list[int]) -> None:
    islands = some(12, dead=tuple(dead))
    moved = islands.rows(np.array(order))
    np.testing.assert_allclose(ratio(moved), ratio(islands), rtol=1e-12)
    assert log_evidence(moved) == pytest.approx(log_evidence(islands), rel=1e-14)


def test_the_ratio_is_the_evidence_weighted_mean() -> None:
    z, f = np.array([1.0, 3.0, 0.0]), np.array([[1.0], [2.0], [9.0]])
    with np.errstate(divide="ignore"):
        islands = Islands.of(np.log(z) - 5_000, f)
    assert ratio(islands) == pytest.approx([(1 + 6) / 4])
    assert log_evidence(islands) == pytest.approx(np.log(4 / 3) - 5_000), "a dead island is one of three"
    assert weights(islands).tolist() == pytest.approx([0.25, 0.75, 0.0])
    assert islands.values[2, 0] == 0.0, "what a dead island says of its particles is not looked at"


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize("count", [8, 9, 16, 17, 31, 100])
@pytest.mark.parametrize("dead", [(), (0, 1, 5, 7)])
def test_merged_neighbours_have_the_same_answer(count: int, dead: tuple[int, ...]) -> None:
    single = some(count, dead=dead)
    folded = one_by_one(single)
    assert folded.count == count
    assert len(folded) <= 8 + np.log2(count), "full rows, and a tail that waits for its neighbours"
    assert set(folded.size) <= {1, 2, 4, 8, 16}
    np.testing.assert_allclose(ratio(folded), ratio(single), rtol=1e-12)
    assert log_evidence(folded) == pytest.approx(log_evidence(single), rel=1e-14)
    np.testing.assert_allclose(folded.size @ folded.notes[:, 0], single.notes[:, 0].sum(), rtol=1e-12)
    assert np.nanmax(folded.notes[:, 1]) == np.nanmin(folded.notes[:, 1]) == 0.5, "unknown notes are left out"
    same = append(single.rows(np.arange(3)), single.rows(np.arange(3, count)))
    assert digest_arrays(same.to_arrays()) == digest_arrays(folded.to_arrays()), "blocks of any size: the same rows"


@pytest.mark.usefixtures("few_rows")
def test_merged_sketches_tell_the_quantiles_of_all() -> None:
    single = some(64, levels=64)
    folded, levels = one_by_one(single), np.array([0.05, 0.3, 0.5, 0.9])
    exact = Mixture.pooled(single.sketch, weights(single)).quantiles(levels)[:, 0]
    merged = Mixture.pooled(folded.sketch, weights(folded)).quantiles(levels)[:, 0]
    atoms = single.sketch[:, 0].ravel()
    below = [float(np.repeat(weights(single), 64)[atoms <= value].sum() / 64) for value in merged]
    assert below == pytest.approx(levels.tolist(), abs=1 / 64)
    assert merged == pytest.approx(exact, abs=0.1)


def test_rows_take_no_more_than_a_fixed_room() -> None:
    assert most_rows(3) == 4096
    assert most_rows(2**12) == 1024
    assert most_rows(2**20) == 512


def test_states_travel_and_come_back() -> None:
    islands, beside = some(5), Moments.of(np.arange(6.0)[:, None], 2)
    back = unflatten(flatten({"islands": islands, "beside": beside}))
    kept = Checkpoint.from_bytes(Checkpoint(5, back).to_bytes()).state
    for state in (back, kept):
        assert (type(state["islands"]), type(state["beside"])) == (Islands, Moments)
        assert digest_arrays(state["islands"].to_arrays()) == digest_arrays(islands.to_arrays())
    nothing = unflatten(flatten({"islands": Islands.empty(2, 1, 2, 16)}))["islands"]
    assert digest_arrays(append(nothing, islands).to_arrays()) == digest_arrays(islands.to_arrays())


def test_a_summary_has_the_scale_of_what_was_found() -> None:
    assert Islands.of([2.0, -np.inf], [[-2.0], [7.0]]).summary() == (0.0, 2.0)
    assert Islands.empty(3).summary() == (0.0, 0.0)


def test_misuse_is_explained() -> None:
    with pytest.raises(ValueError, match=r"values \(3,\).*give \(R,\), \(R, m\)"):
        Islands.of([0.0], np.zeros(3))
    with pytest.raises(ValueError, match="nan or \\+inf"):
        Islands.of([np.nan], np.zeros((1, 2)))
    with pytest.raises(ValueError, match="only equal ones can be appended"):
        append(Islands.empty(2), Islands.empty(3))


def test_a_distribution_between_its_atoms() -> None:
    sketch = np.array([[[1.0, 2.0, 4.0, 5.0]], [[3.0, 3.0, 3.0, 3.0]], [[0.0, 3.0, 3.0, 9.0]]])
    at = {x: distribution(sketch, np.array([x]))[:, 0].tolist() for x in (0.0, 0.75, 2.0, 3.0, 5.25, 99.0)}
    assert at[0.0] == [0.0, 0.0, 0.125]
    assert at[0.75] == [0.0625, 0.0, 0.1875]
    assert at[2.0][0] == 0.375
    assert at[3.0] == [0.5, 0.5, 0.5]
    assert at[5.25][0] == 0.9375
    assert at[99.0] == [1.0, 1.0, 1.0]


@steady
@given(st.integers(0, 100), st.integers(2, 40))
def test_a_distribution_is_the_inverse_of_its_quantiles(seed: int, count: int) -> None:
    atoms = np.sort(np.random.default_rng(seed).normal(size=(1, 1, count)), axis=2)
    levels = np.linspace(1 / (2 * count), 1 - 1 / (2 * count), 7)
    quantiles = Mixture.pooled(atoms, np.ones(1)).quantiles(levels)[:, 0]
    found = [distribution(atoms, np.array([value]))[0, 0] for value in quantiles]
    assert found == pytest.approx(levels.tolist(), abs=1e-9)
    assert mid_levels(count)[0] == pytest.approx(levels[0])
