"""The linearised Feynman-Kac estimator, in the residual and in the martingale form: independent antithetic pairs, and
two corrections that make it honest.

    u = u_hat + E[pair of path functionals]  +  E[time-step correction]  +  E[remainder]

- `path`: `strata` antithetic pairs (N, -N), each pair on stratified times of its own, together stratified along the
  direction in which the surrogate changes most: one complete replicate. What antithetic pairs leave is even in the
  noise, so close to a square of a normal variable, with its long tail; strata take that away.
- `step`: (fine - coarse) / (ratio - 1) on the same noise: minus the Euler bias, to first order; beside it, from a
  third level, a measure of what that leaves.
- `remainder`: what linearising F left out, E int_s^T e^{A_r} Q(v, w)(r, X_r) dr, at one random time with v and
  w = sigma^T grad v by one nested level: two independent antithetic pairs a, b and
  2 Q((a+b)/2) - (Q(a) + Q(b))/2, which has no bias for quadratic F and one of higher order otherwise.

The three use independent randomness, so that their variances add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from burnish_workers.kinds.surrogate.bismut import journey, random_time
from burnish_workers.kinds.surrogate.equation import TensorEquation
from burnish_workers.kinds.surrogate.paths import (
    Paths,
    coarse_partners,
    crude_partner,
    path_functional,
    stratified_noise,
    stratified_times,
    time_step_ratio,
    travel,
)
from burnish_workers.kinds.surrogate.plan import LEAST_CRUDE


@dataclass(frozen=True)
class Linearised:
    """`steps`: S, times of a path; `strata`: pairs of a replicate; `outer_steps`, `inner_steps`: of the remainder.

    All methods take n copies of each of m points as rows: t (B,), x (B, d) with B = n m, and return samples (B,). In
    the martingale form (`equation.hedged`) they need no second derivatives of u_hat. `path` and `step` may be
    differentiated in x: pathwise, the stratified direction held, since the mean is the same for each.
    """

    equation: TensorEquation
    noise_dim: int
    steps: int
    strata: int
    outer_steps: int
    inner_steps: int

    def path(self, t: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
        """The mean of `strata` antithetic pairs of path functionals."""
        rows, strata = len(t), self.strata
        start, _, z = self.equation.linearise(t, x, generator)
        t, x, direction = t.repeat(strata), x.repeat(strata, 1), _unit(z.detach()).repeat(strata, 1)
        stratum = torch.arange(strata, device=t.device, dtype=torch.float64).repeat_interleave(rows)
        times = stratified_times(t, self.equation.horizon, self.steps, generator)
        noise = self._noise(len(t), self.steps + 1, x, generator)
        # In double: single precision would round one draw in 10^7 to 1, which is no quantile.
        uniform = (stratum + torch.rand(len(t), generator=generator, device=t.device, dtype=torch.float64)) / strata
        noise = stratified_noise(t, times, noise, direction, uniform, self.equation.horizon)
        mirrored = Paths(t.repeat(2), x.repeat(2, 1), times.repeat(2, 1), torch.cat([noise, -noise]))
        values = path_functional(self.equation, mirrored, generator, start=start.repeat(2 * strata))
        return values.view(2 * strata, rows).mean(0)

    def step(self, t: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
        """C = (fine - coarse)/(ratio - 1), minus the Euler bias of `path` to first order, and what C leaves, (2, B).

        Let a s + b s^2 be the bias of a path whose mean squared steps are s times those of the fine one: C leaves -b r
        where r is the coarse partners' ratio, and the C' of a still coarser partner leaves -b r', so that
        b r = (C - C') r/(r' - r). Paths of fewer than four times have no third level: their measure is C itself.
        """
        pair = self._pair(t, x, self.steps, generator)
        start = self.equation.linearise(t, x, generator)[0].repeat(2)
        probes = generator.get_state()

        def along(refreshed: range | None) -> Tensor:
            # The same probes for all: what differs must be the step alone.
            generator.set_state(probes)
            values = path_functional(self.equation, pair, generator, refreshed=refreshed, start=start)
            return values.view(2, -1).mean(0)

        def correction(partners: tuple[range, ...], ratio: float) -> Tensor:
            coarse = torch.stack([along(partner) for partner in partners]).mean(0)
            return (fine - coarse) / (ratio - 1)

        fine, partners, crude = along(None), coarse_partners(self.steps), (crude_partner(self.steps),)
        ratio, coarser = (time_step_ratio(self.steps, each) for each in (partners, crude))
        first = correction(partners, ratio)
        if self.steps < LEAST_CRUDE:
            return torch.stack([first, first])
        return torch.stack([first, (first - correction(crude, coarser)) * ratio / (coarser - ratio)])

    def remainder(self, t: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
        """(T - t) e^{A_r} Q^(v, w)(r, X_r) at r uniform on (t, T), and the part of it that noise in (v, w) would have
        made but for the halves: (2, B)."""
        equation = self.equation
        with torch.no_grad():
            r = stratified_times(t, equation.horizon, 1, generator)[:, 0]
            place, discount = travel(equation, t, x, r, self._noise(len(t), self.outer_steps, x, generator), generator)
            _, u, z = equation.linearise(r, place, generator)
            left_out = torch.stack(self._left_out(r, place, u, z, generator))
            return (equation.horizon - t).double() * discount.exp() * left_out.double()

    @torch.no_grad()
    def weighted_remainder(self, t: Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
        """The remainder and its sigma^T grad by a Bismut-Elworthy-Li weight, (2, B, 1 + k), over a mirrored pair of
        paths to r = U^2: nothing of Q is differentiated. Both parts as in `remainder`."""
        equation = self.equation
        span, density = random_time(equation.horizon - t, True, generator)
        noise = self._noise(len(t), self.outer_steps, x, generator)[:, None]
        noise = torch.cat([noise, -noise])
        (end,) = journey(equation, t.repeat(2), x.repeat(2, 1), (span.repeat(2),), noise, weighted=True, steady=False)
        _, u, z = equation.linearise(end.t, end.x, generator)
        scale = density.repeat(2) * end.discount.exp()
        value = (scale * torch.stack(self._left_out(end.t, end.x, u, z, generator))).double()[..., None]
        assert end.weight is not None
        both = torch.cat([value, value * end.weight.double()], -1)
        return both.view(2, 2, len(t), -1).mean(1)

    @torch.no_grad()
    def _left_out(
        self, t: Tensor, x: Tensor, u: Tensor, z: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Q^(v, w) at (t, x), and the correction for noise in it: (B,), (B,)."""
        v, w = self._defect(t, x, generator)
        both = [self.equation.remainder(t, x, u, z, v[i], w[i]) for i in (0, 1)]
        joint = self.equation.remainder(t, x, u, z, v.mean(0), w.mean(0))
        apart = (both[0] + both[1]) / 2
        return 2 * joint - apart, joint - apart

    def _defect(self, t: Tensor, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Two independent estimates of v (2, B) and w = sigma^T grad v (2, B, k) at (t, x), pathwise."""
        rows = len(t)
        starts = x.repeat(4, 1).requires_grad_()
        halves = [self._pair(t, x, self.inner_steps, generator) for _ in range(2)]
        times, noise = (torch.cat([half[i] for half in halves]) for i in (2, 3))
        with torch.enable_grad():
            values = path_functional(self.equation, Paths(t.repeat(4), starts, times, noise), generator)
            (slopes,) = torch.autograd.grad(values.sum(), starts)
        v = values.detach().float().view(2, 2, rows).mean(1)
        slope = slopes.view(2, 2, rows, -1).mean(1)
        sigma = self.equation.diffusion(t, x)
        return v, torch.stack([sigma.transpose(slope[i]) for i in (0, 1)])

    def _pair(self, t: Tensor, x: Tensor, steps: int, generator: torch.Generator) -> Paths:
        """2B rows: B paths and their mirror images, on the same times."""
        times = stratified_times(t, self.equation.horizon, steps, generator)
        noise = self._noise(len(t), steps + 1, x, generator)
        return Paths(t.repeat(2), x.repeat(2, 1), times.repeat(2, 1), torch.cat([noise, -noise]))

    def _noise(self, rows: int, steps: int, like: Tensor, generator: torch.Generator) -> Tensor:
        shape = (rows, steps, self.noise_dim)
        return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)


def _unit(z: Tensor) -> Tensor:
    """The unit vectors along z (B, k); along (1, ..., 1) where z vanishes."""
    length = z.norm(dim=1, keepdim=True)
    return torch.where(length > 0, z / length.clamp_min(1e-30), torch.full_like(z, z.shape[1] ** -0.5))
