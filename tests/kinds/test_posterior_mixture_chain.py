"""The chain of a mixture: exact for one Gaussian with however few steps, close for many; what its denoiser leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from burnish.wire.specs.priors import Chain as Asked
from burnish_workers.kinds.posterior.analytic import MixtureDenoiser
from burnish_workers.kinds.posterior.chain import ancestral, karras_levels
from burnish_workers.kinds.posterior.chains import chain_of
from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.mixture_spread import mixture_spreads
from burnish_workers.kinds.posterior.noise import Noise
from burnish_workers.kinds.posterior.references.chain import chain_law

CPU = torch.device("cpu")
MEANS = np.array([[-8.0, 0.0, 3.0], [0.0, 5.0, -2.0], [6.0, -6.0, 0.0]])
THREE = MixtureNumbers(np.array([0.2, 0.5, 0.3]), MEANS, np.full((3, 3), 1.5), None)


@pytest.mark.parametrize("steps", [3, 60])
def test_one_gaussian_is_exact_with_any_number_of_steps(steps: int) -> None:
    mean, variance = np.array([1.0, -2.0]), 2.5
    prior = MixtureNumbers(np.ones(1), mean[None], np.full((1, 2), variance), None)
    chain = chain_of(Asked(steps=steps), prior, "auto")
    law = chain_law(chain, mean, variance * np.eye(2), marginal=True)
    np.testing.assert_allclose(law.mean, mean, atol=1e-10)
    np.testing.assert_allclose(law.covariance, variance * np.eye(2), atol=1e-10)
    levels = karras_levels(steps, 0.1 * variance**0.5, float(chain.sigma[0]))
    narrow = chain_law(ancestral(np.ones_like(levels), levels, levels[:-1]), mean, variance * np.eye(2), marginal=True)
    assert narrow.std[0] < 0.99 * variance**0.5  # the textbook's step loses variance


def test_components_have_their_weights_and_widths() -> None:
    chain, exact, n = chain_of(Asked(), THREE, "auto"), MixtureDenoiser(THREE), 20_000
    generator = torch.Generator().manual_seed(1)
    x = exact.draw(n, 1.0, float(chain.sigma[0]), generator)
    for k in range(chain.steps):
        level = Noise(*(torch.full((n,), float(v[k]), dtype=x.dtype) for v in (chain.alpha, chain.sigma, chain.time)))
        noise = float(chain.noise[k]) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        x = float(chain.keep[k]) * x + float(chain.pull[k]) * exact(x, level) + noise
    apart = x.numpy()[:, None] - MEANS
    nearest = (apart**2).sum(2).argmin(1)
    found = np.bincount(nearest, minlength=3) / n
    np.testing.assert_allclose(found, THREE.weights, atol=0.015)
    assert apart[np.arange(n), nearest].var() == pytest.approx(1.5, rel=0.04)


def test_noise_is_scaled_by_eta_and_gone_at_zero() -> None:
    whole, none = (chain_of(Asked(eta=eta), THREE, "none") for eta in (1.0, 0.0))
    assert (whole.noise > 0).all()
    assert (none.noise == 0).all()


def test_a_chain_from_normal_noise_starts_wider() -> None:
    assert chain_of(Asked(), THREE, "auto", normal=True).start == pytest.approx(4 * THREE.spread)
    assert chain_of(Asked(), THREE, "auto").start == pytest.approx(THREE.spread)


def test_the_spread_of_like_components_is_that_of_residuals() -> None:
    """In closed form but for the chances, against residuals of the same draws."""
    chain = chain_of(Asked(steps=6), THREE, "auto")
    jagged = replace(THREE, variance=THREE.variance + np.array([[0.0, 0.0, 1e-9]]))  # not alike: by residuals
    for alike, measured in zip(mixture_spreads(THREE, chain, CPU), mixture_spreads(jagged, chain, CPU), strict=True):
        whole, rough = (torch.diag(d) + (0 if f is None else f @ f.T) for d, f in (alike, measured))
        assert torch.linalg.matrix_norm(whole - rough) < 0.2 * torch.linalg.matrix_norm(rough)
