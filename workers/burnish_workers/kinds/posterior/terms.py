"""What the prior is conditioned on, factor by factor: potentials on the way and the true factor at the end.

A term's twist at step k, log psi_k(x0^), stands for log E[factor(x_clean) | x_k]: any positive function gives the same
answer, a close one with little spread. Samples have shape (islands, particles, d). Imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from burnish_workers.kinds.posterior.analytic import log_normal
from burnish_workers.kinds.posterior.spread import Spread


class Term(Protocol):
    """One factor of the target."""

    @property
    def aware(self) -> bool:
        """Whether the twist knows how much noise is left. One that does not is weakened on the way (tempering)."""
        ...

    @property
    def perturbs(self) -> bool:
        """Whether the twist asks for perturbed estimates."""
        ...

    def terminal(self, x: Tensor) -> Tensor:
        """log factor(x), (b, n): exact."""
        ...

    def twist(self, k: int, estimate: Tensor, shift: Tensor | None) -> Tensor:
        """log psi_k, (b, n), from estimates x0^ (b, n, d); shift (b, n, d): draws of the denoiser's residual."""
        ...

    def push(self, k: int, estimate: Tensor, shift: Tensor | None) -> Tensor:
        """C_k grad log psi_k with respect to x0^, (b, n, d), C_k the residual's covariance."""
        ...


@dataclass(frozen=True, eq=False)
class LinearTerm:
    """p(y | x) = N(y; A x, diag(v)); psi_k = N(y; A x0^, diag(v) + A C_k A^T), the push C_k A^T S_k^-1 (y - A x0^).

    Attributes:
        matrix: A, (q, d). y: (q,). variance: v, (q,).
        roots: Cholesky factors of S_k, k = 0 .. K-1, (q, q) each; of diag(v) alone for naive potentials.
        gains: C_k A^T, (d, q) each.
    """

    matrix: Tensor
    y: Tensor
    variance: Tensor
    roots: Sequence[Tensor]
    gains: Sequence[Tensor]
    aware: bool = True
    perturbs: bool = False

    @classmethod
    def of(
        cls, matrix: Tensor, y: Tensor, variance: Tensor, spreads: Sequence[Spread], inflation: float, naive: bool
    ) -> LinearTerm:
        """With C_k of the denoiser's residual at every step, times `inflation`."""
        gains = [inflation * spread.times(matrix.T) for spread in spreads]
        own = torch.diag(variance)
        if naive:
            root = torch.linalg.cholesky(own)
            return cls(matrix, y, variance, [root] * len(gains), gains, aware=False)
        roots = [torch.linalg.cholesky(own + _symmetric(matrix @ gain)) for gain in gains]
        return cls(matrix, y, variance, roots, gains)

    def terminal(self, x: Tensor) -> Tensor:
        return log_normal(self.residual(x), torch.diag(self.variance.sqrt()))

    def twist(self, k: int, estimate: Tensor, shift: Tensor | None) -> Tensor:
        return log_normal(self.residual(estimate), self.roots[k])

    def push(self, k: int, estimate: Tensor, shift: Tensor | None) -> Tensor:
        residual = self.residual(estimate)
        flat = residual.reshape(-1, residual.shape[-1])
        solved = torch.cholesky_solve(flat.T, self.roots[k]).T
        return (solved @ self.gains[k].T).reshape(estimate.shape)

    def conjugate(self, mean: Tensor, noise: float) -> tuple[Tensor, Tensor, Tensor]:
        """The last step in closed form: x ~ N(mean, noise^2 I) given y.

        Returns log N(y; A mean, S) with S = diag(v) + noise^2 A A^T (b, n), the conditional mean (b, n, d), and the
        gain noise^2 A^T S^-1 (d, q) with which a draw is corrected: x + gain (y - A x - e), e ~ N(0, diag(v))
        (Matheron).
        """
        total = torch.diag(self.variance) + noise**2 * _symmetric(self.matrix @ self.matrix.T)
        root = torch.linalg.cholesky(total)
        gain = noise**2 * torch.cholesky_solve(self.matrix, root).T
        residual = self.residual(mean)
        return log_normal(residual, root), mean + residual @ gain.T, gain

    def residual(self, x: Tensor) -> Tensor:
        """y - A x, (b, n, q)."""
        return self.y - x @ self.matrix.T


def _symmetric(matrix: Tensor) -> Tensor:
    return 0.5 * (matrix + matrix.T)
