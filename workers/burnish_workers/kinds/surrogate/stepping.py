"""One step of a path."""

from __future__ import annotations

from torch import Tensor

from burnish_workers.tensors.diffusion import Diffusion


def euler(x: Tensor, dt: Tensor, drift: Tensor, sigma: Diffusion, noise: Tensor) -> Tensor:
    """x + mu dt + sigma sqrt(dt) N, coefficients held: x (B, d), dt (B,), drift (B, d), noise N (B, k) -> (B, d).

    Exact in law where mu and sigma are constant. Source: Maruyama (1955).
    """
    return x + drift * dt[:, None] + sigma.apply(noise) * dt.sqrt()[:, None]
