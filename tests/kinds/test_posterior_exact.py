"""Islands against chains whose evidence and posterior are known exactly: nothing here is about discretisation.

All statements are about means over many islands, judged in standard errors: fixed seeds, FAR of them allowed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import log_evidence
from burnish_workers.core.resampling import SCHEMES
from burnish_workers.kinds.posterior.chain import vp_euler
from burnish_workers.kinds.posterior.nonlinear import RewardTerm
from burnish_workers.kinds.posterior.smc import IslandSampler, Population
from burnish_workers.kinds.posterior.terms import LinearTerm

from .linear_chains import LinearChain, islands, shares, tensor, weighted

FAR = 4.5
"""Standard errors: two-sided tail 7e-6."""
COARSE, FINE = LinearChain(0.5), LinearChain(0.1)
GUIDANCE = ("none", "gradient", "kalman", "ensemble")
TEMPERING = ("linear", "none", "adaptive")
ALWAYS, OFTEN = 1.0, 0.5


def score(values: NDArray[np.float64], expected: float = 1.0) -> float:
    """How many standard errors the mean of values (n,) is from what is expected."""
    return float((values.mean() - expected) / (values.std(ddof=1) / len(values) ** 0.5))


def agrees(values: NDArray[np.float64], error: float, expected: float = 1.0) -> None:
    assert values.std(ddof=1) / len(values) ** 0.5 <= error
    assert abs(score(values, expected)) < FAR, f"{values.mean():.4f}"


@pytest.mark.parametrize("threshold", [OFTEN, ALWAYS])
@pytest.mark.parametrize("tempering", TEMPERING)
@pytest.mark.parametrize("guidance", GUIDANCE)
def test_the_evidence_is_unbiased(guidance: str, tempering: str, threshold: float) -> None:
    """E[Z^] = Z to two per cent, of single islands and of four together; below to four parts in a thousand."""
    count = {"none": 120, "ensemble": 100}.get(guidance, 32)
    people = islands(COARSE.sampler(guidance, tempering=tempering, threshold=threshold), count)
    agrees(shares(people, COARSE.log_evidence), 0.025)
    agrees(np.exp(_together(people.log_evidence.numpy(), 4) - COARSE.log_evidence), 0.025)


def _together(log_weight: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The evidence of several islands as one answer."""
    rows = log_weight.reshape(-1, size)
    return np.array([log_evidence(Islands.of(row, np.zeros((size, 0)))) for row in rows])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("guidance", ["none", "kalman"])
def test_weighted_moments_are_unbiased_by_every_scheme(guidance: str, scheme: str) -> None:
    """E[Z^ mean_w f] = Z pi(f) for f = x and f = x^2, coordinate by coordinate."""
    sampler = COARSE.sampler(guidance, scheme=scheme, threshold=ALWAYS)
    people = islands(sampler, 160 if guidance == "none" else 60, seed=11)
    posterior, ratio = COARSE.posterior, shares(people, COARSE.log_evidence)
    agrees(ratio, 0.025)
    found = weighted(people, torch.cat([people.x, people.x**2], dim=2))
    expected = np.concatenate([posterior.mean, posterior.std**2 + posterior.mean**2])
    for column, value in zip((ratio[:, None] * found).T, expected, strict=True):
        assert abs(score(column, float(value))) < FAR


@pytest.mark.parametrize(("problem", "most"), [(COARSE, 0.06), (FINE, 0.25)], ids=["sigma .5", "sigma .1"])
@pytest.mark.parametrize("guidance", ["gradient", "kalman"])
def test_the_evidence_of_an_island_varies_little(guidance: str, problem: LinearChain, most: float) -> None:
    """sd(log Z^) of 32 particles with the noise-aware twist, untempered as tempered."""
    people = islands(problem.sampler(guidance, tempering="none"), 100)
    assert people.log_evidence.numpy().std(ddof=1) <= most
    agrees(shares(people, problem.log_evidence), 0.03)


def test_the_naive_potential_loses_what_the_twist_finds() -> None:
    """The observation's noise alone, at sigma = 0.1 and full strength: the islands see next to nothing of the
    evidence, and none of them knows."""
    naive = islands(FINE.sampler("gradient", naive=True, tempering="none", threshold=ALWAYS), 50)
    twist = islands(FINE.sampler("gradient", tempering="none"), 50)
    below = (naive.log_evidence - FINE.log_evidence).numpy()
    assert np.median(below) < -2
    assert abs(np.median((twist.log_evidence - FINE.log_evidence).numpy())) < 0.2


class ForgottenStart(IslandSampler):
    """log w_0 = 0 in place of log psi_0(x_0)."""

    def _weigh(self, k: int, people: Population, sight: Any) -> None:
        super()._weigh(k, people, sight)
        if k == 0:
            people.log_weight = torch.zeros_like(people.log_weight)


class Pushed(IslandSampler):
    """Path weights -a <u, xi> - b |u|^2/2: right where a = b = 1."""

    inner, square = 1.0, 1.0

    def _move(self, k: int, people: Population, sight: Any) -> None:
        before, states = people.log_weight, people.x
        super()._move(k, people, sight)
        if sight.drift is not None:
            u, noise = sight.drift, float(self.chain.noise[k])
            xi = (people.x - self._mean(k, states, sight.estimate)) / noise - u
            people.log_weight = before - self.inner * (u * xi).sum(-1) - self.square * 0.5 * (u * u).sum(-1)


class WrongSign(Pushed):
    inner = -1.0


class NoSquare(Pushed):
    square = 0.0


