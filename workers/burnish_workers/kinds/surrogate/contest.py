"""Which method `auto` takes: the one that is foreseen to answer best for the budget, after what a pilot showed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.kind import Contestant
from burnish_workers.core.purse import Purse
from burnish_workers.kinds.surrogate.statistics import SurrogateStatistics

Z = 2.0
"""Standard errors of a half-width, to compare by."""

UNBOUNDED = 10.0
"""Worker-seconds to compare at, where the budget has none."""

CLEAR = 0.7
"""A rival wins where it is foreseen to be better than this times the preferred method: pilots are noisy."""


@dataclass(frozen=True)
class Prospect:
    """`work`: mean variance of a replicate times its worker-seconds; `bias`: root mean square of what sampling does not
    remove; `tolerance`: that of the outputs, or None."""

    label: str
    work: float
    bias: float
    tolerance: float | None

    def half_width(self, seconds: float) -> float:
        """Z standard errors after so many worker-seconds, and the bias."""
        return Z * math.sqrt(self.work / seconds) + self.bias

    @property
    def seconds(self) -> float:
        """Worker-seconds until the half-width is within tolerance; infinite where the bias is not."""
        if self.tolerance is None or self.bias >= self.tolerance:
            return math.inf
        return self.work * (Z / (self.tolerance - self.bias)) ** 2


def choose(spec: SurrogateSpec, contestants: Sequence[Contestant], workers: int) -> tuple[int, str]:
    """The index of the winner and what was compared, in words.

    With a tolerance: the least worker-seconds to reach it. Without, or where no bias is within it: the least half-width
    at the end of the budget.
    """
    prospects = [_prospect(spec, each) for each in contestants]
    times = [prospect.seconds for prospect in prospects]
    if math.isfinite(min(times)):
        return foremost(times), _said("worker-seconds to the tolerance", prospects, times)
    paid = _worker_seconds(spec, contestants[0], workers)
    widths = [prospect.half_width(paid) for prospect in prospects]
    return foremost(widths), _said(f"half-width after {paid:.3g} worker-seconds", prospects, widths)


def foremost(scores: list[float]) -> int:
    """The least, or the first where the least is hardly less. What is not a number loses."""
    known = [score if math.isfinite(score) else math.inf for score in scores]
    best = min(range(len(known)), key=known.__getitem__)
    return best if known[best] < CLEAR * known[0] else 0


def _said(what: str, prospects: list[Prospect], scores: list[float]) -> str:
    each = [f"{p.label} {score:.2g} (bias {p.bias:.1g})" for p, score in zip(prospects, scores, strict=True)]
    return f"foreseen {what}: {', '.join(each)}"


def _prospect(spec: SurrogateSpec, contestant: Contestant) -> Prospect:
    statistics, state, plan = contestant.statistics, contestant.state, contestant.draft.plan
    assert isinstance(statistics, SurrogateStatistics)
    answer = statistics.answer(state)
    variance, bias = statistics.foreseen(state, plan)
    target = Purse(spec.budget, None).tolerance(answer.combined.value)
    label = contestant.draft.estimator + (
        f" n={plan['levels']} M={plan['basis']}" if statistics.composition.levels else ""
    )
    return Prospect(
        label=label,
        work=float(np.mean(variance)) * contestant.seconds,
        bias=float(np.sqrt(np.mean(bias**2))),
        tolerance=None if target is None else float(np.mean(target)),
    )


def _worker_seconds(spec: SurrogateSpec, first: Contestant, workers: int) -> float:
    budget = spec.budget
    paid = [amount for amount in (budget.worker_seconds, budget.gpu_seconds) if amount is not None]
    if budget.seconds is not None:
        paid.append(budget.seconds * max(workers, 1))
    if budget.units is not None:
        paid.append(budget.units / first.units * first.seconds)
    return min(paid) if paid else UNBOUNDED
