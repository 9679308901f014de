"""The plan of looks: positions, the ladder, closings, and what they spend together."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from burnish_workers.core.boundary import crossing_probability
from burnish_workers.core.schedule import Kind, Look, Replicates, Schedule, critical_for

EVEN = Replicates(200, 200)
plans = st.builds(
    Schedule.plan,
    st.integers(1, 3_000),
    st.integers(1, 40),
    st.builds(Replicates, st.integers(1, 50), st.integers(50, 500)),
    st.sampled_from([0.1, 0.05, 0.01]),
    st.booleans(),
    st.lists(st.integers(1, 3_000), max_size=2).map(tuple),
)

steady = settings(deadline=None, derandomize=True)


def places(schedule: Schedule, until: int) -> list[int]:
    return [look.blocks for look in schedule.looks_until(until)]


def test_looks_are_halvings_of_the_whole_budget() -> None:
    assert places(Schedule.plan(1000, 10, EVEN, 0.05, False), 5000) == [16, 32, 63, 125, 250, 500, 1000]
    assert places(Schedule.plan(3, 1, EVEN, 0.05, False), 3) == [1, 2, 3]
    assert places(Schedule.plan(1, 1, EVEN, 0.05, False), 9) == [1]
    assert places(Schedule.plan(5, 9, EVEN, 0.05, False), 9) == [5]
    assert places(Schedule.plan(64, 8, EVEN, 0.05, False, extra=(3, 20, 20, 70)), 64) == [8, 16, 20, 32, 64]


def test_widths_follow_the_boundary_at_the_actual_counts() -> None:
    looks = Schedule.plan(64, 8, Replicates(50, 200), 0.05, False).looks_until(64)
    assert [look.replicates for look in looks] == [1450, 3050, 6250, 12650]
    ratios = [look.critical * (look.replicates / 12650) ** 0.25 for look in looks]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-12)
    # A smaller first block moves the fractions a little away from halvings, for which c would be 2.0555.
    assert looks[-1].critical == pytest.approx(2.0532, abs=5e-5)


def test_the_last_width_costs_little() -> None:
    assert Schedule.plan(128, 1, EVEN, 0.05, False).looks_until(128)[-1].critical <= 1.06 * stats.norm.isf(0.025)
    assert Schedule.plan(128, 1, EVEN, 0.05, True).looks_until(128)[-1].critical <= 1.19 * stats.norm.isf(0.025)


def test_the_ladder_never_ends() -> None:
    schedule = Schedule.plan(8, 1, EVEN, 0.05, True)
    assert places(schedule, 8 * 64) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    tops = [schedule.look(8 * 4**e) for e in range(4)]
    assert [top.critical for top in tops if top] == pytest.approx([2.3109, 2.5435, 2.7693, 2.9817], abs=5e-4)
    assert schedule.next_look(8 * 4**20) == 8 * 4**21 // 2
    assert schedule.look(8 * 4**21 // 2) is not None


@steady
@given(plans.filter(lambda s: s.extensible))
def test_all_epochs_together_spend_less_than_alpha(schedule: Schedule) -> None:
    spent = 0.0
    for epoch in range(4):
        looks = [x for x in schedule.looks_until(schedule.blocks_max * 64) if x.epoch == epoch]
        spent += crossing_probability([x.critical for x in looks], [x.replicates for x in looks])
    assert spent == pytest.approx(schedule.alpha * (1 - 2**-4), rel=1e-5)


@steady
@given(plans, st.data())
def test_closing_anywhere_spends_the_epoch_and_voids_what_follows(schedule: Schedule, data: st.DataObject) -> None:
    top = schedule.blocks_max * (4 if schedule.extensible else 1)
    end = data.draw(st.integers(1, top))
    look = schedule.closing(end)
    assert look is not None
    before = [x for x in schedule.looks_until(end - 1) if x.epoch == look.epoch]
    spent = crossing_probability([x.critical for x in [*before, look]], [x.replicates for x in [*before, look]])
    limit = schedule.alpha / 2 ** (look.epoch + 1) if schedule.extensible else schedule.alpha
    if look.closing:
        assert spent == pytest.approx(limit, rel=1e-5)
        later = [x for x in schedule.looks_until(top * 16, (end,)) if x.blocks > end]
        assert all(x.epoch > look.epoch for x in later)
        assert schedule.look(end, (end,)) == look
        assert end == schedule.blocks_max or schedule.closing(end + 1, (end,)) in (None, schedule.look(end + 1, (end,)))
    else:
        assert look == schedule.look(end)
        assert schedule.looks_until(top, (end,)) == schedule.looks_until(top)


@steady
@given(plans, st.lists(st.integers(1, 5_000), max_size=3).map(tuple), st.integers(0, 5_000))
def test_the_next_look_is_the_first_that_holds(schedule: Schedule, closed: tuple[int, ...], blocks: int) -> None:
    ahead = schedule.next_look(blocks, closed)
    known = [x.blocks for x in schedule.looks_until(80_000, closed) if x.blocks > blocks and not x.closing]
    if known:
        assert ahead == known[0]
        assert schedule.look(known[0], closed) is not None
    else:
        assert ahead is None or ahead > 80_000


def test_beyond_the_end_nothing_is_left() -> None:
    schedule = Schedule.plan(64, 8, EVEN, 0.05, False)
    assert schedule.look(128) is None
    assert schedule.closing(100) is None
    assert schedule.next_look(64) is None
    assert schedule.closing(50, closed=(40,)) is None
    assert schedule.look(64, closed=(40,)) is None
    assert schedule.closing(40, closed=(40, 50)) == schedule.closing(40)


def test_a_closed_epoch_leaves_the_next_one_whole() -> None:
    schedule = Schedule.plan(64, 8, EVEN, 0.05, True)
    assert schedule.next_look(40, closed=(40,)) == 128
    assert schedule.look(128, closed=(40,)) == schedule.look(128)
    assert [x.blocks for x in schedule.looks_until(256, closed=(40, 200))] == [8, 16, 32, 40, 128, 200]


@steady
@given(plans)
def test_a_plan_survives_json(schedule: Schedule) -> None:
    again = Schedule.from_json(json.loads(json.dumps(schedule.to_json())))
    assert again == schedule
    assert again.looks_until(4 * schedule.blocks_max) == schedule.looks_until(4 * schedule.blocks_max)


def test_fixed_jobs_have_the_same_looks_each_at_the_full_level() -> None:
    schedule = Schedule.plan(64, 8, EVEN, 0.05, False, kind="fixed")
    assert places(schedule, 512) == [8, 16, 32, 64, 128, 256, 512]
    assert [look.critical for look in schedule.looks_until(512)] == pytest.approx([1.959964] * 7, abs=1e-6)
    ended = schedule.closing(50, closed=(40,))
    assert ended is not None
    assert ended.critical == pytest.approx(1.959964, abs=1e-6)
    assert Schedule.from_json(schedule.to_json()) == schedule


@pytest.mark.parametrize("z", [1.96, 4.0, 8.0, 12.0])
def test_students_value_has_the_tail_of_the_normal_one(z: float) -> None:
    look, dof = Look(1, 0, 10, z), np.array([7, 11, 23, 199, 1e9])
    critical = critical_for(look, dof)
    np.testing.assert_allclose(stats.t.logsf(critical, dof), stats.norm.logsf(z), rtol=1e-6)
    assert np.isfinite(critical).all()
    assert all(a > b for a, b in pairwise(critical))
    assert critical[-1] == pytest.approx(z, rel=1e-5)
    assert np.isnan(critical_for(look, np.nan))


def test_misuse_is_explained() -> None:
    with pytest.raises(ValueError, match="equally large"):
        Schedule.plan(8, 1, lambda k: k * k, 0.05, False)
    with pytest.raises(ValueError, match="blocks_max"):
        Schedule.plan(0, 1, EVEN, 0.05, False)
    with pytest.raises(ValueError, match="alpha"):
        Schedule.plan(8, 1, EVEN, 1.0, False)
    with pytest.raises(ValueError, match="give >= 1"):
        Replicates(0, 10)


# --- jobs that assimilate observations --------------------------------------------------------------------------------


def of_observations(kind: Kind = "stream", each: int = 8, alpha: float = 0.05) -> Schedule:
    return Schedule.plan(each, each, Replicates(1, 1), alpha, True, kind=kind, each=each)


def test_every_observation_is_a_look_without_end() -> None:
    schedule = of_observations()
    assert places(schedule, 50) == [8, 16, 24, 32, 40, 48]
    assert [schedule.next_look(k) for k in (0, 7, 8, 8_000_001)] == [8, 8, 16, 8_000_008]
    assert schedule.look(12) is None
    assert schedule.published(12, ends=True) is None, "within an observation there is nothing to say of any"
    look = schedule.published(16, ends=True)
    assert look == schedule.look(16)
    assert look is not None
    assert (look.replicates, look.closing) == (8, False)
    assert schedule.look(16, closed=(8, 12)) == look, "an end that was taken back spends nothing"


@given(st.sampled_from([0.1, 0.05, 0.01]), st.integers(1, 64))
@steady
def test_observations_spend_alpha_together(alpha: float, each: int) -> None:
    looks = of_observations(each=each, alpha=alpha).looks_until(300 * each)
    spent = [2 * float(stats.norm.sf(look.critical)) for look in looks]
    number = np.arange(300)
    np.testing.assert_allclose(spent, alpha / ((number + 1) * (number + 2)), rtol=1e-9)
    assert alpha * (1 - 1 / 301) == pytest.approx(sum(spent))


def test_each_observation_at_the_full_level() -> None:
    schedule = of_observations("fixed")
    assert {look.critical for look in schedule.looks_until(800)} == {-stats.norm.ppf(0.025)}
    assert Schedule.from_json(json.loads(json.dumps(schedule.to_json()))) == schedule


def test_what_is_kept_to_verify_from_doubles() -> None:
    schedule = of_observations()
    assert [look.blocks // 8 for look in schedule.looks_until(8 * 100) if schedule.keeps(look.blocks)] == [
        *(1, 2, 4, 8, 16, 32, 64)
    ]
    assert all(Schedule.plan(64, 8, EVEN, 0.05, True).keeps(k) for k in (8, 16, 40))
