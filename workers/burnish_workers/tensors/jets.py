"""Derivatives of any field by nested autograd: u, z = sigma^T grad u, and the generator, from the function u alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from burnish_workers.tensors.diffusion import Diffusion

Function = Callable[[Tensor, Tensor], Tensor]
"""u(t, x): t (B,), x (B, d) -> (B,), each row of which depends on its own (t, x) only."""


class Jet(NamedTuple):
    """What an equation needs of a field at B points: u (B,), z = sigma^T grad u (B, k), generated (B,)."""

    u: Tensor
    z: Tensor
    generated: Tensor


def nested_jet(value: Function, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion) -> Jet:
    """u, z and generated of u = value(t, x), exact: one Hessian-vector product for each column of sigma.

    Slower than a forward Laplacian, and without a rule of ours for any operator.
    """
    tracked = torch.is_grad_enabled()
    with torch.enable_grad():
        jet = _jet(value, t, x, drift, diffusion)
    return Jet(*(attached(part, x) if tracked else part.detach() for part in jet))


def slopes_of(value: Function, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """u (B,) and grad u (B, d), by one reverse pass."""
    tracked = torch.is_grad_enabled()
    with torch.enable_grad():
        by_x, u = torch.func.grad(_total(value), argnums=1, has_aux=True)(t, x)
    return (u, by_x) if tracked else (u.detach(), by_x.detach())


def attached(part: Tensor, x: Tensor) -> Tensor:
    """`part` as a function of x for autograd, which refuses to differentiate what does not depend on x at all."""
    if part.requires_grad or not (torch.is_grad_enabled() and x.requires_grad):
        return part
    nothing = 0 * x[:, 0]
    return part + (nothing if part.ndim == 1 else nothing[:, None])


def _total(value: Function) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    # One sample's u depends on its own (t, x) only, so the gradient of the sum holds every sample's own.
    def total(t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        u = value(t, x)
        return u.sum(), u

    return total


def _jet(value: Function, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion) -> Jet:
    def slopes(x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        (by_t, by_x), u = torch.func.grad(_total(value), argnums=(0, 1), has_aux=True)(t, x)
        return by_x, (by_t, u)

    # The Hessian is symmetric: pulling back gives the same product as pushing forward, and torch's forward mode
    # warns of its own deprecated parts when first used.
    by_x, multiply, (by_t, u) = torch.func.vjp(slopes, x, has_aux=True)  # pyright: ignore[reportAssignmentType]
    columns = diffusion.columns(x.shape[1]).permute(1, 2, 0)
    columns = columns.expand(columns.shape[0], *x.shape)
    bent = torch.func.vmap(multiply)(columns)[0]
    second = (columns * bent).sum((0, -1))
    return Jet(u, diffusion.transpose(by_x), by_t + (drift * by_x).sum(-1) + 0.5 * second)
