"""What a watcher sees holds: joint coverage over all looks, point by point, on known answers.

The points of a job use independent randomness, so that each is a trial of its own.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from burnish_workers.kinds.surrogate.references import viscous_burgers

from . import watching


def check(covered: np.ndarray, low: float, high: float) -> None:
    """The rate of coverage is within [low, high], as far as so many points can tell (p > 1e-5)."""
    count, points = int(covered.sum()), len(covered)
    assert stats.binomtest(count, points, low, alternative="less").pvalue > 1e-5, f"{count} of {points} covered"
    assert stats.binomtest(count, points, high, alternative="greater").pvalue > 1e-5, f"{count} of {points} covered"


@pytest.mark.slow
@pytest.mark.parametrize(("index", "points", "seeds", "refused"), [(0, 1_000, 3, 0.08), (2, 600, 2, 0.02)])
def test_streamed_intervals_hold_jointly(index: int, points: int, seeds: int, refused: float) -> None:
    """Looks at R = 12, 24, 48, 96 on a surrogate 8 % off and on a badly trained one."""
    case = dataclasses.replace(watching.CASES[index], points=points)
    outcomes = [watching.watch(case, seed) for seed in range(1, seeds + 1)]
    check(np.concatenate([outcome.covered for outcome in outcomes]), 0.93, 0.97)
    assert np.mean([outcome.refused for outcome in outcomes]) < refused
    assert all(outcome.gain < 0.05 for outcome in outcomes)


@pytest.mark.slow
def test_many_replicates() -> None:
    """Looks at R = 430, 830, 1630, where the admitted bias begins to count: coverage may only be higher."""
    outcome = watching.watch(dataclasses.replace(watching.CASES[1], points=120), seed=5)
    check(outcome.covered, 0.93, 1.0)
    assert outcome.missed_unguarded < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "levels", "outputs"),
    [
        ("martingale", None, ["value"]),
        ("picard", (2, 10), ["value"]),
        ("plain", (3, 4), ["value"]),
        ("linearised", None, ["value", "gradient"]),
        ("picard", (2, 10), ["gradient"]),
    ],
)
def test_other_methods_and_gradients(method: str, levels: tuple[int, int] | None, outputs: list[str]) -> None:
    """Each point on its own, with all its outputs by Bonferroni: R = 12 .. 96."""
    dim, points = 4, 200
    t, x = watching.draw_points(points, dim, 0.5, 11)
    spec = watching.posted({"name": "viscous-burgers", "dim": dim}, watching.WAVY, t, x, seed=5, seconds=96 * 0.3 / 0.9)
    width = int("value" in outputs) + dim * int("gradient" in outputs)
    more = {"method": method, "outputs": outputs, "level": 1 - 0.05 / width, "simultaneous": False}
    if levels:
        more["picard"] = {"levels": levels[0], "basis": levels[1]}
    spec = watching.resolved(type(spec).model_validate({**spec.model_dump(mode="json"), **more}), 0.3)
    u = viscous_burgers(t, x)
    truth = np.concatenate([u[:, None], np.tile((0.25 * u * (1 - u))[:, None], dim)], 1)[
        :, : 1 if width == 1 else None
    ][:, -width:].ravel()
    covered, refused = np.ones(truth.size, dtype=bool), []
    for seen in watching.looks(spec):
        published = np.isfinite(seen.report.half_width)
        covered &= ~published | (np.abs(seen.answer.combined.value - truth) <= seen.report.half_width)
        refused.append(np.mean(~published))
    check(covered.reshape(points, width).all(1), 0.93, 1.0)
    assert np.mean(refused) < 0.15