class NotReset(IslandSampler):
    """Resampled particles keep the weights of their ancestors, and the evidence counts them all the same."""

    def _resample(self, people: Population, sight: Any) -> Any:
        before, times, old = people.log_weight.clone(), people.resampled.clone(), people.x.clone()
        found = super()._resample(people, sight)
        for island in torch.nonzero(people.resampled > times)[:, 0].tolist():
            same = (people.x[island][:, None] == old[island][None]).all(-1).int().argmax(1)
            people.log_weight[island] = before[island][same]
        return found


def far(kind: type, guidance: str = "kalman", problem: LinearChain = COARSE, **options: Any) -> float:
    """Standard errors of mean Z^/Z from 1 over islands by a sampler of this class."""
    return abs(score(shares(islands(problem.sampler(guidance, kind=kind, **options), 80), problem.log_evidence)))


class Unweighed(Pushed):
    """Guided and not corrected."""

    inner, square = 0.0, 0.0


@pytest.mark.parametrize("mutant", [WrongSign, NoSquare, Unweighed])
def test_a_wrong_path_weight_is_seen(mutant: type) -> None:
    assert far(mutant) > 3 * FAR
    assert far(Pushed) < FAR


def test_a_forgotten_first_potential_is_seen() -> None:
    """Untempered, log psi_0(x_0) is a factor of every later weight."""
    assert far(ForgottenStart, tempering="none") > 3 * FAR
    assert far(ForgottenStart, tempering="linear") < FAR  # psi_0 = 1: nothing to forget


def test_weights_that_are_not_reset_are_seen() -> None:
    assert far(NotReset, guidance="none", problem=FINE) > FAR
    assert far(IslandSampler, guidance="none", problem=FINE, tempering="linear") < FAR


def test_the_last_step_in_closed_form_is_the_conditional_law() -> None:
    """Draws of x ~ N(m, s^2 I) given y, against the exact mean and covariance."""
    matrix, y, variance = COARSE.seen
    noise, n = 0.7, 200_000
    term = COARSE.terms("kalman")[0]
    assert isinstance(term, LinearTerm)
    generator = torch.Generator().manual_seed(3)
    mean = tensor(COARSE.numbers["mean"]).expand(1, n, -1)
    log_normal, centre, gain = term.conjugate(mean, noise)
    x = noise * torch.randn(1, n, COARSE.dim, generator=generator, dtype=torch.float64)
    error = term.variance.sqrt() * torch.randn(1, n, len(y), generator=generator, dtype=torch.float64)
    draws = (centre + x - (x @ term.matrix.T + error) @ gain.T)[0].numpy()
    total = np.diag(variance) + noise**2 * matrix @ matrix.T
    weight = noise**2 * matrix.T @ np.linalg.inv(total)
    exact = COARSE.numbers["mean"] + weight @ (y - matrix @ COARSE.numbers["mean"])
    covariance = noise**2 * np.eye(COARSE.dim) - weight @ matrix * noise**2
    np.testing.assert_allclose(draws.mean(0), exact, atol=FAR * noise / n**0.5)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=2 * FAR * noise**2 / n**0.5)
    residual = y - matrix @ COARSE.numbers["mean"]
    expected = -0.5 * (residual @ np.linalg.solve(total, residual) + np.linalg.slogdet(2 * np.pi * total)[1])
    np.testing.assert_allclose(log_normal.numpy(), expected, rtol=1e-10)


def test_a_closed_last_step_and_a_weighed_one_agree() -> None:
    closed, weighed = (
        shares(islands(COARSE.sampler("kalman", conjugate=conjugate), 100), COARSE.log_evidence)
        for conjugate in (True, False)
    )
    agrees(closed, 0.01)
    agrees(weighed, 0.02)
    assert closed.std() < weighed.std()


SHORT = LinearChain(0.5, chain=vp_euler(10))


def beyond(bound: float) -> Callable[[Tensor], Tensor]:
    """R = 0 where the first coordinate is above a bound; else not a number."""
    return lambda x: torch.where(x[:, 0] > bound, 0.0, torch.nan)


def rewarded(particles: int, count: int) -> Population:
    """Islands by a reward that is a number with chance 1/2: where x is above its median."""
    terms: list[Any] = [RewardTerm(beyond(float(SHORT.law.mean[0])), 1.0, SHORT.spreads)]
    return islands(SHORT.sampler("none", terms=terms), count, particles)


def test_rewards_that_are_no_number_weigh_nothing_and_are_counted() -> None:
    people = rewarded(32, 200)
    agrees(shares(people, np.log(0.5)), 0.02)
    assert people.dead.sum() == torch.isneginf(people.log_weight).sum() > 0
    assert (people.x[..., 0] <= float(SHORT.law.mean[0])).sum() == people.dead.sum()


def test_islands_that_died_are_kept() -> None:
    """Two particles an island: a quarter of them die as a whole. With those the mean is right, without them it is too
    large."""
    found = shares(rewarded(2, 800), np.log(0.5))
    assert abs(score((found == 0).astype(float), 0.25)) < FAR
    agrees(found, 0.03)
    assert score(found[found > 0]) > 2 * FAR


@pytest.mark.slow
@pytest.mark.parametrize(("guidance", "tempering"), list(itertools.product(GUIDANCE, TEMPERING)))
def test_the_evidence_is_unbiased_to_three_parts_in_a_thousand(guidance: str, tempering: str) -> None:
    count = 3_000 if guidance in ("none", "ensemble") else 1_000
    for threshold, scheme in ((OFTEN, "systematic"), (ALWAYS, "multinomial")):
        sampler = COARSE.sampler(guidance, tempering=tempering, threshold=threshold, scheme=scheme)
        agrees(shares(islands(sampler, count, seed=21), COARSE.log_evidence), 0.004)
