"""Random times, stratified noise and the law of the Euler bias."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from burnish_workers.core.keys import Key
from burnish_workers.kinds.surrogate.paths import (
    coarse_partners,
    crude_partner,
    stratified_noise,
    stratified_times,
    time_step_ratio,
)
from burnish_workers.tensors.generators import torch_generator

from .surrogates import FAR

START, HORIZON = 0.2, 1.7


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_stratified_times_are_an_unbiased_quadrature(steps: int) -> None:
    rows = 100_000
    times = stratified_times(torch.full((rows,), START), HORIZON, steps, torch_generator(Key(1))).double()
    assert (times.diff(dim=1) >= 0).all()
    assert ((times >= START - 1e-6) & (times <= HORIZON + 1e-6)).all()
    values = (torch.exp(times) * torch.cos(3 * times)).mean(1)
    # int e^t cos 3t dt = e^t (cos 3t + 3 sin 3t)/10
    ends = [np.exp(s) * (np.cos(3 * s) + 3 * np.sin(3 * s)) / 10 for s in (START, HORIZON)]
    truth = (ends[1] - ends[0]) / (HORIZON - START)
    assert abs(values.mean().item() - truth) < FAR * values.std().item() / rows**0.5


def test_no_time_lies_beyond_the_horizon_even_when_rounded() -> None:
    """The last time may round to T; beyond it the root of a negative step would be nan."""
    generator = torch.Generator()
    t = torch.rand(200_000, generator=generator.manual_seed(2))
    for horizon in (1.0, 1.1, 7.3):
        times = stratified_times(t, horizon, 3, generator)
        ends = torch.cat([t[:, None], times, torch.full_like(t, horizon)[:, None]], 1)
        assert (ends.diff(dim=1) >= 0).all()


def test_stratified_noise_keeps_its_law() -> None:
    """Over both signs, the mean and the covariance of all increments; along the direction, the prescribed quantiles."""
    rows, steps, dim = 200_000, 3, 2
    generator = torch_generator(Key(5))
    t = torch.full((rows,), START)
    times = stratified_times(t[:1], HORIZON, steps, generator).expand(rows, steps)
    noise = torch.randn(rows, steps + 1, dim, generator=generator)
    direction = torch.tensor([0.6, -0.8]).expand(rows, dim)
    uniform = torch.rand(rows, generator=generator, dtype=torch.float64)
    pinned = stratified_noise(t, times, noise, direction, uniform, HORIZON)
    roots = torch.cat([t[:, None], times, torch.full_like(t, HORIZON)[:, None]], 1).diff(dim=1).sqrt()
    along = torch.einsum("bsk,bk,bs->b", pinned, direction, roots) / (HORIZON - START) ** 0.5
    np.testing.assert_allclose(along.numpy(), stats.norm.ppf(0.5 + 0.5 * uniform.numpy()), atol=2e-4)
    both = torch.cat([pinned, -pinned]).flatten(1).double()
    second = both[:rows, :, None] * both[:rows, None, :]
    error = second.std(0) / rows**0.5
    assert ((second.mean(0) - torch.eye(both.shape[1])).abs() < FAR * error).all()
    sign = torch.randint(0, 2, (rows, 1), generator=generator) * 2 - 1
    for column in (both[:rows] * sign).T.numpy():
        assert stats.kstest(column, "norm").pvalue > 1e-5


def pieces(steps: int, refreshed: range, times: torch.Tensor) -> float:
    """E sum (piece)^2 by simulation, in units of the stratum."""
    ends = [torch.zeros(len(times)), *(times[:, k] for k in refreshed), torch.full((len(times),), float(steps))]
    return float(torch.stack(ends, 1).diff(dim=1).square().sum(1).double().mean())


@pytest.mark.parametrize("steps", range(1, 7))
def test_time_step_ratio_is_what_it_is_said_to_be(steps: int) -> None:
    times = stratified_times(torch.zeros(400_000), float(steps), steps, torch_generator(Key(steps)))
    fine = pieces(steps, range(steps), times)
    groups = [coarse_partners(steps)] + ([(crude_partner(steps),)] if steps >= 4 else [])
    for partners in groups:
        simulated = sum(pieces(steps, partner, times) for partner in partners) / len(partners) / fine
        # The ratio of two means of 400,000: each is known to better than 0.2 %.
        assert time_step_ratio(steps, partners) == pytest.approx(simulated, rel=0.004)
        assert time_step_ratio(steps, partners) > 1.2


@pytest.mark.parametrize("steps", [2, 3, 4, 8, 9])
def test_partners_coarsen_both_ends_alike(steps: int) -> None:
    """Whatever part of the path a bias comes from, the partners have more of it than the path has."""
    for refreshed in coarse_partners(steps):
        assert list(refreshed) == sorted(set(refreshed))
        assert set(refreshed) < set(range(steps))
    first, last = (sum((end in partner) for partner in coarse_partners(steps)) for end in (0, steps - 1))
    assert first == last == 1
