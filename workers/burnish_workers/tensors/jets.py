"""Derivatives of any field by autograd: u, z = sigma^T grad u, and the generator, from the function u alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from burnish_workers.tensors.diffusion import Diffusion

EXACT_UP_TO = 32
"""Up to this many Brownian motions every second derivative is taken, beyond it probes."""


class Jet(NamedTuple):
    """What an equation needs of a field at B points: u (B,), z = sigma^T grad u (B, k), generated (B,)."""

    u: Tensor
    z: Tensor
    generated: Tensor


def jet_of(
    value: Callable[[Tensor, Tensor], Tensor],
    t: Tensor,
    x: Tensor,
    drift: Tensor,
    diffusion: Diffusion,
    generator: torch.Generator | None,
    probes: int = 1,
) -> Jet:
    """u, z and generated of u = value(t, x), t (B,), x (B, d), each row of which depends on its own (t, x) only.

    Gradients by autograd. The trace is exact, sum_i sigma_i^T (Hess u) sigma_i by one Hessian-vector product per
    column of sigma, for k <= EXACT_UP_TO; beyond that it is the mean over `probes` Rademacher probes r of
    (sigma r)^T (Hess u) (sigma r), drawn from the generator afresh for each sample: unbiased, since E[r r^T] = Id.
    """
    tracked = torch.is_grad_enabled()
    with torch.enable_grad():
        jet = _jet(value, t, x, drift, diffusion, _directions(x, diffusion, generator, probes))
    return Jet(*(attached(part, x) if tracked else part.detach() for part in jet))


def attached(part: Tensor, x: Tensor) -> Tensor:
    """`part` as a function of x for autograd, which refuses to differentiate what does not depend on x at all."""
    if part.requires_grad or not (torch.is_grad_enabled() and x.requires_grad):
        return part
    nothing = 0 * x[:, 0]
    return part + (nothing if part.ndim == 1 else nothing[:, None])


def _jet(
    value: Callable[[Tensor, Tensor], Tensor],
    t: Tensor,
    x: Tensor,
    drift: Tensor,
    diffusion: Diffusion,
    directions: Tensor,
) -> Jet:
    # One sample's u depends on its own (t, x) only, so the gradient of the sum holds every sample's own.
    def total(t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        u = value(t, x)
        return u.sum(), u

    def slopes(x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        (by_t, by_x), u = torch.func.grad(total, argnums=(0, 1), has_aux=True)(t, x)  # pyright: ignore[reportAssignmentType]
        return by_x, (by_t, u)

    # The Hessian is symmetric: pulling back gives the same product as pushing forward, and torch's forward mode
    # warns of its own deprecated parts when first used.
    by_x, multiply, (by_t, u) = torch.func.vjp(slopes, x, has_aux=True)  # pyright: ignore[reportAssignmentType]
    bent = torch.func.vmap(multiply)(directions)[0]
    second = (directions * bent).sum((0, -1))
    return Jet(u, diffusion.transpose(by_x), by_t + (drift * by_x).sum(-1) + 0.5 * second)


def _directions(x: Tensor, diffusion: Diffusion, generator: torch.Generator | None, probes: int) -> Tensor:
    """Vectors v_j (m, B, d) with E[sum_j v_j v_j^T] = sigma sigma^T: sigma's columns, or scaled probes."""
    noise_dim = diffusion.noise_dim(x.shape[1])
    if noise_dim <= EXACT_UP_TO:
        return diffusion.columns(x.shape[1]).permute(1, 2, 0).expand(noise_dim, *x.shape)
    if generator is None:
        raise ValueError(f"{noise_dim} Brownian motions need random probes (more than {EXACT_UP_TO}): give a generator")
    shape = (probes, len(x), noise_dim)
    coins = torch.randint(0, 2, shape, generator=generator, device=x.device, dtype=x.dtype)
    signs = (2 * coins - 1) / probes**0.5
    return torch.stack([diffusion.apply(sign) for sign in signs])
