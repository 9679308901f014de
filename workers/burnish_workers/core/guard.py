"""When no honest interval exists, say so: the conditions under which the central limit theorem is trusted at a look.

What no guard can see is a spike that has not occurred yet; only a declared bound helps against that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from burnish.wire.estimate import RefusalCode as Code
from burnish_workers.core.boundary import student_critical
from burnish_workers.core.moments import Moments
from burnish_workers.core.tail_index import pareto_k

LEAST_REPLICATES = 8
"""Below this many replicates no variance is trusted."""
LEAST_OUTLIER = 12
"""From this many replicates on, an outlying replicate refuses the look."""
FULL_REPLICATES = 200
"""From this many replicates on, the full guard: max-to-sum ratio and tail indices."""
MAX_TO_SUM = 0.05
"""Share of the largest squared deviation in the sum at which a look is refused."""
TAIL_INDEX = 0.5
"""Tail shape from which on the variance is infinite."""
OUTLIER_LEVEL = 1e-3
"""Chance that a look at normal replicates is refused for an outlier."""
WEIGHT_INDEX = 0.7
"""Tail shape of importance weights from which on their mean is not trusted (Vehtari et al. 2024)."""
LARGEST_SPREAD = 2.0
"""Standard deviation of log Z between islands above which no number of them helps in practice."""
LEAST_EFFECTIVE = 4.0
"""Effective number of islands below which a weighted answer is not trusted."""
LARGEST_DISAGREEMENT = 3.0
"""Standard errors by which two estimates of log Z may differ."""

_Mask = NDArray[np.bool_]
_Array = NDArray[np.float64]
_Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Refusal:
    """Why a look has no interval.

    Attributes:
        code: one of the codes above, for programs.
        why: what happened, with the numbers, for people.
        statistics: the numbers by name.
        advice: what to do.
    """

    code: Code
    why: str
    statistics: Mapping[str, float]
    advice: str


@dataclass(frozen=True, eq=False)
class Verdict:
    """The guard's opinion on each of m outputs.

    Attributes:
        certified: outputs that may have an interval, shape (m,).
        failed: for each code that occurred, the outputs it refuses, shape (m,); an output may fail on several.
        refusal: the gravest refusal, of the output that fails worst; None where all outputs are certified.
    """

    certified: _Mask
    failed: Mapping[Code, _Mask]
    refusal: Refusal | None


def examine(
    moments: Moments,
    *,
    bias_known: bool,
    replicates: ArrayLike | None = None,
    constant_allowed: bool = False,
    among: NDArray[np.bool_] | None = None,
) -> Verdict:
    """May the m outputs have an interval at this look?

    With R replicates: R < 8 is too few. From 12 on below 200, no replicate may lie
    further out than the largest of R normal ones does with chance 1e-3 (shared among the outputs), see
    `largest_normal_deviation`. From 200 on the same, but max d^2 / sum d^2 < 0.05 suffices, and the Pareto shape of
    both tails must be < 1/2. Replicates that are all equal are refused as too few: an event that has not occurred yet
    looks like that.

    Args:
        moments: statistics of the replicates (of the leading component where an answer has several).
        bias_known: the bias was measured or is declared.
        replicates: R where it is not moments.count, scalar or shape (m,).
        constant_allowed: outputs without any spread are exact, not unlucky.
        among: outputs that are examined, shape (m,); the others are certified. All where None.
    """
    r = np.broadcast_to(np.asarray(moments.count if replicates is None else replicates, np.int64), moments.count.shape)
    constant = (moments.count > 1) & (moments.low[:, 0] == moments.high[:, 0])
    checks = [
        _check_finite(moments),
        _check_count(r, np.zeros_like(constant) if constant_allowed else constant),
        _check_bias(moments, bias_known),
        _check_tail(moments, r, constant),
    ]
    if among is not None:
        checks = [replace(check, failed=check.failed & among) for check in checks]
    failing = [check for check in checks if check.failed.any()]
    refused = np.zeros(moments.outputs, dtype=np.bool_)
    for check in failing:
        refused |= check.failed
    return Verdict(~refused, {check.code: check.failed for check in failing}, failing[0].refuse() if failing else None)


def largest_normal_deviation(replicates: ArrayLike, level: float = OUTLIER_LEVEL) -> _Array:
    """g^2 such that the largest of R normal replicates has d^2 >= g^2 s^2 with chance at most `level`.

    Grubbs' statistic with Thompson's distribution: g = (R-1)/sqrt(R) sqrt(t^2/(R-2+t^2)), d from the mean of all R, s^2
    with R - 1, t = t_{R-2}^-1(1 - level/(2R)). The union bound in it is nearly exact at such levels. At 1e-3 it means
    g^2 = a log R with a = 3.25, 3.76, 3.90, 3.87, 3.74 at R = 12, 24, 48, 96, 199. (A flat a = 4 refuses 0.04-0.08 %
    of normal looks from R = 24 on and all but never fires at R = 12, where no sample can exceed a = 4.06.)
    Skewed replicates are often refused: exponential ones in 7, 14, 25, 41 % of looks at R = 12, 24, 48, 96.
    """
    r = np.asarray(replicates, dtype=np.float64)
    t2 = student_critical(level / (2 * r), r - 2) ** 2
    return (r - 1) ** 2 / r * t2 / (r - 2 + t2)


def collapse(
    sd_log_evidence: float | None,
    k_hat: float | None,
    islands: int,
    effective: float,
    disagreement: float | None = None,
) -> Refusal | None:
    """Refusal of an evidence-weighted answer whose weights are not to be trusted, or None.

    Refused at: two proposals whose log Z differ by more than 3 standard errors; sd(log Z) > 2; particle k-hat >= 0.7;
    fewer than 4 effective islands; fewer islands than `islands_for` their spread, which more islands cure
    (`too_few`). The last is what keeps 95 % intervals honest: with log Z normal of standard deviation 0.6 to 2 and 8 to
    256 islands at most 7 % of looks have an interval that misses, where sd(log Z) <= 2 alone lets 10 to 14 % pass.

    Args:
        sd_log_evidence: sample standard deviation of log Z_b over the islands; None where too few are alive.
        k_hat: Pareto shape of the final weights of the particles of an island, median over islands (see `pareto_tail`);
            None or nan where it cannot be told.
        islands: number of islands, dead ones included.
        effective: (sum Z)^2 / sum Z^2.
        disagreement: |difference of log Z by two proposals| in standard errors; None where there was but one.
    """
    known = {"sd_log_evidence": sd_log_evidence, "k_hat": k_hat, "proposals_apart": disagreement}
    spread, shape, apart = (0.0 if value is None else value for value in known.values())
    found = {name: value for name, value in known.items() if value is not None}
    numbers = _numbers(islands=islands, effective_islands=effective, **found)
    reasons = {
        f"two proposals disagree on log Z by {apart:.1f} standard errors (limit {LARGEST_DISAGREEMENT:g}), so that at "
        "least one of them misses a part of the target": apart > LARGEST_DISAGREEMENT,
        f"log Z varies by {spread:.2f} between islands (limit {LARGEST_SPREAD:g}): the largest weights decide": spread
        > LARGEST_SPREAD,
        f"the final weights of the particles have a tail of shape {shape:.2f} (limit {WEIGHT_INDEX})": shape
        >= WEIGHT_INDEX,
        f"of {islands} islands {effective:.1f} carry the weight (at least {LEAST_EFFECTIVE:g} must)": effective
        < LEAST_EFFECTIVE,
    }
    if (why := next((why for why, failed in reasons.items() if failed), None)) is not None:
        return Refusal("weight_collapse", why, numbers, _BETTER_WEIGHTS)
    if islands < (needed := islands_for(spread)):
        why = f"log Z varies by {spread:.2f} between {islands} islands: an interval takes {needed} of them"
        return Refusal("too_few", why, numbers, f"go on: the interval appears at a later look; or {_BETTER_WEIGHTS}")
    return None


_BETTER_WEIGHTS = "use more particles, a proposal closer to the target, or a less informative observation"


def islands_for(spread: float) -> int:
    """Islands from which the mean of lognormal weights is roughly normal: the square of their skewness.

    (exp(s^2) + 2)^2 (exp(s^2) - 1): 2, 6, 14, 39, 1121 and 171,694 at s = sd(log Z) = 0.4, 0.6, 0.8, 1, 1.5, 2.
    """
    growth = float(np.exp(spread**2))
    return int(np.ceil((growth + 2) ** 2 * (growth - 1)))


def tolerance_below_floor(tolerance: float, floor: float, cure: str) -> Refusal | None:
    """Refusal where the error that more samples cannot reduce exceeds the tolerance; `cure` names a remedy."""
    if floor <= tolerance:
        return None
    why = f"the tolerance {tolerance:.3g} is below the floor {floor:.3g}, which more samples cannot reduce"
    return Refusal("tolerance_below_floor", why, _numbers(tolerance=tolerance, floor=floor), cure)


def alpha_spent(blocks: int, spent_at: int) -> Refusal:
    """Refusal beyond the end of a plan: the chance of a miss was spent at `spent_at` blocks."""
    why = f"the allowed chance of a miss was spent at {spent_at} blocks; after {blocks} no further interval would hold"
    advice = "the estimate goes on improving; for intervals too, post a new job with extensible: true"
    return Refusal("alpha_spent", why, _numbers(blocks=blocks, spent_at=spent_at), advice)


def bounds_violated(value: float, low: float, high: float, output: int) -> Refusal:
    """Refusal of an interval whose declared bounds a replicate broke."""
    why = f"output {output}: a replicate is {value:.6g}, outside the declared bounds [{low:g}, {high:g}]"
    found = _numbers(value=value, low=low, high=high, output=output)
    return Refusal("bounds_violated", why, found, "declare bounds that hold, or use interval: stream")


def max_to_sum(moments: Moments) -> _Array:
    """max d^2 / sum d^2, shape (m,): tends to 0 if the variance is finite and not if the mean is infinite; nan where
    there is no spread."""
    with np.errstate(invalid="ignore"):
        return moments.max_squared_deviation / np.where(moments.m2 > 0, moments.m2, np.nan)


@dataclass(frozen=True, eq=False)
class _Check:
    """One condition: the outputs that fail it, how badly each does, and the refusal of one of them."""

    code: Code
    failed: _Mask
    degree: _Array
    explain: Callable[[int], Refusal]

    def refuse(self) -> Refusal:
        return self.explain(int(np.argmax(np.where(self.failed, np.nan_to_num(self.degree, nan=np.inf), -np.inf))))


def _check_finite(moments: Moments) -> _Check:
    def explain(i: int) -> Refusal:
        bad, n = int(moments.nonfinite[i]), int(moments.count[i])
        what = f"{bad} of {bad + n} samples were nan or infinite" if bad else "the samples are too large for float64"
        advice = "find where the integrand overflows or leaves its domain; rescale it or shorten the time step"
        return Refusal("nonfinite", f"output {i}: {what}", _numbers(nonfinite=bad, count=n, output=i), advice)

    overflow = ~np.isfinite(moments.mean + moments.m2)
    return _Check("nonfinite", overflow | (moments.nonfinite > 0), moments.nonfinite.astype(np.float64), explain)


def _check_count(r: _Counts, constant: _Mask) -> _Check:
    few = r < LEAST_REPLICATES

    def explain(i: int) -> Refusal:
        found = _numbers(replicates=int(r[i]), output=i)
        if few[i]:
            why = f"{r[i]} replicates: at least {LEAST_REPLICATES} are needed for a variance"
            return Refusal("too_few", why, found, "go on: the interval appears at a later look")
        why = (
            f"output {i}: all {r[i]} replicates are equal, which is also how a rare event looks before it first occurs"
        )
        return Refusal("too_few", why, found, "go on, or declare bounds for the output")

    return _Check("too_few", few | constant, -r.astype(np.float64), explain)


def _check_bias(moments: Moments, known: bool) -> _Check:
    def explain(i: int) -> Refusal:
        why = (
            "the bias of this estimator was neither measured nor declared, so an interval around its mean says nothing"
        )
        return Refusal("bias_unknown", why, {}, "turn on the measurement of bias, or declare a bound on it")

    return _Check("bias_unknown", np.full(moments.outputs, not known), np.zeros(moments.outputs), explain)


def _check_tail(moments: Moments, r: _Counts, constant: _Mask) -> _Check:
    full = r >= FULL_REPLICATES
    ratio, shape, limit = max_to_sum(moments), _heavier_shape(moments, full), _limit(moments, r)
    failed = (~(ratio < limit) | (shape >= TAIL_INDEX)) & (r >= LEAST_OUTLIER) & ~constant
    degree = np.fmax(ratio / limit, shape / TAIL_INDEX)

    def explain(i: int) -> Refusal:
        distance = float(np.sqrt(moments.max_squared_deviation[i] / moments.variance[i]))
        why = f"output {i}: one of {r[i]} replicates lies {distance:.1f} standard deviations from the mean"
        if full[i]:
            why += f" and makes up {ratio[i]:.1%} of the sum of squares (limit {limit[i]:.1%})"
            why += "" if np.isnan(shape[i]) else f"; the heavier tail has shape {shape[i]:.2f} (limit {TAIL_INDEX})"
        found = _numbers(
            replicates=int(r[i]), output=i, max_to_sum=ratio[i], pareto_k=shape[i], largest_deviation=distance
        )
        advice = "go on, bound or transform the output, or use an estimator that samples its rare part on purpose"
        return Refusal("heavy_tail", why, found, advice)

    return _Check("heavy_tail", failed, degree, explain)


def _heavier_shape(moments: Moments, full: _Mask) -> _Array:
    """Pareto shape of the heavier tail, shape (m,); nan where the full guard does not apply or it cannot be told."""
    shape = np.full(moments.outputs, np.nan)
    count = moments.count[full]
    shape[full] = np.fmax(pareto_k(moments.high[full], count), pareto_k(-moments.low[full], count))
    return shape


def _limit(moments: Moments, r: _Counts) -> _Array:
    """The largest max-to-sum ratio that is let pass, shape (m,).

    What the largest of R normal replicates exceeds with chance 1e-3, shared among the outputs; from 200 on not less
    than 0.05, to which it falls at R of about 500. (A flat 0.05 refuses 26 % of *normal* looks at R = 200.)
    """
    n = np.maximum(r, LEAST_OUTLIER)
    normal = largest_normal_deviation(n, OUTLIER_LEVEL / max(moments.outputs, 1)) / (n - 1)
    return np.where(r >= FULL_REPLICATES, np.maximum(normal, MAX_TO_SUM), normal)


def _numbers(**values: float) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if np.isfinite(value)}
