"""Where particles are pushed: u_k(x_k), a proposal that exact weights correct. Imports torch.

The drift of x_{k+1} ~ N(m_k + s_k u_k, s_k^2 I) that a posterior's score asks for is s_k^2 grad log psi_k(x_k), so that
u_k = gamma s_k grad log psi_k. By Tweedie's d x0^/dx = kappa_k C_k the gradient need not go through the network:
u_k = gamma s_k kappa_k C_k grad_{x0^} log psi_k, with the calibrated C_k in place of the local one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from burnish_workers.kinds.posterior.chain import Chain
from burnish_workers.kinds.posterior.nonlinear import NonlinearTerm, RewardTerm
from burnish_workers.kinds.posterior.terms import LinearTerm, Term

Denoise = Callable[[Tensor, int], Tensor]
"""x_k (islands, particles, d) and k -> x0^ of the same shape."""


@dataclass(frozen=True, eq=False)
class Sight:
    """What is known of the particles at step k, before they move: estimate x0^, twists of the terms (b, n) each, u."""

    estimate: Tensor
    twists: Sequence[Tensor]
    drift: Tensor | None


class Guide(Protocol):
    """Looks at particles and says where to push them."""

    def look(self, k: int, x: Tensor, shift: Tensor | None, weights: Sequence[float]) -> Sight:
        """weights: of each term in the push, 1 or the tempering of one that does not know how much noise is left."""
        ...


@dataclass(frozen=True, eq=False)
class Unguided:
    """u = 0."""

    denoise: Denoise
    terms: Sequence[Term]

    def look(self, k: int, x: Tensor, shift: Tensor | None, weights: Sequence[float]) -> Sight:
        estimate = self.denoise(x, k)
        return Sight(estimate, [term.twist(k, estimate, shift) for term in self.terms], None)


@dataclass(frozen=True, eq=False)
class CalibratedGuide:
    """u = gamma s_k kappa_k C_k grad_{x0^} log psi_k: one forward pass, no back-propagation through the network.

    `derivatives`: whether factors that are no linear observation are differentiated; if not, gains come from the
    ensemble (for black boxes).
    """

    denoise: Denoise
    terms: Sequence[Term]
    chain: Chain
    strength: float
    derivatives: bool = True

    def look(self, k: int, x: Tensor, shift: Tensor | None, weights: Sequence[float]) -> Sight:
        estimate = self.denoise(x, k)
        twists = [term.twist(k, estimate, shift) for term in self.terms]
        scale = self.strength * float(self.chain.noise[k] * self.chain.kappa[k])
        drift = torch.zeros_like(x)
        for term, weight in zip(self.terms, weights, strict=True):
            drift = drift + scale * weight * self._push(term, k, estimate, shift)
        return Sight(estimate, twists, drift)

    def _push(self, term: Term, k: int, estimate: Tensor, shift: Tensor | None) -> Tensor:
        if self.derivatives or isinstance(term, LinearTerm):
            return term.push(k, estimate, shift)
        assert isinstance(term, NonlinearTerm | RewardTerm)
        assert shift is not None
        return term.gain(estimate, shift)


@dataclass(frozen=True, eq=False)
class GradientGuide:
    """u = gamma s_k grad_{x_k} log psi_k, through the network: about 2.7 forward passes."""

    denoise: Denoise
    terms: Sequence[Term]
    chain: Chain
    strength: float

    def look(self, k: int, x: Tensor, shift: Tensor | None, weights: Sequence[float]) -> Sight:
        with torch.enable_grad():
            at = x.detach().requires_grad_()
            estimate = self.denoise(at, k)
            twists = [term.twist(k, estimate, shift) for term in self.terms]
            total = sum((w * t.sum() for w, t in zip(weights, twists, strict=True)), torch.zeros((), device=x.device))
            (slope,) = torch.autograd.grad(total, at)
        drift = self.strength * float(self.chain.noise[k]) * torch.nan_to_num(slope, posinf=0.0, neginf=0.0)
        return Sight(estimate.detach(), [twist.detach() for twist in twists], drift)


@dataclass(frozen=True, eq=False)
class ClassifierFreeGuide:
    """u = gamma (m_label - m_base)/s_k: a push towards a class, while the target stays what was stated."""

    denoise: Denoise
    labelled: Denoise
    terms: Sequence[Term]
    chain: Chain
    strength: float

    def look(self, k: int, x: Tensor, shift: Tensor | None, weights: Sequence[float]) -> Sight:
        estimate = self.denoise(x, k)
        twists = [term.twist(k, estimate, shift) for term in self.terms]
        if self.chain.noise[k] == 0:
            return Sight(estimate, twists, None)
        scale = self.strength * float(self.chain.pull[k] / self.chain.noise[k])
        return Sight(estimate, twists, scale * (self.labelled(x, k) - estimate))
