"""Fields: functions u(t, x) that know their own gradient and generator. A surrogate is a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from burnish_workers.core.expression import Expression
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.expressions import lower
from burnish_workers.tensors.jets import EXACT_UP_TO, Jet, attached, jet_of

__all__ = ["EXACT_UP_TO", "ExpressionField", "Field", "Jet", "ZeroField"]


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
        return attached(torch.zeros_like(x[:, 0]), x)

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """Zeros."""
        zero = self.value(t, x)
        z = x.new_zeros(len(x), diffusion.noise_dim(self.dim))
        return Jet(zero, attached(z, x), zero)


@dataclass(frozen=True, slots=True)
class ExpressionField:
    """u given by a scalar formula in t and x; `probes` where there are many Brownian motions, see `jet_of`."""

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
        return attached(lower(self.expression)({"t": t, "x": x}), x)

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """u, z, generated; see `Field.jet`. The generator is needed only where k > EXACT_UP_TO."""
        return jet_of(self.value, t, x, drift, diffusion, generator, self.probes)
