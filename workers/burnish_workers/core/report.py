"""From folded statistics to what is published: estimate, interval or refusal, digest. Pure: the law rests on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire import Estimate, Interval, Refused, SpecBase
from burnish.wire.estimate import IntervalKind, RobustEstimate
from burnish_workers.core.betting import Betting, Bounds
from burnish_workers.core.boundary import enough_replicates, normal_tail
from burnish_workers.core.counted import Counted
from burnish_workers.core.digest import digest
from burnish_workers.core.estimator import Answer, Statistics
from burnish_workers.core.guard import (
    LEAST_REPLICATES,
    Refusal,
    alpha_spent,
    bounds_violated,
    examine,
    max_to_sum,
)
from burnish_workers.core.kind import alpha_of, resolution_of
from burnish_workers.core.moments import Moments
from burnish_workers.core.robust import robust_mean
from burnish_workers.core.schedule import Look, Replicates, Schedule, critical_for

_Array = NDArray[np.float64]

EARLY = 0.1
"""A look that spends no more than this part of an output's chance of a miss."""

MATTERS = 0.1
"""A correction whose share of the variance is below this cannot widen an honest interval by more than a few per cent:
its tails are not held against the answer (products of small defects have long tails by nature)."""


@dataclass(frozen=True, eq=False)
class Report:
    """The answer after `blocks` blocks: `value` (m,), and `half_width` (m,), nan where there is no interval."""

    blocks: int
    replicates: int
    estimate: Estimate
    interval: Interval | None
    refused: Refused | None
    diagnostics: dict[str, Any]
    value: _Array
    half_width: _Array
    digest: str


def schedule_of(spec: SpecBase) -> Schedule:
    """The plan of looks of a resolved spec."""
    r = resolution_of(spec)
    return Schedule.plan(
        blocks_max=r.blocks_planned,
        first_look=r.first_look,
        replicates=Replicates(r.first_block, r.block),
        alpha=alpha_of(spec),
        extensible=r.extensible,
        extra=tuple(r.extra_looks),
        kind=spec.interval,
        adaptive=r.decides_from is not None,
        each=r.each,
    )


def report(
    spec: SpecBase,
    schedule: Schedule,
    statistics: Statistics,
    answer: Answer,
    blocks: int,
    closed: tuple[int, ...] = (),
    *,
    ends: bool = False,
) -> Report:
    """What is published after `blocks` blocks; `ends`: the job ends here, so the epoch's last alpha may be spent.

    The digest covers blocks, estimate, interval, refusal and diagnostics: no seconds, no forecast.
    """
    look = schedule.published(blocks, closed, ends=ends)
    value = answer.combined.value
    lower, upper = np.full(len(value), np.nan), np.full(len(value), np.nan)
    refused: Refused | None = None
    if look is not None and answer.refusal is not None:
        refused = _refused(answer.refusal, None)
    elif look is not None and answer.bets is not None:
        lower, upper, refused = _bounded(*answer.bets, answer.bias)
    elif look is not None:
        certified, refused = _judge(answer, statistics.leading)
        skewed = _asymmetry(answer, statistics.leading, unshown(spec, look, len(value)))
        critical = critical_for(look, answer.combined.dof, *skewed)
        with np.errstate(invalid="ignore"):  # too few replicates for any interval, and none of them differs: inf x 0
            width = critical * answer.combined.standard_error + answer.bias
        width = np.where(certified, width, np.nan)
        lower, upper = value - width, value + width
        if answer.counted is not None and answer.bias_known:
            lower, upper, refused = _by_count(answer.counted, look, value, lower, upper, refused)
        if answer.within is not None:
            lower, upper = np.clip(lower, *answer.within), np.clip(upper, *answer.within)
    elif schedule.next_look(blocks, closed) is None:
        refused = _refused(alpha_spent(blocks, max(k for k in (schedule.blocks_max, *closed) if k <= blocks)), None)
    half_width = np.fmax(upper - value, value - lower)
    estimate = Estimate(value=_listed(answer.combined.value), standard_error=_listed(answer.combined.standard_error))
    interval = _interval(spec, look, lower, upper)
    diagnostics = {**answer.diagnostics, "max_to_sum": _worst(max_to_sum(answer.parts[statistics.leading]))}
    body = {
        "blocks": blocks,
        "estimate": estimate.model_dump(mode="json"),
        "interval": interval.model_dump(mode="json") if interval else None,
        "refused": refused.model_dump(mode="json") if refused else None,
        "diagnostics": diagnostics,
    }
    replicates = round(float(answer.combined.replicates.mean()))
    value = answer.combined.value
    return Report(blocks, replicates, estimate, interval, refused, diagnostics, value, half_width, digest(body))


_KINDS: dict[str, IntervalKind] = {
    "stream": "group_sequential",
    "fixed": "fixed",
    "open": "confidence_sequence",
    "bounded": "empirical_bernstein",
}


def _interval(spec: SpecBase, look: Look | None, lower: _Array, upper: _Array) -> Interval | None:
    if look is None or not np.isfinite(upper).any():
        return None
    shared, each = resolution_of(spec).multiplicity, resolution_of(spec).each
    return Interval(
        lower=_listed(lower),
        upper=_listed(upper),
        level=spec.level,
        kind="alpha_spending" if spec.interval == "stream" and each is not None else _KINDS[spec.interval],
        joint=spec.interval != "fixed",
        simultaneous=len(lower) == 1 or (shared is not None and shared.method != "none"),
        blocks=look.blocks,
        multiplicity=shared,
    )


