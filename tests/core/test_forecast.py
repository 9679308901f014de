"""What more compute would buy."""

from __future__ import annotations

import numpy as np
import pytest

from burnish_workers.core.forecast import TargetForecast, error_at, units_to_target
from burnish_workers.core.guard import max_to_sum
from burnish_workers.core.moments import Moments
from burnish_workers.core.schedule import Replicates, Schedule

PLAN = Schedule.plan(128, 1, Replicates(200, 200), 0.05, False)


def forecast(tolerance: float, schedule: Schedule = PLAN, **given: float) -> TargetForecast:
    known = {"deviation": 2.0, "replicates": 2_000, "kurtosis": 3.0, "max_to_sum": 0.01, **given}
    return units_to_target(schedule, tolerance=tolerance, **known)  # type: ignore[arg-type]


def test_between_looks_the_width_falls_faster_than_the_root() -> None:
    c, n_max = PLAN.looks_until(128)[-1].critical, 25_600
    found = forecast(0.05)
    assert found.replicates == pytest.approx((c * 2 / 0.05) ** (4 / 3) * n_max ** (1 / 3), rel=1e-12)
    half_width = c * 2 / found.replicates**0.5 * (n_max / found.replicates) ** 0.25
    assert half_width == pytest.approx(0.05, rel=1e-12)


def test_the_look_is_the_first_that_meets_the_tolerance() -> None:
    for tolerance in np.geomspace(0.02575, 1.0, 40):
        found = forecast(float(tolerance))
        widths = {x.blocks: x.critical * 2 / x.replicates**0.5 for x in PLAN.looks_until(128)}
        assert found.at_look == min(k for k, width in widths.items() if width <= tolerance)
        assert 200 * found.at_look >= found.replicates
    assert forecast(0.2, blocks=16).at_look == 16
    assert forecast(0.2, blocks=17).at_look == 32


def test_out_of_reach_there_is_no_look_but_a_size_for_a_new_job() -> None:
    found = forecast(0.01)
    assert found.at_look is None
    assert found.replicates == pytest.approx((PLAN.looks_until(128)[-1].critical * 2 / 0.01) ** 2)


def test_an_extensible_job_climbs_its_ladder() -> None:
    plan = Schedule.plan(128, 1, Replicates(200, 200), 0.05, True)
    found = forecast(0.01, plan)
    look = plan.look(found.at_look or 0)
    assert look is not None
    assert look.critical * 2 / look.replicates**0.5 <= 0.01
    assert found.at_look == 2048


def test_fixed_jobs_have_the_root_law() -> None:
    found = forecast(0.05, Schedule.plan(128, 1, Replicates(200, 200), 0.05, False, kind="fixed"))
    assert found.replicates == pytest.approx((1.959964 * 2 / 0.05) ** 2, rel=1e-6)
    assert found.at_look == 32


def test_units_and_ranges() -> None:
    found = forecast(0.05, units_per_replicate=8)
    relative = (2 / 3) * 1.959964 * np.sqrt(2 / 2_000)
    assert found.low == pytest.approx(found.replicates * (1 - relative))
    assert found.high == pytest.approx(found.replicates * (1 + relative))
    assert found.units == 8 * found.replicates
    assert (found.units_low, found.units_high) == (8 * found.low, 8 * found.high)
    heavy = forecast(0.05, max_to_sum=0.06)
    assert (heavy.low, heavy.high) == (0.5 * heavy.replicates, 3 * heavy.replicates)


def test_the_worst_output_decides() -> None:
    found = units_to_target(
        PLAN,
        deviation=[1.0, 2.0, 1.0],
        tolerance=[0.1, 0.1, 0.2],
        replicates=[2_000] * 3,
        kurtosis=[3.0] * 3,
        max_to_sum=[0.01] * 3,
    )
    assert found == forecast(0.1)


@pytest.mark.parametrize(("name", "floor"), [("normal", 0.9), ("exponential", 0.85)])
def test_ranges_cover_the_truth(name: str, floor: float) -> None:
    # Both laws have standard deviation 1; from 2,000 replicates the forecast is within 12 % for light tails.
    runs, rng = 500, np.random.default_rng(20)
    m = Moments.of(getattr(rng, f"standard_{name}")((2_000, runs)), 1)
    truth = forecast(0.05, deviation=1.0).replicates
    found = [
        forecast(0.05, deviation=float(s), kurtosis=float(k), max_to_sum=float(r))
        for s, k, r in zip(np.sqrt(m.variance), m.kurtosis, max_to_sum(m), strict=True)
    ]
    assert np.mean([f.low <= truth <= f.high for f in found]) > floor
    assert np.quantile([abs(f.replicates / truth - 1) for f in found], 0.95) < 0.12


def test_error_falls_at_rate_one_half_to_its_floor() -> None:
    assert error_at(64, 0.8, 0.0).total == pytest.approx(0.1)
    found = error_at(4, 0.6, 0.4)
    assert (found.statistical, found.floor, found.total) == pytest.approx((0.3, 0.4, 0.5))


def test_an_unknown_floor_is_not_zero() -> None:
    found = error_at(4, 0.6, None)
    assert found.statistical == pytest.approx(0.3)
    assert found.floor is None
    assert found.total is None


def test_misuse_is_explained() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        forecast(0.0)
    with pytest.raises(ValueError, match="positive multiple"):
        error_at(0, 1.0, None)
