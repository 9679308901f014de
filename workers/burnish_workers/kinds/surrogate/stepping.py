"""One step of a path: by Euler, or exact where drift and diffusion are proportional to x."""

from __future__ import annotations

from torch import Tensor

from burnish_workers.tensors.diffusion import Diffusion


def euler(x: Tensor, dt: Tensor, drift: Tensor, sigma: Diffusion, noise: Tensor) -> Tensor:
    """x + mu dt + sigma sqrt(dt) N, coefficients held: x (B, d), dt (B,), drift (B, d), noise N (B, k) -> (B, d).

    Exact in law where mu and sigma are constant. Source: Maruyama (1955).
    """
    return x + drift * dt[:, None] + sigma.apply(noise) * dt.sqrt()[:, None]


def lognormal(x: Tensor, dt: Tensor, drift: Tensor, sigma: Diffusion, noise: Tensor) -> Tensor:
    """x exp((m - s^2/2) dt + s sqrt(dt) N), coordinate by coordinate: dX_i = m_i X_i dt + s_i X_i dW_i.

    `drift` is m (B, d) and `sigma` is s, both relative to x; constant s. Exact in law for constant m. Coordinates keep
    their sign, and 0 stays 0, whatever the step; Euler would take x below 0 with probability Phi(-1/(s sqrt(dt))).
    Source: Glasserman, Monte Carlo Methods in Financial Engineering (2003), section 3.2.
    """
    growth = (drift - sigma.tensor**2 / 2) * dt[:, None]
    return x * (growth + sigma.apply(noise) * dt.sqrt()[:, None]).exp()
