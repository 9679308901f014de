"""Factors of the target that are no linear observation: nonlinear operators, rewards, classifiers. Imports torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from burnish_workers.kinds.posterior.spread import Spread

Function = Callable[[Tensor], Tensor]
"""Samples (rows, d) -> (rows, q), or (rows,)."""


def _apply(function: Function, x: Tensor) -> Tensor:
    found = function(x.reshape(-1, x.shape[-1]))
    return found.reshape(*x.shape[:-1], *found.shape[1:])


@dataclass(frozen=True, eq=False)
class NonlinearTerm:
    """p(y | x) = N(y; H(x), diag(v)), with the denoiser's residual carried through H by the ensemble.

    psi_k = N(y; H(x0^) + b, diag(v) + inflation Cov D) with D = H(x0^ + e) - H(x0^) over the particles of an island, e
    drawn from the residual's law, b their mean: for a linear H this tends to the twist of `LinearTerm`.
    """

    function: Function
    y: Tensor
    variance: Tensor
    spreads: list[Spread]
    inflation: float = 1.0
    naive: bool = False

    @property
    def aware(self) -> bool:
        return not self.naive

    @property
    def perturbs(self) -> bool:
        return True

    def residual(self, x: Tensor) -> Tensor:
        """y - H(x), (b, n, q)."""
        return self.y - _apply(self.function, x)

    def terminal(self, x: Tensor) -> Tensor:
        return -0.5 * (self.residual(x) ** 2 / self.variance + (2 * math.pi * self.variance).log()).sum(-1)

    def twist(self, k: int, estimate: Tensor, shift: Tensor | None) -> Tensor:
        if self.naive:
            return self.terminal(estimate)
        assert shift is not None
        value = _apply(self.function, estimate)
        with torch.no_grad():
            moved, _, root = self._spread(estimate.detach(), shift)
        residual = (self.y - value - moved)[..., None]
        white = torch.linalg.solve_triangular(root[:, None], residual, upper=False)[..., 0]
        log_det = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)[:, None]
        return -0.5 * (white**2).sum(-1) - log_det - 0.5 * len(self.y) * math.log(2 * math.pi)

    def push(self, k: int, estimate: Tensor, shift: Tensor | None) -> Tensor:
        return by_gradient(self, self.spreads[k], k, estimate, shift)

    def gain(self, estimate: Tensor, shift: Tensor) -> Tensor:
        """The same push without derivatives: Cov(e, D) S^-1 (y - H(x0^) - b), (b, n, d)."""
        moved, apart, root = self._spread(estimate, shift)
        residual = self.y - _apply(self.function, estimate) - moved
        solved = torch.cholesky_solve(torch.nan_to_num(residual).transpose(1, 2), root)
        cross = shift.transpose(1, 2) @ apart / max(shift.shape[1] - 1, 1)
        return (self.inflation * cross @ solved).transpose(1, 2)

    def _spread(self, estimate: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """b (islands, 1, q), D - b (islands, n, q), and the Cholesky factor of S (islands, q, q)."""
        change = torch.nan_to_num(_apply(self.function, estimate + shift) - _apply(self.function, estimate))
        moved = change.mean(1, keepdim=True)
        apart = change - moved
        covariance = self.inflation * apart.transpose(1, 2) @ apart / max(shift.shape[1] - 1, 1)
        return moved, apart, torch.linalg.cholesky(covariance + torch.diag(self.variance))


@dataclass(frozen=True, eq=False)
class RewardTerm:
    """exp(R(x)/tau); psi_k = exp(R(x0^)/tau). Also a classifier's p(c | x): R its log probability, tau 1."""

    function: Function
    temperature: float
    spreads: list[Spread]
    aware: bool = False
    perturbs: bool = False

    def terminal(self, x: Tensor) -> Tensor:
        return _apply(self.function, x) / self.temperature

    def twist(self, k: int, estimate: Tensor, shift: Tensor | None) -> Tensor:
        return self.terminal(estimate)

    def push(self, k: int, estimate: Tensor, shift: Tensor | None) -> Tensor:
        return by_gradient(self, self.spreads[k], k, estimate, shift)

    def gain(self, estimate: Tensor, shift: Tensor) -> Tensor:
        """Cov(e, R(x0^ + e) - R(x0^))/tau over the particles: the push, averaged over an island, without
        derivatives."""
        change = torch.nan_to_num(self.terminal(estimate + shift) - self.terminal(estimate), posinf=0.0, neginf=0.0)
        apart = change - change.mean(1, keepdim=True)
        cross = (shift * apart[..., None]).sum(1, keepdim=True) / max(shift.shape[1] - 1, 1)
        return cross.expand(estimate.shape)


def by_gradient(
    term: NonlinearTerm | RewardTerm, spread: Spread, k: int, estimate: Tensor, shift: Tensor | None
) -> Tensor:
    """C_k grad log psi_k by automatic differentiation through the factor alone, not through the network."""
    with torch.enable_grad():
        at = estimate.detach().requires_grad_()
        (slope,) = torch.autograd.grad(term.twist(k, at, shift).sum(), at)
    return spread.apply(torch.nan_to_num(slope, posinf=0.0, neginf=0.0))
