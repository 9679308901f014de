"""The answer proper: a point estimate, an interval that holds, or a refusal that says why there is none."""

from __future__ import annotations

from typing import Literal

from burnish.wire.base import Received
from burnish.wire.specs.base import Multiplicity

IntervalKind = Literal["group_sequential", "fixed", "confidence_sequence", "empirical_bernstein", "alpha_spending"]
"""`alpha_spending`: one interval for each observation, the j-th at level 1 - alpha/((j+1)(j+2)): all hold jointly."""
RefusalCode = Literal[
    "too_few",
    "nonfinite",
    "heavy_tail",
    "weight_collapse",
    "bias_unknown",
    "tolerance_below_floor",
    "alpha_spent",
    "bounds_violated",
]


class Estimate(Received):
    """Point estimates, one per output; `null` where no finite estimate exists."""

    value: list[float | None]
    standard_error: list[float | None]


class Interval(Received):
    """Confidence limits, one pair per output; `null` where that output is refused.

    `joint`: all intervals that the job ever streams for one output hold together at `level`, so that the user may stop
    watching whenever he likes. `simultaneous`: they also hold together over the outputs, see `multiplicity`. `blocks`:
    the block count from which the limits were computed.
    """

    lower: list[float | None]
    upper: list[float | None]
    level: float
    kind: IntervalKind
    joint: bool
    simultaneous: bool = False
    blocks: int
    multiplicity: Multiplicity | None = None


class RobustEstimate(Received):
    """Point estimates for outputs with a heavy tail, `null` for the others: no interval comes with them.

    `null`, too, where the tail index is 0.95 or more: there may be no mean, and rare events of bounded quantities look
    like that. `value`: the mean with its tails replaced by fitted Pareto tails; `truncated`: a cross-check, the mean
    with the five largest samples of a heavy tail pulled in to the sixth.
    """

    method: Literal["pareto_tail_mean"] = "pareto_tail_mean"
    value: list[float | None]
    truncated: list[float | None]
    tail_index: list[float | None]


class Refused(Received):
    """Why no honest interval exists (for `outputs`; all of them when null), with the numbers and what to do.

    `tolerance_below_floor` speaks of the budget: the interval beside it is honest, but cannot become narrow enough.
    """

    code: RefusalCode
    why: str
    statistics: dict[str, float | None] = {}
    advice: str
    outputs: list[int] | None = None
    robust: RobustEstimate | None = None
