"""`POST /v1/forecast`: a scaling law for the user's own records."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from burnish.wire.forecast import Range
from burnish.wire.scaling import Foretold, ScalingLaw, ScalingPoint, ScalingRequest, Split
from burnish_workers.core.kind import SpecError
from burnish_workers.core.scaling_choice import Choice, best_split, choose, limits, resampled
from burnish_workers.core.scaling_law import Law, Records, fit

LARGE = 400
"""Records from which the choice and the resampling use a part only: seconds, not minutes."""


def forecast(request: ScalingRequest) -> ScalingLaw:
    """Fit, foretell and split. Raises SpecError where the records cannot carry a law."""
    records = _records(request)
    part = records.take(np.random.default_rng(0).permutation(len(records.risk))[:LARGE])
    choice = choose(part)
    law = fit(records, floor=choice.floor)
    return _Told(request, records, law, choice, resampled(part, law, floor=choice.floor)).answer()


def _records(request: ScalingRequest) -> Records:
    axes: list[NDArray[np.float64] | None] = []
    for name in ("data", "compute"):
        values = [getattr(record, name) for record in request.records]
        missing = [i for i, value in enumerate(values) if value is None]
        if missing and len(missing) < len(values):
            raise SpecError(
                f"/records/{missing[0]}/{name}", f"missing here and given elsewhere; give {name} in all or none"
            )
        axis = None if missing else np.log(np.array(values, dtype=np.float64))
        axes.append(axis if axis is not None and np.ptp(axis) > 0 else None)
    if axes[0] is None and axes[1] is None:
        raise SpecError("/records", "neither data nor compute varies among the records: nothing can be told of either")
    found = Records(axes[0], axes[1], np.log(np.array([record.risk for record in request.records])))
    needed = 3 * found.terms + 2
    if len(found.risk) < needed:
        raise SpecError("/records", f"{len(found.risk)} records for {found.terms} axes; give at least {needed}")
    for i, point in enumerate(request.at):
        _check_point(point, i, found)
    if request.split is not None and found.terms < 2:
        raise SpecError("/split", "a split needs records in which both data and compute vary")
    return found


def _check_point(point: ScalingPoint, i: int, records: Records) -> None:
    for name, axis in (("data", records.data), ("compute", records.compute)):
        if axis is not None and getattr(point, name) is None:
            raise SpecError(f"/at/{i}/{name}", f"missing: the risk depends on {name}")


class _Told:
    """The answer, value by value, each with what resampled fits say of it."""

    def __init__(self, request: ScalingRequest, records: Records, law: Law, choice: Choice, others: list[Law]):
        self._request, self._records, self._law = request, records, law
        self._choice, self._others = choice, others

    def answer(self) -> ScalingLaw:
        law, choice, records = self._law, self._choice, self._records
        residual = law.log_risk(records.data, records.compute) - records.risk
        data, compute = records.data is not None, records.compute is not None
        better = f"larger records foretold from smaller ones: {choice.with_floor:.2%} off with a floor, "
        return ScalingLaw(
            data_scale=self._range(lambda each: each.log_a, exp=True) if data else None,
            data_exponent=self._range(lambda each: each.a) if data else None,
            compute_scale=self._range(lambda each: each.log_b, exp=True) if compute else None,
            compute_exponent=self._range(lambda each: each.b) if compute else None,
            floor=self._range(lambda each: each.log_floor, exp=True) if choice.floor else None,
            chosen="with_floor" if choice.floor else "without_floor",
            why=f"{better}{choice.without_floor:.2%} without",
            typical_error=float(np.median(np.abs(residual))),
            predictions=[self._foretold(point.data, point.compute) for point in self._request.at],
            split=self._split(),
        )

    def _range(self, value: Callable[[Law], float], *, exp: bool = False) -> Range:
        spread = np.array([value(each) for each in self._others])
        centre = value(self._law)
        low, high = limits(centre, spread, self._request.level)
        found = np.array([centre, low, high])
        estimate, lower, upper = np.exp(np.clip(found, -700, 700)) if exp else found
        return Range(estimate=float(estimate), lower=float(lower), upper=float(upper))

    def _foretold(self, data: float | None, compute: float | None) -> Foretold:
        return Foretold(data=data, compute=compute, risk=self._risk(data, compute))

    def _risk(self, data: float | None, compute: float | None) -> Range:
        d = None if data is None or self._records.data is None else float(np.log(data))
        c = None if compute is None or self._records.compute is None else float(np.log(compute))
        return self._range(lambda each: float(each.log_risk(d, c)), exp=True)

    def _split(self) -> Split | None:
        asked = self._request.split
        if asked is None:
            return None
        data, compute = best_split(self._law, asked.budget, asked.price_data, asked.price_compute)
        return Split(data=data, compute=compute, risk=self._risk(data, compute))
