"""Fields: functions u(t, x) that know their own gradient and generator. A surrogate is a field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from burnish_workers.core.expression import Expression
from burnish_workers.tensors import dual_expressions
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.duals import Dual
from burnish_workers.tensors.expressions import lower
from burnish_workers.tensors.forward import forward_jet
from burnish_workers.tensors.jets import Jet, attached

__all__ = ["ExpressionField", "Field", "Jet", "ZeroField"]


class Field(Protocol):
    """A function u: [0, T] x R^d -> R, evaluated at B points at once, differentiable by autograd in t and x."""

    @property
    def dim(self) -> int:
        """d, the number of space coordinates."""
        ...

    @property
    def breadth(self) -> int:
        """Most entries of a tangent, for one sample and one direction, that any of its operations makes."""
        ...

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """u: t (B,), x (B, d) -> (B,)."""
        ...

    def carry(self, t: Dual, x: Dual) -> Dual:
        """u with tangents and generator, from those of t (B,) and x (B, d)."""
        ...

    def jet(self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator) -> Jet:
        """u, z = sigma^T grad u and generated = d_t u + <mu, grad u> + 1/2 Tr(sigma sigma^T Hess u), exact.

        t (B,), x (B, d), drift mu (B, d). See `engines` for others, which may draw probes from `generator`, fresh for
        each sample, so that `generated` is unbiased: it may enter an estimate linearly, never as an argument of F.
        """
        ...


@dataclass(frozen=True, slots=True)
class ZeroField:
    """u = 0: the plain estimate, without a surrogate."""

    dim: int

    @property
    def breadth(self) -> int:
        """There are no tangents."""
        return 1

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """Zero: (B,)."""
        return attached(torch.zeros_like(x[:, 0]), x)

    def carry(self, t: Dual, x: Dual) -> Dual:
        """Zero, which carries nothing."""
        return Dual(torch.zeros_like(x.value[:, 0]))

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """Zeros."""
        zero = self.value(t, x)
        z = x.new_zeros(len(x), diffusion.noise_dim(self.dim))
        return Jet(zero, attached(z, x), zero)


@dataclass(frozen=True)
class ExpressionField:
    """u given by a scalar formula in t and x."""

    expression: Expression
    dim: int

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

    @property
    def breadth(self) -> int:
        """1 for what is made of functions of single coordinates and of sums, up to d otherwise."""
        return self._breadth

    @cached_property
    def _breadth(self) -> int:
        return dual_expressions.breadth(self.expression, self.dim)

    def carry(self, t: Dual, x: Dual) -> Dual:
        """u with its tangents and its generator."""
        return dual_expressions.carry(self.expression, {"t": t, "x": x})

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """u, z, generated, all exact; see `forward_jet`. Draws nothing from the generator."""
        return forward_jet(self, t, x, drift, diffusion)
