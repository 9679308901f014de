"""Full-history multilevel Picard iteration of the defect equation: the levels above its first iterate.

    U_0 = 0,   U_n(s, x) = E[g~(X_T)] + E int_s^T F~(U_{n-1})(r, X_r) dr,   F~(v, w) = F(u_hat + v, z_hat + w) + ...
    U_n = U_1 + sum_{1 <= l < n} E[ (T-s)/rho(r) (F~(U_l) - F~(U_{l-1}))(R, X_R) (1, I_R) ],    dX = mu dt + sigma dW

The first iterate is the component `path` (F frozen at the surrogate); every level is a component of its own, whose
samples are pairs (N, -N) of paths that share R and carry both iterates. Nested iterates have basis M: U_l is a mean of
M^l pairs with terminal value and one random time each, plus M^(l-j) samples of each level j < l; its gradient by
Bismut-Elworthy-Li weights where F depends on z.

Noise in U_l would bias F: F^ = 2 F((a+b)/2) - (F(a) + F(b))/2 over two independent halves has none for quadratic F. The
sum telescopes for whatever stands for F~(U_l), as long as both levels that meet in it use the same.

Sources: W. E, M. Hutzenthaler, A. Jentzen, T. Kruse, J. Sci. Comput. 79 (2019); Hutzenthaler, Jentzen, Kruse, Nguyen,
von Wurstemberger, Proc. R. Soc. A 476 (2020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from burnish_workers.kinds.surrogate.bismut import journey, random_time
from burnish_workers.kinds.surrogate.equation import TensorEquation, slope
from burnish_workers.kinds.surrogate.picard_levels import half

Sample = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Picard:
    """`equation`: frozen; `basis`: M; `outer_steps`, `inner_steps`: Euler steps of a leg, one where paths are `steady`.

    All methods take rows t (B,), x (B, d).
    """

    equation: TensorEquation
    noise_dim: int
    basis: int
    outer_steps: int
    inner_steps: int
    steady: bool

    @torch.no_grad()
    def level(
        self, number: int, t: Tensor, x: Tensor, generator: torch.Generator, weighted: bool
    ) -> tuple[Tensor, Tensor]:
        """A sample of level `number` and of the bias that noise would make in it, each (B, 1), or (B, 1 + k) with
        sigma^T grad where `weighted`."""
        span, weight = random_time(self.equation.horizon - t, weighted, generator)
        (end,) = journey(
            self.equation,
            t.repeat(2),
            x.repeat(2, 1),
            (span.repeat(2),),
            self._mirrored(len(t), 1, self.outer_steps, x, generator),
            weighted,
            self.steady,
        )
        u, z = self._surrogate(end.t, end.x)
        upper, noise = self._nonlinearity(number, end.t, end.x, u, z, generator)
        lower, _ = self._nonlinearity(number - 1, end.t, end.x, u, z, generator)
        weight = weight.repeat(2)
        return _paired(weight * (upper - lower), end.weight), _paired(weight * noise, end.weight)

    def _nonlinearity(
        self, number: int, t: Tensor, x: Tensor, u: Tensor, z: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """F at the surrogate plus iterate `number`, with the bias by noise taken out, and what was taken out: (B,)."""
        force = self.equation.nonlinearity
        if number == 0:
            value = force(t, x, u, z)
            return value, torch.zeros_like(value)
        first, second = self._iterate(number, t, x, generator)

        def at(defect: Tensor) -> Tensor:
            return force(t, x, u + defect[:, 0], z + defect[:, 1:] if self.equation.uses_z else z)

        joint, apart = at((first + second) / 2), (at(first) + at(second)) / 2
        return 2 * joint - apart, joint - apart

    def _iterate(self, number: int, t: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
        """Two independent halves of U_number, with sigma^T grad where F depends on z: (2, B, 1) or (2, B, 1 + k)."""
        weighted = self.equation.uses_z
        total = _halves(lambda t, x: self._ground(t, x, generator, weighted), half(self.basis**number), t, x)
        for j in range(1, number):

            def sample(t: Tensor, x: Tensor, j: int = j) -> Tensor:
                return self.level(j, t, x, generator, weighted)[0]

            total = total + _halves(sample, half(self.basis ** (number - j)), t, x)
        return total

    def _ground(self, t: Tensor, x: Tensor, generator: torch.Generator, weighted: bool) -> Tensor:
        """A pair's terminal value and eps at one random time, (B, 1) or (B, 1 + k): an unbiased sample of U_1.

        The value at the start is taken from the terminal one before it is weighted: E[I] = 0.
        """
        equation = self.equation
        span, weight = random_time(equation.horizon - t, weighted, generator)
        legs = (span.repeat(2), (equation.horizon - t - span).clamp_min(0).repeat(2))
        noise = self._mirrored(len(t), 2, self.inner_steps, x, generator)
        middle, end = journey(equation, t.repeat(2), x.repeat(2, 1), legs, noise, weighted, self.steady)
        running = weight.repeat(2) * equation.linearise(middle.t, middle.x, generator)[0].residual
        terminal = equation.terminal_defect(end.x)
        total = _paired(running, middle.weight)
        if weighted and end.weight is not None:
            raised = terminal - equation.terminal_defect(x).repeat(2)
            total = total + _paired(terminal, None, raised[:, None] * end.weight)
        else:
            total = total + _paired(terminal, None)
        if not equation.hedged:
            return total
        u, z = self._surrogate(t, x)
        return total - (torch.cat([u[:, None], z], 1) if weighted else u[:, None])

    def _surrogate(self, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return slope(self.equation.surrogate, t, x, self.equation.diffusion(t, x))

    def _mirrored(self, rows: int, legs: int, steps: int, like: Tensor, generator: torch.Generator) -> Tensor:
        """Noise and its mirror image: (2 B, legs, steps, k)."""
        shape = (rows, legs, 1 if self.steady else steps, self.noise_dim)
        noise = torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)
        return torch.cat([noise, -noise])


def _paired(value: Tensor, weight: Tensor | None, slope: Tensor | None = None) -> Tensor:
    """Means over mirrored pairs of value (2 B,), and of value times weight (2 B, k) or of `slope`: (B, 1) or
    (B, 1 + k)."""
    if slope is None and weight is not None:
        slope = value[:, None] * weight
    both = value[:, None] if slope is None else torch.cat([value[:, None], slope], 1)
    return both.view(2, -1, both.shape[1]).mean(0)


def _halves(sample: Sample, count: int, t: Tensor, x: Tensor) -> Tensor:
    """Means of two independent sets of `count` samples each: (2, B, w)."""
    drawn = sample(t.repeat(2 * count), x.repeat(2 * count, 1))
    return drawn.view(2, count, len(t), -1).mean(1)
