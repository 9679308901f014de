"""What a job would cost and reach, told without running it beyond its pilot."""

from __future__ import annotations

from burnish.wire.base import Received
from burnish.wire.forecast import Range
from burnish.wire.specs import JobSpec


class PlannedLook(Received):
    """An interval that the job would publish: when, and how wide the worst output's would be."""

    blocks: int
    replicates: int
    units: int
    seconds: float
    half_width: float | None


class Goal(Received):
    """The budget's tolerance, for the output that needs most. `met`: the plan reaches it within its other limits.

    `units` and `seconds` to the first look that would meet it; null where no amount of sampling is known to.
    """

    tolerance: float
    units: int | None
    seconds: Range | None
    met: bool


class FitTrial(Received):
    """A short trial of training, and what simulating with its result showed, over all outputs in root mean square.

    `deviation`: of a replicate times the root of its worker-seconds; `bias`: what no sampling removes.
    """

    steps: int
    seconds: float
    deviation: float
    bias: float


class FitPlan(Received):
    """How much of the budget training would take, and why: the deviation falls as training^-exponent.

    `share`: of the budget's time, null where it has none.
    """

    steps: int
    seconds: float
    share: float | None
    exponent: float
    trials: list[FitTrial]


class Plan(Received):
    """The resolved spec (post it to run exactly this) and what to expect of it.

    `units`, `worker_seconds`, `seconds`: of the whole plan, on `workers` workers with nobody else around. `half_width`:
    of the worst output at its end, from the pilot's spread; `looks`: the way there. `estimate`: the pilot's, rough and
    of no more than 16 outputs. `fit`: the part of training, for a spec that asks for it; `resolved` then says how many
    steps, and all else is foretold for the model that they would make.
    """

    resolved: JobSpec
    outputs: int
    replicates: int
    units: int
    worker_seconds: float
    seconds: Range
    workers: int
    half_width: float | None
    looks: list[PlannedLook]
    goal: Goal | None = None
    estimate: list[float | None] = []
    pilot_seconds: float
    fit: FitPlan | None = None
