"""Diffusion posterior sampling: every particle is a guided trajectory, and nothing corrects it. Imports torch.

Chung, Kim, Mccann, Klasky, Ye, "Diffusion posterior sampling for general noisy inverse problems", arXiv 2209.14687:
after each step of the chain x -= zeta grad_x |y - H(x0^(x))|, which is the published gradient of the squared residual
with a step of zeta'/|residual|; zeta = 1 unless said otherwise. Stated for variance-preserving chains: x in another
scale, c x with c^2 = alpha^2 + sigma^2, moves by zeta c' c grad. No law is known that its samples follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.baselines.common import Parts
from burnish_workers.kinds.posterior.smc import Population


@dataclass(frozen=True, eq=False)
class DPS:
    """Islands of independent guided trajectories with equal weights; the evidence is not known and given as 1.

    `residual`: x0^ (b, n, d) -> y - H(x0^) (b, n, q); `strength`: zeta.
    """

    parts: Parts
    residual: Callable[[Tensor], Tensor]
    strength: float = 1.0

    @torch.no_grad()
    def run(self, keys: Sequence[Key], particles: int) -> Population:
        """One island of `particles` for each key."""
        parts, chain = self.parts, self.parts.chain
        people = parts.begin(keys, particles)
        scale = (chain.alpha**2 + chain.sigma**2) ** 0.5
        for k in range(chain.steps):
            estimate, slope = self._look(people.x, k)
            noise = float(chain.noise[k]) * parts.normal(people)
            step = self.strength * float(scale[k] * scale[k + 1])
            people.x = parts.mean(k, people.x, estimate) + noise - step * slope
        return people

    def _look(self, x: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """x0^ and the gradient of the residual's norm; a gradient that is no number pushes nowhere."""
        with torch.enable_grad():
            at = x.detach().requires_grad_()
            estimate = self.parts.denoise(at, k)
            (slope,) = torch.autograd.grad(torch.linalg.vector_norm(self.residual(estimate), dim=-1).sum(), at)
        return estimate.detach(), torch.nan_to_num(slope, posinf=0.0, neginf=0.0)
