"""What more compute would buy."""

from __future__ import annotations

from burnish.wire.base import Received


class Range(Received):
    """An estimate with the limits between which it is expected."""

    estimate: float
    lower: float
    upper: float


class Forecast(Received):
    """The reachable error, in half-widths of the worst output that has an interval.

    `error_at`: multiples of the units spent so far ("2x", "10x") -> half-width expected there. `floor`: the error that
    no further sampling removes, `null` when it is not known (never 0 for that); `floor_range`: what its own noise
    leaves. `rate`: error ~ units^-rate.
    """

    half_width: float | None = None
    units_to_target: int | None = None
    seconds_to_target: Range | None = None
    error_at: dict[str, float] = {}
    floor: float | None = None
    floor_range: Range | None = None
    rate: float = 0.5
