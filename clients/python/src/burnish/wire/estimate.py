"""The answer proper: a point estimate, an interval that holds, or a refusal that says why there is none."""

from __future__ import annotations

from typing import Literal

from burnish.wire.base import Received

IntervalKind = Literal["group_sequential", "fixed"]
RefusalCode = Literal[
    "too_few", "nonfinite", "heavy_tail", "weight_collapse", "bias_unknown", "tolerance_below_floor", "alpha_spent"
]


class Estimate(Received):
    """Point estimates, one per output; `null` where no finite estimate exists."""

    value: list[float | None]
    standard_error: list[float | None]


class Interval(Received):
    """Confidence limits, one pair per output; `null` where that output is refused.

    `joint`: all intervals that the job ever streams for one output hold together at `level`, so that the user may stop
    watching whenever he likes. `simultaneous`: they also hold together over the outputs. `blocks`: the block count from
    which the limits were computed.
    """

    lower: list[float | None]
    upper: list[float | None]
    level: float
    kind: IntervalKind
    joint: bool
    simultaneous: bool = False
    blocks: int


class Refused(Received):
    """Why no honest interval exists (for `outputs`; all of them when null), with the numbers and what to do."""

    code: RefusalCode
    why: str
    statistics: dict[str, float | None] = {}
    advice: str
    outputs: list[int] | None = None
