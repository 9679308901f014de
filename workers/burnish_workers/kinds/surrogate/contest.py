"""Which method `auto` takes: the one that is foreseen to answer best for the budget, after what a pilot showed.

All costs are nominal (`prices`), so that the choice is a function of the spec and its seed, however busy the workers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.kind import Contestant, Draft
from burnish_workers.core.purse import Purse
from burnish_workers.kinds.surrogate.methods import LINEARISED, PLAIN
from burnish_workers.kinds.surrogate.plan import PATH, Composition
from burnish_workers.kinds.surrogate.statistics import SurrogateStatistics

Z = 2.0
"""Standard errors of a half-width, to compare by."""

UNBOUNDED = 10.0
"""Worker-seconds to compare at, where the budget has none."""

CLEAR = 0.7
"""A rival wins where it is foreseen to be better than this times the preferred method: pilots are noisy."""

CONTEST_SECONDS, CONTEST_SHARE = 0.1, 0.5
"""Rivals may take so many nominal seconds, or this part of the first pilot's, whichever is more: an answer is waited
for."""

_LONG = 10_000
"""Replicates over which the mean cost of one is taken: corrections come with every so many."""


@dataclass(frozen=True)
class Prospect:
    """`work`: mean variance of a replicate times its nominal worker-seconds; `bias`: root mean square of what sampling
    does not remove; `tolerance`: that of the outputs, or None; `paid`: nominal worker-seconds that the budget pays
    for."""

    label: str
    work: float
    bias: float
    tolerance: float | None
    paid: float = UNBOUNDED

    def half_width(self, seconds: float) -> float:
        """Z standard errors after so many worker-seconds, and the bias."""
        return Z * math.sqrt(self.work / seconds) + self.bias

    @property
    def seconds(self) -> float:
        """Worker-seconds until the half-width is within tolerance; infinite where the bias is not."""
        if self.tolerance is None or self.bias >= self.tolerance:
            return math.inf
        return self.work * (Z / (self.tolerance - self.bias)) ** 2


def rivals(spec: SurrogateSpec, first: Contestant, workers: int) -> list[Draft]:
    """Those worth a trial: not hopeless, and the cheapest of them, while they cost little."""
    if not first.draft.rivals:
        return []
    room = max(CONTEST_SECONDS, CONTEST_SHARE * _pilot_seconds(first.draft, first))
    found: list[Draft] = []
    for rival in sorted(first.draft.rivals, key=lambda each: _pilot_seconds(each.glimpse or each, first)):
        price = _pilot_seconds(rival.glimpse or rival, first)
        if price <= room and not _hopeless(spec, first, rival, workers):
            found.append(rival)
            room -= price
    return found


def _hopeless(spec: SurrogateSpec, first: Contestant, rival: Draft, workers: int) -> bool:
    """Whether a rival would lose with nothing but the variance of its paths, and no bias.

    Paths of all methods that use the surrogate carry the same functional in other forms, with about the variance that
    those of `linearised` have or (the martingale form on a finite grid) more.
    """
    if first.draft.estimator != LINEARISED or rival.estimator == PLAIN:
        return False
    statistics = _statistics(first)
    cost = _composition(statistics, rival).cost(PATH) * statistics.setting.price(rival.estimator) * _points(first)
    own, variance = _prospect(spec, first, None, workers), np.nan_to_num(first.state[PATH].variance)
    bound = Prospect("", float(np.mean(variance)) * cost, 0.0, own.tolerance, own.paid)
    return foremost(_scores([own, bound])[1]) == 0


def choose(spec: SurrogateSpec, contestants: Sequence[Contestant], workers: int) -> tuple[int, str]:
    """The index of the winner and what was compared, in words.

    With a tolerance: the least worker-seconds to reach it. Without, or where no bias is within it: the least half-width
    at the end of the budget, which for units comes after other times for each method. Over the points that all have
    tried.
    """
    places = [_places(contestants), *(None for _ in contestants[1:])]
    prospects = [_prospect(spec, each, at, workers) for each, at in zip(contestants, places, strict=True)]
    what, scores = _scores(prospects)
    each = [f"{p.label} {score:.2g} (bias {p.bias:.1g})" for p, score in zip(prospects, scores, strict=True)]
    return foremost(scores), f"foreseen {what}: {', '.join(each)}"


def _scores(prospects: list[Prospect]) -> tuple[str, list[float]]:
    times = [prospect.seconds for prospect in prospects]
    if math.isfinite(min(times)):
        return "worker-seconds to the tolerance", times
    what = f"half-width at the end, after {prospects[0].paid:.3g} worker-seconds of the first"
    return what, [prospect.half_width(prospect.paid) for prospect in prospects]


def foremost(scores: list[float]) -> int:
    """The least, or the first where the least is hardly less. What is not a number loses."""
    known = [score if math.isfinite(score) else math.inf for score in scores]
    best = min(range(len(known)), key=known.__getitem__)
    return best if known[best] < CLEAR * known[0] else 0


def _places(contestants: Sequence[Contestant]) -> NDArray[np.intp]:
    """Those outputs of the first that its rivals have too."""
    points, fewer = (cast("SurrogateSpec", contestants[i].draft.trial).points for i in (0, -1))
    assert isinstance(points, list)
    assert isinstance(fewer, list)
    width = _statistics(contestants[0]).setting.width
    kept = [i for i, point in enumerate(points) if point in fewer]
    return np.concatenate([np.arange(i * width, (i + 1) * width) for i in kept])


def _prospect(spec: SurrogateSpec, contestant: Contestant, places: NDArray[np.intp] | None, workers: int) -> Prospect:
    statistics, state, plan = _statistics(contestant), contestant.state, contestant.draft.plan
    at = slice(None) if places is None else places
    variance, bias = (values[at] for values in statistics.foreseen(state, plan))
    target = Purse(spec.budget, None).tolerance(statistics.answer(state).combined.value[at])
    levels = f" n={plan['levels']} M={plan['basis']}" if statistics.composition.levels else ""
    return Prospect(
        label=contestant.draft.estimator + levels,
        work=float(np.mean(variance)) * _replicate_seconds(contestant),
        bias=float(np.sqrt(np.mean(bias**2))),
        tolerance=None if target is None else float(np.mean(target)),
        paid=_worker_seconds(spec, contestant, workers),
    )


def _replicate_seconds(contestant: Contestant) -> float:
    """Nominal seconds of a replicate of the whole job, in the long run."""
    statistics, draft = _statistics(contestant), contestant.draft
    each = _composition(statistics, draft).cost_of(_LONG) / _LONG * statistics.setting.price(draft.estimator)
    return each * _points(contestant)


def _pilot_seconds(draft: Draft, first: Contestant) -> float:
    """Nominal seconds of a draft's own trial."""
    statistics = _statistics(first)
    each = _composition(statistics, draft).cost_of(draft.pilot) * statistics.setting.price(draft.estimator)
    return each * draft.trial_outputs / statistics.setting.width


def _composition(statistics: SurrogateStatistics, draft: Draft) -> Composition:
    setting = statistics.setting
    return Composition.of(setting.problem, draft.estimator, draft.plan, setting.gradient)


def _points(contestant: Contestant) -> int:
    return contestant.draft.outputs // _statistics(contestant).setting.width


def _statistics(contestant: Contestant) -> SurrogateStatistics:
    assert isinstance(contestant.statistics, SurrogateStatistics)
    return contestant.statistics


def _worker_seconds(spec: SurrogateSpec, contestant: Contestant, workers: int) -> float:
    """Nominal worker-seconds of the budget, spent on this method."""
    budget = spec.budget
    paid = [amount for amount in (budget.worker_seconds, budget.gpu_seconds) if amount is not None]
    if budget.seconds is not None:
        paid.append(budget.seconds * max(workers, 1))
    if budget.units is not None:
        paid.append(budget.units / contestant.units * _replicate_seconds(contestant))
    return min(paid) if paid else UNBOUNDED