def _bounded(bounds: Bounds, bets: Betting, bias: _Array) -> tuple[_Array, _Array, Refused | None]:
    """Limits from bets, and the refusal where a replicate broke the bounds that were declared."""
    lower, upper = bounds.interval(bets)
    broken = np.flatnonzero(np.isfinite(bets.worst))
    refused = None
    if len(broken):
        refusal = bounds_violated(float(bets.worst[broken[0]]), bounds.low, bounds.high, int(broken[0]))
        refused = _refused(refusal, None if len(broken) == len(lower) else broken.tolist())
    return lower - bias, upper + bias, refused


def _by_count(
    counted: Counted, look: Look, value: _Array, lower: _Array, upper: _Array, refused: Refused | None
) -> tuple[_Array, _Array, Refused | None]:
    """Limits by counting for outputs that have none: those that no replicate met, all did, or a single one.

    Each look spends on them what its critical value spends on a normal mean. They take in the estimate, which rests on
    more than the draws that are counted.
    """
    bare = np.isnan(upper) & np.isfinite(value)
    low, high = counted.limits(2 * normal_tail(look.critical))
    lower = np.where(bare, np.minimum(low, value), lower)
    upper = np.where(bare, np.maximum(high, value), upper)
    left = np.flatnonzero(np.isnan(upper))
    if refused is None or len(left) == 0:
        return lower, upper, None
    return lower, upper, refused.model_copy(update={"outputs": None if len(left) == len(value) else left.tolist()})


def unshown(spec: SpecBase, look: Look, outputs: int) -> int:
    """Replicates below which a skewness of 1 is assumed at a look, whatever they show: 0 where there is no need.

    Many outputs share their confidence, and so far out few replicates are not normal. An early look spends so little of
    an output's chance of a miss that several times as much does no harm.
    """
    alpha = alpha_of(spec)
    early = 2 * normal_tail(look.critical) <= EARLY * alpha
    return 0 if early or outputs == 1 or not spec.simultaneous else enough_replicates(alpha)


def _asymmetry(answer: Answer, leading: str, unshown: int) -> tuple[_Array, _Array]:
    """Skewness of the answer per replicate of its leading component, and the number of those: the other components are
    taken as symmetric, so that it is the leading one's times (its part of the variance)^1.5."""
    part = answer.parts[leading]
    share = np.nan_to_num(_share(answer, part))
    skewness = np.abs(np.nan_to_num(part.skewness))
    assumed = np.where(part.count < unshown, np.maximum(skewness, 1.0), skewness)
    return assumed * share**1.5, np.maximum(part.count, 1).astype(np.float64)


def _share(answer: Answer, part: Moments) -> _Array:
    """The part of each output's variance that a component makes; nan where it is not known."""
    variance = answer.combined.standard_error**2
    return part.standard_error**2 / np.where(variance > 0, variance, 1.0)


def _judge(answer: Answer, leading: str) -> tuple[NDArray[np.bool_], Refused | None]:
    """Which outputs may have an interval, and the gravest reason why others may not."""
    first = answer.parts[leading] if answer.examined is None else answer.examined
    among = None if answer.exact is None else ~answer.exact
    main = examine(first, bias_known=answer.bias_known, among=among)
    certified, refusal = main.certified.copy(), main.refusal
    for name, part in answer.parts.items():
        if name == leading:
            continue
        matters = (np.nan_to_num(_share(answer, part), nan=1.0) >= MATTERS) | (part.nonfinite > 0)
        # Few samples of a correction are no reason to refuse: its degrees of freedom widen the interval.
        count = np.maximum(part.count, LEAST_REPLICATES)
        verdict = examine(part, bias_known=True, constant_allowed=True, replicates=count, among=matters)
        certified &= verdict.certified
        refusal = refusal or verdict.refusal
    if refusal is None:
        return certified, None
    outside = np.flatnonzero(~certified)
    robust = _robust(answer, leading) if refusal.code == "heavy_tail" else None
    return certified, _refused(refusal, None if len(outside) == len(certified) else outside.tolist(), robust)


def _robust(answer: Answer, leading: str) -> RobustEstimate | None:
    """What the leading component's tails suggest for the answer, where one of them is heavy."""
    part = answer.parts[leading]
    found = robust_mean(part)
    if not np.isfinite(found.truncated).any():
        return None
    rest = answer.combined.value - part.mean
    heavy = np.isfinite(found.truncated)
    return RobustEstimate(
        value=_listed(found.value + rest),
        truncated=_listed(found.truncated + rest),
        tail_index=_listed(np.where(heavy, found.shape, np.nan)),
    )


def _refused(refusal: Refusal, outputs: list[int] | None, robust: RobustEstimate | None = None) -> Refused:
    return Refused(
        code=refusal.code,
        why=refusal.why,
        statistics=dict(refusal.statistics),
        advice=refusal.advice,
        outputs=outputs,
        robust=robust,
    )


def _listed(values: _Array) -> list[float | None]:
    """JSON has no nan: what is not known is None."""
    return [float(v) if np.isfinite(v) else None for v in values]


def _worst(values: _Array) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else None
