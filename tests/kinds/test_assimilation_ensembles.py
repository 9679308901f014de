"""Ensemble Kalman filters beyond what they share with particle filters: localisation, inflation, small ensembles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from burnish.wire.specs.assimilation import Assimilation
from burnish_workers.core.inputs import NOTHING
from burnish_workers.kinds.posterior.assimilation.ensemble import Deviations
from burnish_workers.kinds.posterior.assimilation.localisation import between, distances
from burnish_workers.kinds.posterior.assimilation.requirements import checked
from burnish_workers.kinds.posterior.assimilation.simulator import build
from tests.kinds.assimilations import PLANE, Linear, follow


def row(dim: int) -> Linear:
    """Coordinates side by side, each drawn to its neighbours: correlations die out after a few."""
    a = 0.6 * np.eye(dim) + 0.15 * (np.eye(dim, k=1) + np.eye(dim, k=-1))
    h = np.eye(dim)[::2]
    return Linear(a, np.zeros(dim), 0.3 * np.eye(dim), h, 0.5 * np.eye(len(h)), np.zeros(dim), np.eye(dim))


def test_the_taper_falls_from_one_to_zero_at_twice_its_half_width():
    found = between(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 9.0]), 2.0)
    assert found[0] == 1
    assert (np.diff(found[:5]) < 0).all()
    assert found[2] == pytest.approx(5 / 24)
    assert found[4:] == pytest.approx([0.0, 0.0])


def test_coordinates_of_a_ring_are_close_across_its_end():
    near = distances(np.arange(10), np.array([0]), 10, True)[:, 0]
    assert near.tolist() == [0, 1, 2, 3, 4, 5, 4, 3, 2, 1]
    assert distances(np.arange(10), np.array([0]), 10, False)[9, 0] == 9


@pytest.mark.parametrize("method", ["enkf", "etkf"])
def test_a_small_local_ensemble_comes_closer_than_a_global_one(method: str):
    """15 members for 40 coordinates: distant sample covariances are noise."""
    model = row(40)
    seen = model.observations(15, seed=1)
    means, _, _ = model.kalman(seen)
    errors: dict[float | None, float] = {}
    for width in (2.0, None):
        observe = {"matrix": None, "indices": list(range(0, 40, 2))}
        spec = model.spec(method=method, particles=15, localisation=width, observe=observe)
        told = list(follow(build(spec), seen))
        errors[width] = float(np.sqrt(np.mean([(each.mean[0] - m) ** 2 for each, m in zip(told, means, strict=True)])))
    assert errors[2.0] < 0.75 * errors[None]
    assert errors[2.0] < 0.35


def test_wide_local_square_roots_are_the_global_ones():
    model = row(6)
    seen = model.observations(3)
    observe = {"matrix": None, "indices": [0, 2, 4]}
    wide, whole = (
        list(follow(build(model.spec(method="etkf", particles=30, localisation=width, observe=observe)), seen))
        for width in (1_000.0, None)
    )
    for one, other in zip(wide, whole, strict=True):
        assert one.mean == pytest.approx(other.mean, abs=1e-4)
        assert one.variance == pytest.approx(other.variance, abs=1e-4)


def test_the_square_root_meets_the_kalman_update_of_its_own_ensemble_exactly():
    """Mean and covariance after an update, by the Kalman formulas with the sample covariance before it."""
    spec = PLANE.spec(method="etkf", particles=12)
    simulator = build(spec)
    analysis = simulator.assimilator.analysis((0,))  # pyright: ignore[reportAttributeAccessIssue]
    x = torch.randn(12, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 1
    deviations, y = Deviations.of(x, analysis.sensor), torch.tensor([2.5], dtype=torch.float64)
    after = simulator.assimilator.update(deviations, analysis, y, None).numpy()  # pyright: ignore
    p, h = np.cov(x.numpy().T), PLANE.h
    gain = p @ h.T @ np.linalg.inv(h @ p @ h.T + PLANE.r)
    assert after.mean(0) == pytest.approx(x.numpy().mean(0) + gain @ (y.numpy() - h @ x.numpy().mean(0)))
    assert np.cov(after.T) == pytest.approx(p - gain @ h @ p)


def test_inflation_widens_deviations_and_leaves_the_mean():
    seen = PLANE.observations(1)
    plain, wide = (
        next(follow(build(PLANE.spec(method="etkf", particles=50, inflation=inflation)), seen))
        for inflation in (1.0, 1.5)
    )
    assert wide.mean == pytest.approx(plain.mean)
    assert np.sqrt(wide.variance) == pytest.approx(1.5 * np.sqrt(plain.variance))


def test_members_that_run_away_are_replaced_and_counted():
    """x' = x^3 with a step that overflows for large x."""
    posted = {
        "dynamics": {"expression": "where(x > 2, exp(1000 * x), 0.5 * x)", "dim": 1, "noise": 0.1},
        "initial": {"mean": [0.0], "covariance": 2.0},
        "observe": {"noise": 0.5},
        "filter": {"method": "enkf", "particles": 200},
    }
    spec = Assimilation.model_validate(posted)
    told = next(follow(build(spec), np.array([[0.3]])))
    assert 0 < told.nonfinite[0] < 60
    assert np.isfinite(told.mean).all()


def test_ensembles_state_that_their_bias_is_not_known():
    assert not checked(PLANE.spec(method="enkf"), NOTHING).consistent
    assert checked(PLANE.spec(method="guided"), NOTHING).consistent
