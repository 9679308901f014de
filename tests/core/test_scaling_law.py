"""Scaling laws from records with outliers: foretold, covered, split; and what cannot be told is not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import curve_fit

from burnish.wire.scaling import ScalingRequest
from burnish_workers.core.kind import SpecError
from burnish_workers.core.scaling_choice import best_split
from burnish_workers.core.scaling_law import Law, Records, fit
from burnish_workers.engine.forecasting import forecast

Truth = tuple[float, float, float, float, float]
AT = 1e6
"""Ten times the largest of the records on both axes."""


def drawn(rng: np.random.Generator, floor: bool, n: int = 60) -> tuple[Truth, np.ndarray, np.ndarray, np.ndarray]:
    """Records with 3 % of noise and 5 % of gross outliers."""
    a, b = rng.uniform(0.2, 0.7, 2)
    scale_a, scale_b = np.exp(rng.uniform(0, 3, 2))
    rest = float(np.exp(rng.uniform(-3, -1))) if floor else 0.0
    data, compute = (np.exp(rng.uniform(np.log(1e2), np.log(1e5), n)) for _ in range(2))
    risk = (scale_a / data**a + scale_b / compute**b + rest) * np.exp(0.03 * rng.standard_normal(n))
    wild = rng.random(n) < 0.05
    risk[wild] *= np.exp(rng.choice([-1, 1], wild.sum()) * rng.uniform(0.7, 1.6, wild.sum()))
    return (scale_a, a, scale_b, b, rest), data, compute, risk


def value(truth: Truth, data: float, compute: float) -> float:
    return truth[0] / data ** truth[1] + truth[2] / compute ** truth[3] + truth[4]


def posted(data: Any, compute: Any, risk: Any, **more: Any) -> ScalingRequest:
    rows = [
        {"data": float(d), "compute": float(c), "risk": float(r)} for d, c, r in zip(data, compute, risk, strict=True)
    ]
    return ScalingRequest.model_validate({"records": rows, **more})


def test_exact_records_give_their_law_back() -> None:
    rng = np.random.default_rng(1)
    data, compute = np.exp(rng.uniform(3, 10, (2, 40)))
    law = forecast(posted(data, compute, value((5.0, 0.4, 20.0, 0.6, 0.3), data, compute)))
    assert law.chosen == "with_floor"
    found = (law.data_scale, law.data_exponent, law.compute_scale, law.compute_exponent, law.floor)
    for each, truth in zip(found, (5.0, 0.4, 20.0, 0.6, 0.3), strict=True):
        assert each is not None
        assert each.estimate == pytest.approx(truth, rel=0.02)


def plain(data: np.ndarray, compute: np.ndarray, risk: np.ndarray) -> float:
    """What scipy's least squares would foretell."""

    def law(x: Any, a: float, b: float, c: float, d: float, e: float) -> Any:
        return a / x[0] ** b + c / x[1] ** d + e

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found, _ = curve_fit(law, (data, compute), risk, p0=[1, 0.5, 1, 0.5, 0.1], maxfev=20_000)
        except RuntimeError:
            return float("inf")
    return float(law((AT, AT), *found))


