"""Filters of one island against the Kalman filter: evidence without bias, mean and covariance, what was not seen."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from burnish_workers.core.estimator import unflatten
from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.assimilation import proposals
from burnish_workers.kinds.posterior.assimilation.filters import Cloud, weighed
from burnish_workers.kinds.posterior.assimilation.simulator import build, quantiles
from tests.kinds.assimilations import LINE, PLANE, TWICE_SEEN, evidence, follow

FORMULAS = {"matrix": None, "expression": ["x[0] + 0.5 * x[1]", "0.3 * x[0] - x[1]"]}
FILTERS: dict[str, dict[str, Any]] = {
    "bootstrap": {"method": "bootstrap"},
    "guided": {"method": "guided"},
    "linearised": {"method": "guided", "observe": FORMULAS},
    "stratified": {"method": "bootstrap", "resampling": "stratified"},
    "residual, always": {"method": "bootstrap", "resampling": "residual", "ess": 1.0},
    "multinomial": {"method": "guided", "resampling": "multinomial"},
    "double precision": {"method": "bootstrap", "precision": "double"},
}
ENSEMBLES: dict[str, dict[str, Any]] = {"enkf": {"method": "enkf"}, "etkf": {"method": "etkf"}}


def observed() -> np.ndarray:
    """Eight observations of two numbers; the fourth was not made, one number of the sixth is missing."""
    found = TWICE_SEEN.observations(8)
    found[3], found[5, 0] = np.nan, np.nan
    return found


@pytest.mark.parametrize("name", FILTERS | ENSEMBLES)
def test_mean_and_variance_agree_with_the_kalman_filter(name: str):
    """One cloud of 50,000: errors of a few thousandths. A wrong sign or a forgotten covariance is off by tenths."""
    seen = observed()
    means, covariances, gains = TWICE_SEEN.kalman(seen)
    spec = TWICE_SEEN.spec(particles=50_000, **(FILTERS | ENSEMBLES)[name])
    for k, told in enumerate(follow(build(spec), seen)):
        spread = np.sqrt(np.diag(covariances[k]))
        assert np.abs(told.mean[0] - means[k]).max() < 0.04 * spread.max()
        assert np.sqrt(told.variance[0]) == pytest.approx(spread, rel=0.03)
        assert told.log_increment[0] == pytest.approx(gains[k], abs=0.05)


def deviation(options: dict[str, Any], runs: int, particles: int = 24) -> float:
    """How many standard errors the mean of Z^/Z over runs is away from 1."""
    seen = PLANE.observations(5, seed=4)
    seen[2] = np.nan
    exact = PLANE.kalman(seen)[2].sum()
    simulator = build(PLANE.spec(particles=particles, **options))
    ratios = np.exp([evidence(simulator, seen, seed) - exact for seed in range(runs)])
    return float((ratios.mean() - 1) / (ratios.std(ddof=1) / math.sqrt(runs)))


LINEARISED = {"method": "guided", "observe": {"matrix": None, "expression": ["x[0] + 0.5 * x[1]"]}}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bootstrap", "guided", "residual, always", "multinomial", "stratified"])
def test_the_evidence_has_no_bias(name: str):
    assert abs(deviation(FILTERS[name], 2_000)) < 4.4


@pytest.mark.slow
def test_the_evidence_of_linearised_guidance_has_no_bias():
    assert abs(deviation(LINEARISED, 2_000)) < 4.4


def test_the_evidence_has_no_bias_in_few_runs():
    assert abs(deviation(LINEARISED, 100)) < 4.4


def test_a_wrong_sign_in_the_weights_of_guidance_is_seen(monkeypatch: pytest.MonkeyPatch):
    """log q - log p in place of log p - log q."""
    honest = proposals.Linearised.propose

    def mistaken(self: proposals.Linearised, x: torch.Tensor, y: Any, rows: Any, stream: Any) -> Any:
        moved, log_factor = honest(self, x, y, rows, stream)
        return moved, 2 * self.likelihood(rows)(moved, y) - log_factor

    monkeypatch.setattr(proposals.Linearised, "propose", mistaken)
    assert abs(deviation(LINEARISED, 100)) > 4.4


def test_forgotten_weights_are_seen(monkeypatch: pytest.MonkeyPatch):
    """Particles pulled to the observation, and the likelihood taken as if they had come there by themselves."""
    draw = proposals.Conditional.draw

    def forgetful(self: proposals.Conditional, m: torch.Tensor, y: Any, stream: Any) -> Any:
        moved, log_factor = draw(self, m, y, stream)
        return moved, torch.zeros_like(log_factor)

    seen = PLANE.observations(5, seed=4)
    honest = evidence(build(PLANE.spec(method="guided", particles=24)), seen, 0)
    monkeypatch.setattr(proposals.Conditional, "draw", forgetful)
    assert abs(honest - PLANE.kalman(seen)[2].sum()) < 1
    assert abs(evidence(build(PLANE.spec(method="guided", particles=24)), seen, 0) - honest) > 3


def test_guidance_lowers_the_variance_of_the_evidence():
    seen = LINE.observations(10, seed=2)
    spreads = {}
    for method in ("bootstrap", "guided"):
        simulator = build(LINE.spec(method=method, particles=50))
        spreads[method] = np.std([evidence(simulator, seen, seed) for seed in range(40)])
    assert spreads["guided"] < 0.6 * spreads["bootstrap"]


def test_an_exact_observation_is_met_exactly():
    """R = 0 for one number: guided particles lie on it; the evidence is finite and right."""
    exact = replace(TWICE_SEEN, r=np.diag([0.0, 0.6]))
    seen = exact.observations(3)
    means, covariances, gains = exact.kalman(seen)
    simulator = build(exact.spec(method="guided", particles=20_000, precision="double"))
    carry = simulator.init(Key(0, (2, 0)))
    for k, y in enumerate(seen):
        carry, stats = simulator.advance(carry, Key(0, (0, 0, k)), k, 1, {"observation": y})
        told = unflatten(stats)["round"]
        assert np.abs(carry["particles"] @ exact.h[0] - y[0]).max() < 1e-6
        assert told.mean[0] == pytest.approx(means[k], abs=0.05)
        assert np.sqrt(told.variance[0]) == pytest.approx(np.sqrt(np.diag(covariances[k])), rel=0.05)
        assert told.log_increment[0] == pytest.approx(gains[k], abs=0.05)


def test_singular_noise_moves_particles_along_its_range_alone():
    """Q of rank one, as of a mass that is pushed: position is moved by velocity only."""
    pushed = replace(PLANE, a=np.array([[1.0, 0.1], [0.0, 0.95]]), b=np.zeros(2), q=np.diag([0.0, 0.3]))
    seen = pushed.observations(6)
    means, covariances, _ = pushed.kalman(seen)
    for method in ("bootstrap", "guided"):
        *_, last = follow(build(pushed.spec(method=method, particles=50_000)), seen)
        assert last.mean[0] == pytest.approx(means[-1], abs=0.05)
        assert np.sqrt(last.variance[0]) == pytest.approx(np.sqrt(np.diag(covariances[-1])), rel=0.05)


@pytest.mark.parametrize("method", ["bootstrap", "guided"])
def test_several_noisy_steps_lie_between_observations(method: str):
    seen = PLANE.observations(4)
    a = PLANE.a
    thrice = replace(
        PLANE,
        a=a @ a @ a,
        b=(np.eye(2) + a + a @ a) @ PLANE.b,
        q=PLANE.q + a @ PLANE.q @ a.T + a @ a @ PLANE.q @ (a @ a).T,
    )
    means, covariances, _ = thrice.kalman(seen)
    *_, last = follow(build(PLANE.spec(method=method, particles=50_000, dynamics={"steps": 3})), seen)
    assert last.mean[0] == pytest.approx(means[-1], abs=0.05)
    assert np.sqrt(last.variance[0]) == pytest.approx(np.sqrt(np.diag(covariances[-1])), rel=0.05)


def test_factors_that_are_no_numbers_weigh_nothing_and_are_counted():
    x, even = torch.arange(4.0)[:, None], torch.full((4,), 0.25, dtype=torch.float64)
    factor = torch.tensor([0.0, math.nan, -1.0, math.inf], dtype=torch.float64)
    done = weighed(x, even, factor)
    assert done.nonfinite == 2
    assert done.log_increment == pytest.approx(math.log((1 + math.exp(-1)) / 4))
    assert done.cloud.weights.tolist() == pytest.approx([1 / (1 + math.exp(-1)), 0, 1 / (1 + math.e), 0])
    assert done.cloud.x[1] == 0


def test_an_island_whose_weights_are_all_zero_is_kept_with_no_evidence():
    x, even = torch.arange(4.0)[:, None], torch.full((4,), 0.25, dtype=torch.float64)
    done = weighed(x, even, torch.full((4,), -math.inf, dtype=torch.float64))
    assert done.log_increment == -math.inf
    assert done.cloud.weights.tolist() == [0.25] * 4


def test_factors_far_below_any_number_are_told_apart_by_their_logarithms():
    x = torch.arange(3.0)[:, None]
    weights = torch.tensor([1e-300, 0.5, 0.5], dtype=torch.float64)
    done = weighed(x, weights, torch.tensor([0.0, -3_000.0, -3_000.0], dtype=torch.float64))
    assert done.cloud.weights.tolist() == pytest.approx([1.0, 0.0, 0.0])
    assert done.log_increment == pytest.approx(math.log(1e-300))


def test_quantiles_of_a_cloud_are_those_of_its_weights():
    x = torch.tensor([[3.0], [1.0], [2.0]])
    found = quantiles(Cloud(x, torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64)))[0]
    assert found.unique(return_counts=True)[1].tolist() == [32, 16, 16]
