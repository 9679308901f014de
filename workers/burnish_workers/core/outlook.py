"""The forecast as it is published: what more compute would buy for the worst output of a job."""

from __future__ import annotations

import numpy as np

from burnish.wire import Forecast, Range, Spent
from burnish_workers.core.estimator import Answer, Statistics
from burnish_workers.core.forecast import error_at, units_to_target
from burnish_workers.core.guard import max_to_sum
from burnish_workers.core.purse import Purse
from burnish_workers.core.report import Report
from burnish_workers.core.schedule import Schedule

_MULTIPLES = (2, 10)


def outlook(
    schedule: Schedule, statistics: Statistics, answer: Answer, found: Report, purse: Purse, spent: Spent
) -> Forecast | None:
    """Half-widths to expect at multiples of the units spent and, with a tolerance, the units and seconds to reach it.

    None while nothing is known of the spread. Not part of the digest: seconds are measured.
    """
    combined = answer.combined
    if not np.isfinite(combined.standard_error).all() or not (combined.standard_error > 0).any():
        return None
    worst = int(np.argmax(combined.standard_error))
    critical = schedule.looks_until(schedule.blocks_max)[-1].critical
    floor = float(answer.bias[worst])
    errors = {
        f"{k}x": critical * error_at(k, float(combined.standard_error[worst]), None).statistical + floor
        for k in _MULTIPLES
    }
    width = found.half_width[np.isfinite(found.half_width)]
    units, seconds = _target(schedule, statistics, answer, found, purse, spent)
    return Forecast(
        half_width=float(width.max()) if len(width) else None,
        error_at=errors,
        floor=answer.floor,
        rate=0.5,
        units_to_target=units,
        seconds_to_target=seconds,
    )


def _target(
    schedule: Schedule, statistics: Statistics, answer: Answer, found: Report, purse: Purse, spent: Spent
) -> tuple[int | None, Range | None]:
    """Units to the tolerance and seconds left to it; None where there is no tolerance or it cannot be reached."""
    combined, leading = answer.combined, answer.parts[statistics.leading]
    tolerance = purse.tolerance(combined.value)
    if tolerance is None or found.replicates < 2:
        return None, None
    room = tolerance - answer.bias
    if not (room > 0).all():
        return None, None
    n = combined.replicates
    target = units_to_target(
        schedule,
        deviation=combined.standard_error * np.sqrt(n),
        tolerance=room,
        replicates=n,
        kurtosis=np.nan_to_num(leading.kurtosis, nan=3.0),
        max_to_sum=np.nan_to_num(max_to_sum(leading), nan=1.0),
        blocks=found.blocks,
        units_per_replicate=spent.units / found.replicates,
    )
    if not np.isfinite(target.units):
        return None, None
    # An interval is published at looks only: the target is reached at the first look that suffices.
    units = target.units if target.at_look is None else statistics.units(schedule.replicates(target.at_look))
    per_unit = spent.seconds / max(spent.units, 1)
    seconds = Range(
        estimate=_left(units, per_unit, spent),
        lower=_left(min(target.units_low, units), per_unit, spent),
        upper=_left(max(target.units_high, units), per_unit, spent),
    )
    return round(units), seconds


def _left(units: float, per_unit: float, spent: Spent) -> float:
    """Seconds from now, at the pace of the prefix."""
    return max(0.0, units * per_unit - spent.seconds)
