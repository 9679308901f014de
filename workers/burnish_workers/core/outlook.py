"""The forecast as it is published: what more compute would buy for the worst output of a job."""

from __future__ import annotations

import numpy as np

from burnish.wire import Forecast, Range, Refused, Spent
from burnish_workers.core.estimator import Answer, Statistics
from burnish_workers.core.forecast import error_at, units_to_target
from burnish_workers.core.guard import max_to_sum, tolerance_below_floor
from burnish_workers.core.purse import Purse
from burnish_workers.core.report import Report
from burnish_workers.core.schedule import Schedule

_MULTIPLES = (2, 10)


def outlook(
    schedule: Schedule, statistics: Statistics, answer: Answer, found: Report, purse: Purse, spent: Spent
) -> Forecast | None:
    """Half-widths to expect at multiples of the units spent and, with a tolerance, the units and seconds to reach it.

    None while nothing is known of the spread, and where each observation has an answer of its own: what is still to
    come refines none. Not part of the digest: seconds are measured.
    """
    if schedule.each is not None:
        return None
    combined = answer.combined
    if not np.isfinite(combined.standard_error).all() or not (combined.standard_error > 0).any():
        return None
    worst = int(np.argmax(combined.standard_error))
    critical = schedule.looks_until(schedule.blocks_max)[-1].critical
    floor = float(answer.bias[worst])
    noise = critical * float(combined.standard_error[worst])
    width = found.half_width[np.isfinite(found.half_width)]
    if answer.bets is not None and len(width):
        noise = float(width.max()) - floor
    errors = {f"{k}x": error_at(k, noise, None).statistical + floor for k in _MULTIPLES}
    units, seconds = _target(schedule, statistics, answer, found, purse, spent)
    return Forecast(
        half_width=float(width.max()) if len(width) else None,
        error_at=errors,
        floor=answer.floor,
        floor_range=_floor_range(answer),
        rate=0.5,
        units_to_target=units,
        seconds_to_target=seconds,
    )


def floor_of(answer: Answer, found: Report, purse: Purse) -> Refused | None:
    """The refusal of a tolerance that lies below the bias of an output, which no sampling can reduce; or None."""
    noise = np.where(np.isfinite(found.half_width), found.half_width - answer.bias, np.inf)
    target = purse.tolerance(found.value)
    if target is None or not purse.unreachable(found.value, answer.bias, noise):
        return None
    outside = np.flatnonzero((answer.bias > target) & (noise <= answer.bias))
    worst = int(outside[np.argmax(answer.bias[outside] / np.maximum(target[outside], 1e-300))])
    cure = answer.remedy(target) if answer.remedy else "use an estimator with a smaller bias, or a larger tolerance"
    refusal = tolerance_below_floor(float(target[worst]), float(answer.bias[worst]), cure)
    if refusal is None:
        return None
    return Refused(
        code=refusal.code,
        why=f"output {worst}: {refusal.why}",
        statistics=dict(refusal.statistics),
        advice=refusal.advice,
        outputs=None if len(outside) == len(target) else outside.tolist(),
    )


def _floor_range(answer: Answer) -> Range | None:
    """The floor of the worst output, with two standard errors to each side."""
    if answer.floor is None or answer.bias_error is None:
        return None
    worst = int(np.argmax(answer.bias))
    error = 2 * float(np.nan_to_num(answer.bias_error[worst]))
    return Range(estimate=answer.floor, lower=max(0.0, answer.floor - error), upper=answer.floor + error)


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
