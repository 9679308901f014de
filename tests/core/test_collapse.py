"""Refusals of weighted answers: when, in what words, and how rarely an interval that misses is let pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from burnish_workers.core.betting import Betting, Bounds
from burnish_workers.core.guard import Refusal, collapse, islands_for
from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import (
    alone,
    combined,
    effective_islands,
    examined,
    means,
    pseudo_values,
    weight_spread,
)
from burnish_workers.core.moments import Moments
from burnish_workers.core.report import Report, report, schedule_of
from burnish_workers.core.schedule import Look, critical_for
from burnish_workers.testing import MEAN, CorrelatedSpec, CorrelatedStatistics, resolved_correlated

SPEC = CorrelatedSpec.model_validate(resolved_correlated(4))
STATISTICS = CorrelatedStatistics(64)


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ({"disagreement": 3.4}, "two proposals disagree on log Z by 3.4 standard errors"),
        ({"sd_log_evidence": 2.3}, "log Z varies by 2.30 between islands (limit 2)"),
        ({"k_hat": 0.81}, "tail of shape 0.81 (limit 0.7)"),
        ({"effective": 2.1}, "of 16 islands 2.1 carry the weight"),
    ],
)
def test_collapsed_weights_are_refused_by_name(numbers: dict[str, float], why: str) -> None:
    sound: dict[str, Any] = {"sd_log_evidence": 0.3, "k_hat": 0.4, "islands": 16, "effective": 14.0}
    assert collapse(**sound) is None
    assert collapse(**{**sound, "k_hat": float("nan"), "sd_log_evidence": None, "disagreement": 2.9}) is None
    refusal = collapse(**{**sound, **numbers})
    assert refusal is not None
    assert refusal.code == "weight_collapse"
    assert why in refusal.why
    assert "more particles" in refusal.advice
    assert {"islands", "effective_islands"} <= set(refusal.statistics)


def test_islands_that_vary_much_must_be_many() -> None:
    refusal = collapse(0.9, 0.4, 16, 8.0)
    assert refusal is not None
    assert refusal.code == "too_few"
    assert refusal.why == "log Z varies by 0.90 between 16 islands: an interval takes 23 of them"
    assert collapse(0.9, 0.4, 23, 11.0) is None
    skewness = stats.lognorm(0.8).stats(moments="s")
    assert islands_for(0.8) == int(np.ceil(float(skewness) ** 2))


@pytest.mark.parametrize("spread", [0.6, 1.0, 1.5, 2.0])
def test_few_looks_have_an_interval_that_misses(spread: float) -> None:
    """95 % intervals of mean and log evidence from 16 islands whose means go with their weights."""
    rng, runs, false, alpha = np.random.default_rng(31), 1_500, np.zeros(2), 0.05
    look = Look(16, 0, 16, float(stats.norm.isf(alpha / 2)))
    for _ in range(runs):
        g, h = rng.standard_normal((2, 16))
        islands = Islands.of(spread * g - spread**2 / 2, (0.7 * g + np.sqrt(0.51) * h)[:, None])
        if collapse(weight_spread(islands), None, 16, effective_islands(islands)) is not None:
            continue
        moments = Moments.of(pseudo_values(islands, lambda z, f: np.column_stack([f, z])), 4)
        found = combined(islands, moments)
        critical = critical_for(look, found.dof, np.abs(moments.skewness), 16)
        false += np.abs(found.value - [0.7 * spread, 0.0]) > critical * found.standard_error
    worst = int(false.max())
    assert stats.binomtest(worst, runs, 0.07, alternative="greater").pvalue > 1e-5, false / runs


def reported(**changes: Any) -> Report:
    values = np.random.default_rng(32).exponential(size=(64, 1))
    answer = STATISTICS.answer({MEAN: Moments.of(values, 64)})
    return report(SPEC, schedule_of(SPEC), STATISTICS, replace(answer, **changes), 4)


def test_a_kind_may_refuse_by_itself() -> None:
    assert reported().interval is not None
    refusal = Refusal("weight_collapse", "the weights collapsed", {"k_hat": 0.9}, "use more particles")
    found = reported(refusal=refusal)
    assert found.interval is None
    assert np.isnan(found.half_width).all()
    assert found.refused is not None
    assert found.refused.model_dump(exclude_none=True) == {
        "code": "weight_collapse",
        "why": "the weights collapsed",
        "statistics": {"k_hat": 0.9},
        "advice": "use more particles",
    }
    assert found.digest != reported().digest


def test_its_refusal_comes_before_all_other_checks() -> None:
    refusal = Refusal("weight_collapse", "collapsed", {}, "")
    bets = Bounds(0, 9, 0.05), Betting.empty(1)
    for changes in ({"bias_known": False}, {"bets": bets}):
        found = reported(refusal=refusal, **changes).refused
        assert found is not None
        assert found.code == "weight_collapse"


def test_no_refusal_between_looks() -> None:
    answer = replace(STATISTICS.answer(STATISTICS.empty()), refusal=Refusal("weight_collapse", "", {}, ""))
    assert report(SPEC, schedule_of(SPEC), STATISTICS, answer, 1).refused is None


def test_outliers_that_come_from_weights_are_not_held_against_the_values() -> None:
    """One island has a third of the weight: its pseudo-value is an outlier, what it found is not."""
    rng = np.random.default_rng(33)
    islands = Islands.of(np.where(np.arange(40) == 7, 3.0, 0.0), rng.normal(5, 1, (40, 1)))
    islands = replace(islands, values=np.where(np.arange(40)[:, None] == 7, 6.5, islands.values))
    moments = Moments.of(pseudo_values(islands, means(slice(None))), 64)
    changes = {"combined": combined(islands, moments), "parts": {MEAN: moments}}
    judged = reported(**changes).refused
    assert judged is not None
    assert judged.code == "heavy_tail"
    single = examined(islands, alone(islands, means(slice(None))), 64)
    assert reported(**changes, examined=single).interval is not None
    wild = Moments.of(np.append(single.low[0, :39], 60.0)[:, None], 64)
    assert reported(**changes, examined=wild).refused is not None
