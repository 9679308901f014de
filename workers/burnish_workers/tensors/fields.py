"""Fields: functions u(t, x) that know their own gradient and generator. A surrogate is a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from burnish_workers.core.expression import Expression
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.expressions import lower

EXACT_UP_TO = 32
"""Up to this many Brownian motions `ExpressionField` takes every second derivative, beyond it probes."""


class Jet(NamedTuple):
    """What an equation needs of a field at B points: u (B,), z = sigma^T grad u (B, k), generated (B,)."""

    u: Tensor
    z: Tensor
    generated: Tensor


class Field(Protocol):
    """A function u: [0, T] x R^d -> R, evaluated at B points at once, differentiable by autograd in t and x."""

    @property
    def dim(self) -> int:
        """d, the number of space coordinates."""
        ...

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """u: t (B,), x (B, d) -> (B,)."""
        ...

    def jet(self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator) -> Jet:
        """u, z = sigma^T grad u and generated = d_t u + <mu, grad u> + 1/2 Tr(sigma sigma^T Hess u).

        t (B,), x (B, d), drift mu (B, d). u and z are exact; generated may use probes drawn from `generator`, fresh
        for each sample, so that it is unbiased: it may enter an estimate linearly, never as an argument of F.
        """
        ...


@dataclass(frozen=True, slots=True)
class ZeroField:
    """u = 0: the plain estimate, without a surrogate."""

    dim: int

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """Zero: (B,)."""
        return _attached(torch.zeros_like(x[:, 0]), x)

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """Zeros."""
        zero = self.value(t, x)
        z = x.new_zeros(len(x), diffusion.noise_dim(self.dim))
        return Jet(zero, _attached(z, x), zero)


@dataclass(frozen=True, slots=True)
class ExpressionField:
    """u given by a scalar formula in t and x.

    Gradients by autograd. The trace is exact, sum_i sigma_i^T (Hess u) sigma_i by one Hessian-vector product per
    column of sigma, for k <= EXACT_UP_TO; beyond that it is the mean over `probes` Rademacher probes r of
    (sigma r)^T (Hess u) (sigma r), drawn from the generator afresh for each sample: unbiased, since E[r r^T] = Id.
    """

    expression: Expression
    dim: int
    probes: int = 1

    def __post_init__(self) -> None:
        unknown = sorted(self.expression.names - {"t", "x"})
        if unknown or self.expression.shape != "scalar":
            raise ValueError(
                f"a field is a scalar formula in t and x; {self.expression.text!r} is a {self.expression.shape} in "
                f"{', '.join(sorted(self.expression.names)) or 'no variables'}"
            )

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """u: t (B,), x (B, d) -> (B,)."""
        return _attached(lower(self.expression)({"t": t, "x": x}), x)

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """u, z, generated; see `Field.jet`. The generator is needed only where k > EXACT_UP_TO."""
        tracked = torch.is_grad_enabled()
        with torch.enable_grad():
            jet = self._jet(t, x, drift, diffusion, self._directions(x, diffusion, generator))
        return Jet(*(_attached(part, x) if tracked else part.detach() for part in jet))

    def _jet(self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, directions: Tensor) -> Jet:
        # One sample's u depends on its own (t, x) only, so the gradient of the sum holds every sample's own.
        def total(t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            u = self.value(t, x)
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

    def _directions(self, x: Tensor, diffusion: Diffusion, generator: torch.Generator | None) -> Tensor:
        """Vectors v_j (m, B, d) with E[sum_j v_j v_j^T] = sigma sigma^T: sigma's columns, or scaled probes."""
        noise_dim = diffusion.noise_dim(self.dim)
        if noise_dim <= EXACT_UP_TO:
            return diffusion.columns(self.dim).permute(1, 2, 0).expand(noise_dim, *x.shape)
        if generator is None:
            raise ValueError(
                f"{noise_dim} Brownian motions need random probes (more than {EXACT_UP_TO}): give a generator"
            )
        shape = (self.probes, len(x), noise_dim)
        coins = torch.randint(0, 2, shape, generator=generator, device=x.device, dtype=x.dtype)
        signs = (2 * coins - 1) / self.probes**0.5
        return torch.stack([diffusion.apply(sign) for sign in signs])


def _attached(part: Tensor, x: Tensor) -> Tensor:
    """`part` as a function of x for autograd, which refuses to differentiate what does not depend on x at all."""
    if part.requires_grad or not (torch.is_grad_enabled() and x.requires_grad):
        return part
    nothing = 0 * x[:, 0]
    return part + (nothing if part.ndim == 1 else nothing[:, None])