def judged(runs: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Relative errors of ours and of the peer, whether intervals cover, and whether the floor was told right."""
    rng = np.random.default_rng(seed)
    rows = []
    for run in range(runs):
        truth, data, compute, risk = drawn(rng, floor=run % 2 == 1)
        law = forecast(posted(data, compute, risk, at=[{"data": AT, "compute": AT}]))
        exact, told = value(truth, AT, AT), law.predictions[0].risk
        right = (law.chosen == "with_floor") == (run % 2 == 1)
        rows.append(
            (
                abs(told.estimate / exact - 1),
                abs(plain(data, compute, risk) / exact - 1),
                told.lower <= exact <= told.upper,
                right,
            )
        )
    ours, peer, covered, right = (np.array(column) for column in zip(*rows, strict=True))
    return ours, peer, covered, right


def test_foretold_at_ten_times_both_axes() -> None:
    ours, peer, _, right = judged(12, 2)
    assert np.median(ours) < 0.10
    assert np.median(peer) > 0.20
    assert right.mean() > 0.5


@pytest.mark.slow
def test_intervals_cover() -> None:
    ours, _, covered, right = judged(150, 3)
    assert np.median(ours) < 0.076
    assert stats.binomtest(int(covered.sum()), 150, 0.9, alternative="less").pvalue > 1e-3, covered.mean()
    assert right.mean() > 0.75


def test_one_axis_alone() -> None:
    rng = np.random.default_rng(4)
    compute = np.exp(rng.uniform(3, 10, 30))
    rows = [{"compute": float(c), "risk": float(2.0 / c**0.5)} for c in compute]
    law = forecast(ScalingRequest.model_validate({"records": rows, "at": [{"compute": 1e6}]}))
    assert law.data_exponent is None
    assert law.compute_exponent is not None
    assert law.compute_exponent.estimate == pytest.approx(0.5, rel=1e-3)
    assert law.predictions[0].risk.estimate == pytest.approx(2e-3, rel=1e-2)


def test_an_axis_that_does_not_vary_tells_nothing() -> None:
    compute = np.geomspace(10, 1e4, 12)
    law = forecast(posted(np.full(12, 7.0), compute, 3.0 / compute**0.3))
    assert law.data_exponent is None
    with pytest.raises(SpecError, match="neither data nor compute varies"):
        forecast(posted(np.full(12, 7.0), np.full(12, 7.0), compute))


def rows(n: int, **last: Any) -> list[dict[str, Any]]:
    found = [{"data": 10.0 + i, "compute": 10.0 + i * i, "risk": 1.0 / (i + 1)} for i in range(n)]
    return [*found[:-1], {**found[-1], **last}]


NO_DATA = [{name: value for name, value in row.items() if name != "data"} for row in rows(12)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"records": rows(7)}, "/records"),
        ({"records": rows(12, data=None)}, "/records/11/data"),
        ({"records": rows(12), "at": [{"data": 1.0}]}, "/at/0/compute"),
        ({"records": NO_DATA, "split": {"budget": 1, "price_data": 1, "price_compute": 1}}, "/split"),
    ],
)
def test_refused(body: dict[str, Any], pointer: str) -> None:
    with pytest.raises(SpecError) as refused:
        forecast(ScalingRequest.model_validate(body))
    assert refused.value.pointer == pointer


def test_the_split_is_that_of_a_grid() -> None:
    law = Law(np.log(50.0), 0.3, np.log(400.0), 0.5, np.log(0.1))
    data, compute = best_split(law, 1e6, 2.0, 0.5)
    assert 2.0 * data + 0.5 * compute == pytest.approx(1e6)
    shares = np.linspace(1e-5, 1 - 1e-5, 200_001)
    risks = law.log_risk(np.log(1e6 * shares / 2.0), np.log(1e6 * (1 - shares) / 0.5))
    assert 2.0 * data / 1e6 == pytest.approx(shares[np.argmin(risks)], abs=2e-5)
    marginal = 0.3 * 50 * data**-1.3 / 2.0, 0.5 * 400 * compute**-1.5 / 0.5
    assert marginal[0] == pytest.approx(marginal[1], rel=1e-3)


def test_the_same_records_the_same_answer() -> None:
    rng = np.random.default_rng(6)
    _, data, compute, risk = drawn(rng, floor=True)
    request = posted(data, compute, risk, at=[{"data": AT, "compute": AT}])
    assert forecast(request) == forecast(request)


def test_a_wild_record_does_little_harm() -> None:
    data = np.geomspace(10, 1e4, 30)
    risk = 2.0 / data**0.4
    clean = fit(Records(np.log(data), None, np.log(risk)), floor=False)
    risk[7] *= 50
    assert fit(Records(np.log(data), None, np.log(risk)), floor=False).a == pytest.approx(clean.a, abs=0.01)
