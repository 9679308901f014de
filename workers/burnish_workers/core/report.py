"""From folded statistics to what is published: estimate, interval or refusal, digest. Pure: the law rests on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire import Estimate, Interval, Refused, SpecBase
from burnish_workers.core.digest import digest
from burnish_workers.core.estimator import Answer, Statistics
from burnish_workers.core.guard import LEAST_REPLICATES, Refusal, alpha_spent, examine, max_to_sum
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.schedule import Look, Replicates, Schedule, critical_for

_Array = NDArray[np.float64]

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
        alpha=round(1 - spec.level, 12),
        extensible=r.extensible,
        extra=tuple(r.extra_looks),
        kind=spec.interval,
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
    look = schedule.closing(blocks, closed) if ends else schedule.look(blocks, closed)
    leading = answer.parts[statistics.leading]
    half_width = np.full(leading.outputs, np.nan)
    refused: Refused | None = None
    if look is not None:
        certified, refused = _judge(answer, statistics.leading)
        width = critical_for(look, answer.combined.dof) * answer.combined.standard_error + answer.bias
        half_width = np.where(certified, width, np.nan)
    elif schedule.next_look(blocks, closed) is None:
        refused = _refused(alpha_spent(blocks, max(k for k in (schedule.blocks_max, *closed) if k <= blocks)), None)
    estimate = Estimate(value=_listed(answer.combined.value), standard_error=_listed(answer.combined.standard_error))
    interval = _interval(spec, look, answer, half_width)
    diagnostics = {**answer.diagnostics, "max_to_sum": _worst(max_to_sum(leading))}
    body = {
        "blocks": blocks,
        "estimate": estimate.model_dump(mode="json"),
        "interval": interval.model_dump(mode="json") if interval else None,
        "refused": refused.model_dump(mode="json") if refused else None,
        "diagnostics": diagnostics,
    }
    replicates = int(answer.combined.replicates.min())
    value = answer.combined.value
    return Report(blocks, replicates, estimate, interval, refused, diagnostics, value, half_width, digest(body))


def _interval(spec: SpecBase, look: Look | None, answer: Answer, half_width: _Array) -> Interval | None:
    if look is None or not np.isfinite(half_width).any():
        return None
    value = answer.combined.value
    return Interval(
        lower=_listed(value - half_width),
        upper=_listed(value + half_width),
        level=spec.level,
        kind="fixed" if spec.interval == "fixed" else "group_sequential",
        joint=spec.interval == "stream",
        simultaneous=len(value) == 1,
        blocks=look.blocks,
    )


def _judge(answer: Answer, leading: str) -> tuple[NDArray[np.bool_], Refused | None]:
    """Which outputs may have an interval, and the gravest reason why others may not."""
    main = examine(answer.parts[leading], bias_known=answer.bias_known)
    certified, refusal = main.certified.copy(), main.refusal
    variance = answer.combined.standard_error**2
    for name, part in answer.parts.items():
        if name == leading:
            continue
        share = part.standard_error**2 / np.where(variance > 0, variance, 1.0)
        matters = (np.nan_to_num(share, nan=1.0) >= MATTERS) | (part.nonfinite > 0)
        # Few samples of a correction are no reason to refuse: its degrees of freedom widen the interval.
        count = np.maximum(part.count, LEAST_REPLICATES)
        verdict = examine(part, bias_known=True, constant_allowed=True, replicates=count, among=matters)
        certified &= verdict.certified
        refusal = refusal or verdict.refusal
    if refusal is None:
        return certified, None
    outside = np.flatnonzero(~certified)
    return certified, _refused(refusal, None if len(outside) == len(certified) else outside.tolist())


def _refused(refusal: Refusal, outputs: list[int] | None) -> Refused:
    return Refused(
        code=refusal.code,
        why=refusal.why,
        statistics=dict(refusal.statistics),
        advice=refusal.advice,
        outputs=outputs,
    )


def _listed(values: _Array) -> list[float | None]:
    """JSON has no nan: what is not known is None."""
    return [float(v) if np.isfinite(v) else None for v in values]


def _worst(values: _Array) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else None
