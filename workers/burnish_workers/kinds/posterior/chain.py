"""The base chain of a diffusion prior, as numbers: x_0 ~ N(0, start^2 I), x_{k+1} ~ N(m_k, s_k^2 I), k = 0 .. K-1.

All schedulers are of one form, since the denoiser x0^ (the estimate of the clean sample) is all that they ask of a
network: m_k = keep_k x_k + pull_k x0^(x_k). The state x_k is at noise level (alpha_k, sigma_k): x = alpha x_clean +
sigma eps, eps ~ N(0, I). Torch-free: the front checks chains.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chain:
    """K steps from noise to data.

    Attributes:
        alpha, sigma: noise levels of x_0 .. x_K, shape (K+1,); sigma_K is 0 where the chain ends on clean samples.
        time: what a network is told at x_0 .. x_{K-1}, shape (K,); see `ScoreNetwork.time`.
        keep, pull, noise: of m_k and s_k, shape (K,).
        start: standard deviation of x_0.
        clip: estimates of the clean sample are kept within [-clip, clip]; None: as they are.
    """

    alpha: _Array
    sigma: _Array
    time: _Array
    keep: _Array
    pull: _Array
    noise: _Array
    start: float
    clip: float | None = None

    @property
    def steps(self) -> int:
        """K."""
        return len(self.noise)

    @property
    def kappa(self) -> _Array:
        """alpha/sigma^2 at x_0 .. x_{K-1}: Tweedie's d x0^/d x = kappa Cov(x_clean | x), shape (K,)."""
        return self.alpha[:-1] / self.sigma[:-1] ** 2


def ancestral(
    alpha: _Array, sigma: _Array, time: _Array, eta: float = 1.0, start: float = 1.0, clip: float | None = None
) -> Chain:
    """Steps that follow q(x_{k+1} | x_k, x_clean) with its variance times eta^2: DDPM, DDIM(eta), VE and EDM in one.

    With r = alpha/alpha', s^2 = eta^2 sigma'^2 (sigma^2 - r^2 sigma'^2)/sigma^2, keep = sqrt(sigma'^2 - s^2)/sigma and
    pull = alpha' - keep alpha, primes for the next level (Song, Meng, Ermon, ICLR 2021, eq. 12 and 16).
    """
    a, b = alpha[:-1], alpha[1:]
    s, t = sigma[:-1], sigma[1:]
    noise = eta * t / s * np.sqrt(np.maximum(s**2 - (a / b) ** 2 * t**2, 0.0))
    keep = np.sqrt(np.maximum(t**2 - noise**2, 0.0)) / s
    return Chain(alpha, sigma, time, keep, b - keep * a, noise, start, clip)


def widened(chain: Chain, variance: _Array, weights: _Array, eta: float = 1.0) -> Chain:
    """Steps of an ancestral chain, with what is left unknown of the clean sample within a component in their noise.

    A component N(mu, v) leaves P = v sigma^2/(alpha^2 v + sigma^2) at (alpha, sigma), so that s^2 + pull^2 P is the
    variance of q(x_{k+1} | x_k), where s^2 alone is that of q(x_{k+1} | x_k, x_clean) (Bao et al., Analytic-DPM, ICLR
    2022). For a single round Gaussian the chain is then exact with any number of steps; with s^2 alone 60 steps lose
    an eighth of the variance. Averaged over components and axes: variance (c, d), weights (c,).
    """
    alpha, sigma = chain.alpha[:-1, None, None], chain.sigma[:-1, None, None]
    left = (variance * sigma**2 / (alpha**2 * variance + sigma**2)).mean(2) @ weights
    return replace(chain, noise=np.sqrt(chain.noise**2 + (eta * chain.pull) ** 2 * left))


def vp_euler(steps: int, eta: float = 1.0, last: float = 1e-3, rates: tuple[float, float] = (0.1, 20.0)) -> Chain:
    """Euler steps of the reverse variance-preserving SDE, beta linear in t from rates[0] to rates[1], t from 1 to
    `last`.

    alpha^2 = exp(-int_0^t beta); with step h, drift beta (x/2 + (1 + eta^2)/2 score) and s^2 = eta^2 beta h: at eta =
    1 the reverse SDE, at 0 the probability flow (Song et al., ICLR 2021).
    """
    low, high = rates
    t = np.linspace(1.0, last, steps + 1)
    alpha = np.exp(-0.5 * (low * t + 0.5 * (high - low) * t**2))
    sigma = np.sqrt(1 - alpha**2)
    h, beta = t[:-1] - t[1:], low + (high - low) * t[:-1]
    push = 0.5 * (1 + eta**2) * h * beta / sigma[:-1] ** 2
    keep, pull = 1 + 0.5 * h * beta - push, push * alpha[:-1]
    return Chain(alpha, sigma, t[:-1], keep, pull, eta * np.sqrt(beta * h), 1.0)


def ve_euler(sigma: _Array, time: _Array) -> Chain:
    """Euler steps of the variance-exploding SDE: m = x + (sigma^2 - sigma'^2) score, s^2 = sigma^2 - sigma'^2."""
    fresh = sigma[:-1] ** 2 - sigma[1:] ** 2
    share = fresh / sigma[:-1] ** 2
    return Chain(np.ones_like(sigma), sigma, time, 1 - share, share, np.sqrt(fresh), float(sigma[0]))


def flow(steps: int, eta: float = 1.0, first: float = 0.999, last: float = 1e-3) -> Chain:
    """The SDE with the marginals of a rectified flow x_t = (1-t) x_clean + t eps, t from `first` to `last`.

    m = x - h v + h g^2/2 score, s = g sqrt h, score = -(x + (1-t) v)/t, g^2 = 2 eta^2 t: bounded at both ends. In terms
    of the denoiser v = (x - x0^)/t and score = ((1-t) x0^ - x)/t^2 (Ma et al., SiT, ECCV 2024).
    """
    t = np.linspace(first, last, steps + 1)
    h, now = t[:-1] - t[1:], t[:-1]
    g2 = 2 * eta**2 * now
    keep = 1 - h / now - 0.5 * h * g2 / now**2
    pull = h / now + 0.5 * h * g2 * (1 - now) / now**2
    return Chain(1 - t, t, now, keep, pull, np.sqrt(g2 * h), 1.0)


def karras_levels(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> _Array:
    """K levels from sigma_max to sigma_min, and 0: sigma_i^(1/rho) is linear in i (Karras et al., NeurIPS 2022, eq.
    5)."""
    i = np.linspace(0, 1, steps)
    levels = (sigma_max ** (1 / rho) + i * (sigma_min ** (1 / rho) - sigma_max ** (1 / rho))) ** rho
    return np.append(levels, 0.0)


def geometric_levels(steps: int, sigma_min: float, sigma_max: float) -> _Array:
    """K levels from sigma_max to sigma_min in equal ratios, and 0."""
    return np.append(np.geomspace(sigma_max, sigma_min, steps), 0.0)


def discrete_levels(alphas_cumprod: _Array, steps: int) -> tuple[_Array, _Array, _Array]:
    """(alpha, sigma, time) at K of the training steps of a variance-preserving model, evenly spaced, and clean at the
    end.

    time: the index of the training step. alphas_cumprod: prod_{s <= t} (1 - beta_s), shape (T,).
    """
    index = np.round(np.linspace(len(alphas_cumprod) - 1, 0, steps)).astype(np.int64)
    bar = np.append(alphas_cumprod[index], 1.0)
    return np.sqrt(bar), np.sqrt(1 - bar), index.astype(np.float64)
