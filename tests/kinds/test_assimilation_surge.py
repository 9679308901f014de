"""Guidance inside diffusion chains, against chains of Gaussian transitions, whose law is known to the last digit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import burnish
from burnish.wire.specs.assimilation import Assimilation, DiffusionChain
from burnish_workers.core.inputs import Inputs
from burnish_workers.kinds.posterior.assimilation import surge
from burnish_workers.kinds.posterior.assimilation.chains import noise_levels, ratio_of
from burnish_workers.kinds.posterior.assimilation.simulator import build
from tests.kinds.assimilations import PLANE, TWICE_SEEN, Array, Linear, evidence, follow

LEVELS = {"levels": 24, "sigma_max": 8.0, "sigma_min": 0.05}


def by_network(model: Linear) -> Linear:
    """The linear-Gaussian model that a chain makes of N(A x + b, Q) where it does not know the residual covariances.

    With e = z - M: e_0 = G_0 (x - M) + sigma_0 noise, e_{j+1} = (r + (1 - r) G_j) e_j + s_j noise, G = Q/(Q + sigma^2).
    """
    sigmas, eye = noise_levels(DiffusionChain(**LEVELS)), np.eye(len(model.b))
    gains = [np.linalg.solve(model.q + sigma**2 * eye, model.q) for sigma in sigmas[:-1]]
    pull, spread = gains[0], sigmas[0] ** 2 * eye
    for level, gain in enumerate(gains):
        ratio = ratio_of(sigmas, level)
        step = ratio * eye + (1 - ratio) * gain
        noise = (sigmas[level] ** 2 - sigmas[level + 1] ** 2) * ratio
        pull, spread = step @ pull, step @ spread @ step.T + noise * eye
    return replace(model, a=model.a + pull @ (eye - model.a), b=model.b - pull @ model.b, q=spread)


def surge_spec(model: Linear, **options: Any) -> Assimilation:
    return model.spec(method="surge", dynamics={"diffusion": LEVELS}, **options)


@pytest.mark.parametrize("guidance", [1.0, 0.6])
def test_the_filter_of_a_chain_agrees_with_the_kalman_filter(guidance: float):
    seen = TWICE_SEEN.observations(5)
    seen[2, 1], seen[3] = np.nan, np.nan
    means, covariances, gains = TWICE_SEEN.kalman(seen)
    told = list(follow(build(surge_spec(TWICE_SEEN, particles=20_000, guidance=guidance)), seen))
    for k, each in enumerate(told):
        assert each.mean[0] == pytest.approx(means[k], abs=0.03)
        assert np.sqrt(each.variance[0]) == pytest.approx(np.sqrt(np.diag(covariances[k])), rel=0.04)
        assert each.log_increment[0] == pytest.approx(gains[k], abs=0.04)


def deviation(runs: int, **options: Any) -> float:
    """How many standard errors the mean of Z^/Z is away from 1, over runs of 24 particles."""
    seen = PLANE.observations(3, seed=4)
    exact = PLANE.kalman(seen)[2].sum()
    simulator = build(surge_spec(PLANE, particles=24, **options))
    ratios = np.exp([evidence(simulator, seen, seed) - exact for seed in range(runs)])
    return float((ratios.mean() - 1) / (ratios.std(ddof=1) / math.sqrt(runs)))


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"guidance": 0.0}, {"guidance": 1.5}, {"ess": 1.0}])
def test_the_evidence_has_no_bias_at_any_strength_of_guidance(options: dict[str, Any]):
    assert abs(deviation(400, **options)) < 4.4


def test_a_forgotten_proposal_weight_is_seen(monkeypatch: pytest.MonkeyPatch):
    """As in methods that push particles and weigh them by potentials alone."""
    draw = surge.Pull.draw

    def forgetful(self: surge.Pull, residual: Tensor, stream: Any) -> Any:
        w, ratio = draw(self, residual, stream)
        return w, torch.zeros_like(ratio)

    assert abs(deviation(12)) < 4.4
    monkeypatch.setattr(surge.Pull, "draw", forgetful)
    assert abs(deviation(12)) > 8


def test_guidance_lowers_the_variance_of_the_evidence():
    """As far as exact guidance of the whole transition does."""
    sharp = replace(PLANE, r=np.array([[0.02]]))
    seen, spreads = sharp.observations(4, seed=3), []
    options: list[dict[str, Any]] = [{"method": "surge"}, {"method": "surge", "guidance": 0.0}]
    for each in options:
        simulator = build(sharp.spec(particles=50, dynamics={"diffusion": LEVELS}, **each))
        spreads.append(np.std([evidence(simulator, seen, seed) for seed in range(10)]))
    simulator = build(sharp.spec(particles=50, method="guided"))
    exact = np.std([evidence(simulator, seen, seed) for seed in range(40)])
    assert spreads[0] < 0.6 * spreads[1]
    assert spreads[0] < 2 * exact


def lorenz(method: str, noise: Any, seen: Array, **more: Any) -> Assimilation:
    dynamics = {"name": "lorenz63", "substeps": 10, "noise": noise, **more}
    start = {"mean": [1.5, -1.5, 25.5], "covariance": 2.0}
    options = {"method": method, "particles": 4_000, "islands": 2}
    observe = {"indices": [0, 2], "noise": 1.0}
    return Assimilation.model_validate(
        {"dynamics": dynamics, "initial": start, "observe": observe, "observations": seen.tolist(), "filter": options}
    )


def test_on_noisy_lorenz_63_the_chain_agrees_with_the_exact_proposal():
    """The chain of an exact denoiser is the Gaussian transition: surge and guided are two ways to one answer."""
    chain = {"levels": 16, "sigma_max": 30.0, "sigma_min": 0.1}
    rng = np.random.default_rng(0)
    seen = np.array([[-2.0, 18.0], [-3.0, 15.0], [-6.0, 15.0]]) + 0.3 * rng.normal(size=(3, 2))
    exact = list(follow(build(lorenz("guided", 0.5, seen)), seen))
    by_chain = list(follow(build(lorenz("surge", 0.5, seen, diffusion=chain)), seen))
    for one, other in zip(exact, by_chain, strict=True):
        spread = np.sqrt(one.variance[0])
        assert np.abs(one.mean - other.mean)[0] / spread == pytest.approx(np.zeros(3), abs=0.15)
        assert np.sqrt(other.variance[0]) == pytest.approx(spread, rel=0.12)
        assert other.log_increment[0] == pytest.approx(one.log_increment[0], abs=0.1)


class Known(nn.Module):
    """What a network would learn of x' ~ N(A x + b, Q), as it would be uploaded: rows [z, x_before]."""

    def __init__(self, model: Linear):
        super().__init__()
        a, b, q = (torch.tensor(part, dtype=torch.float32) for part in (model.a, model.b, model.q))
        values, vectors = torch.linalg.eigh(q)
        for name, part in (("a", a), ("b", b), ("values", values), ("vectors", vectors)):
            self.register_buffer(name, part.clone(memory_format=torch.contiguous_format))

    def forward(self, t: Tensor, rows: Tensor) -> Tensor:
        z, x = rows.split([2, 2], dim=1)
        centre = x @ self.a.T + self.b
        shares = self.values / (self.values + t[:, None] ** 2)
        return torch.cat([centre + (((z - centre) @ self.vectors) * shares) @ self.vectors.T, x], dim=1)


@pytest.mark.slow
def test_an_uploaded_denoiser_gives_what_the_exact_one_gives():
    file = burnish.export(Known(PLANE), 4, gives="sample")
    posted = surge_spec(PLANE, particles=5_000).model_dump(mode="json", exclude_none=True)
    posted["dynamics"] = {"denoiser": file.id, "diffusion": LEVELS}
    inputs = Inputs(cards={file.id: {"dim": 4, "gives": "samples"}}, files={file.id: file.data})
    seen = PLANE.observations(3)
    means, covariances, gains = by_network(PLANE).kalman(seen)
    for k, each in enumerate(follow(build(Assimilation.model_validate(posted), inputs=inputs), seen)):
        assert each.mean[0] == pytest.approx(means[k], abs=0.06)
        assert np.sqrt(each.variance[0]) == pytest.approx(np.sqrt(np.diag(covariances[k])), rel=0.08)
        assert each.log_increment[0] == pytest.approx(gains[k], abs=0.08)
