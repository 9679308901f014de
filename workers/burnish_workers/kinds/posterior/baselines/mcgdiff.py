"""MCGDiff: a particle filter for linear inverse problems whose proposals look one step ahead. Imports torch.

Cardoso, Janati El Idrissi, Le Corff, Moulines, "Monte Carlo guided diffusion for Bayesian linear inverse problems",
arXiv 2308.07983. Divide y = A x + e by its standard deviations; A = U S V^T and z = V^T x turn it into
y_i = z_i + e_i/s_i. Noise of that size is what the chain has put on z_i at the level t_i with sigma/alpha = 1/s_i, so
that the answer is the law of z given z_i(t_i) = alpha y_i. With v_k = sigma_k^2 - (alpha_k/alpha_t)^2 sigma_t^2 the
potentials are g_k = prod_{i: k < t_i} N(z_i(k); alpha_k y_i, v_k). Proposals are the chain's steps times g_{k+1}, and
the weights

    N(alpha_{k+1} y_i; m_i, s_k^2 + v_{k+1}) / N(z_i(k); alpha_k y_i, v_k)

resample by multinomial draws at every step. Beyond t_i a coordinate runs free. Levels of a chain are few: 1/s_i is
taken for the nearest one, which is where the bias comes from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.baselines.common import Parts, resample
from burnish_workers.kinds.posterior.chain import Chain
from burnish_workers.kinds.posterior.smc import Population

Floats = NDArray[np.float64]

RANK = 1e-10
"""Singular values below this part of the largest see nothing."""


@dataclass(frozen=True, eq=False)
class Seen:
    """An observation in singular coordinates: axes V (d, r), y (r,), levels t_i (r,), and log of a constant factor."""

    axes: Tensor
    y: Tensor
    level: Tensor
    constant: float

    @staticmethod
    def of(matrix: Floats, y: Floats, variance: Floats, chain: Chain, like: Tensor) -> Seen:
        """From A (q, d), y (q,) and the variances of e (q,); `like`: of the type and device of samples."""
        deviation = np.sqrt(variance)
        u, s, vt = np.linalg.svd(matrix / deviation[:, None], full_matrices=True)
        rank = int((s > RANK * s[0]).sum())
        whole = u.T @ (y / deviation)
        ratios = np.log(chain.sigma[:-1] / chain.alpha[:-1])
        level = np.abs(ratios[None] + np.log(s[:rank, None])).argmin(1)
        unseen = -0.5 * (whole[rank:] ** 2 + math.log(2 * math.pi)).sum()
        # From densities of z_i(t_i) to those of y divided, and from these to those of y itself.
        constant = unseen + np.log(chain.alpha[level] / s[:rank]).sum() - np.log(deviation).sum()
        as_tensor = lambda a: torch.as_tensor(a, dtype=like.dtype, device=like.device)  # noqa: E731
        levels = torch.as_tensor(level, device=like.device)
        return Seen(as_tensor(vt[:rank].T), as_tensor(whole[:rank] / s[:rank]), levels, float(constant))


@dataclass(frozen=True, eq=False)
class MCGDiff:
    """Islands by MCGDiff; all weights are equal at the end, and the evidence is that of the chain's own levels."""

    parts: Parts
    seen: Seen

    @torch.no_grad()
    def run(self, keys: Sequence[Key], particles: int) -> Population:
        """One island of `particles` for each key."""
        chain, people = self.parts.chain, self._begin(keys, particles)
        for k in range(chain.steps):
            mean, noise = self.parts.mean(k, people.x, self.parts.denoise(people.x, k)), float(chain.noise[k])
            log_weight = self._ahead(k, mean, noise) - self._potential(k, people.x)
            (mean,) = resample(people, log_weight.double(), torch.inf, mean)
            people.x = mean + noise * self.parts.normal(people)
            self._condition(k, people, mean, noise)
        people.log_evidence += self.seen.constant
        return people

    def _begin(self, keys: Sequence[Key], particles: int) -> Population:
        """x_0 ~ N(0, start^2 I) times g_0, whose integral begins the evidence."""
        people = self.parts.begin(keys, particles)
        zero, start = torch.zeros_like(people.x), self.parts.chain.start
        people.log_evidence += self._ahead(-1, zero, start)[0, 0].double()
        self._condition(-1, people, zero, start)
        return people

    def _active(self, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Which coordinates are seen at level k, alpha_k y_i, and v_k: 0 at t_i itself."""
        chain, level = self.parts.chain, self.seen.level
        which = torch.nonzero(level >= k)[:, 0]
        last = level[which].cpu().numpy()
        left = chain.sigma[k] ** 2 - (chain.alpha[k] / chain.alpha[last]) ** 2 * chain.sigma[last] ** 2
        centre = float(chain.alpha[k]) * self.seen.y[which]
        return which, centre, torch.as_tensor(np.where(last == k, 0.0, np.maximum(left, 0))).to(centre)

    def _ahead(self, k: int, mean: Tensor, noise: float) -> Tensor:
        """log of the integral of N(mean, noise^2 I) times g_{k+1}, (b, n)."""
        which, centre, left = self._active(k + 1)
        return _log_normal(mean @ self.seen.axes[:, which] - centre, noise**2 + left)

    def _potential(self, k: int, x: Tensor) -> Tensor:
        """log g_k, of the coordinates that are not fixed yet, (b, n)."""
        which, centre, left = self._active(k)
        loose = left > 0
        return _log_normal(x @ self.seen.axes[:, which[loose]] - centre[loose], left[loose])

    def _condition(self, k: int, people: Population, mean: Tensor, noise: float) -> None:
        """The seen coordinates of x_{k+1} by N(m, noise^2) times N(alpha y, v), from the same normals."""
        which, centre, left = self._active(k + 1)
        if not len(which):
            return
        axes = self.seen.axes[:, which]
        gain = noise**2 / (noise**2 + left)
        fresh = (people.x - mean) @ axes / noise
        wanted = (1 - gain) * (mean @ axes) + gain * centre + (gain * left).sqrt() * fresh
        people.x = people.x + (wanted - people.x @ axes) @ axes.T


def _log_normal(apart: Tensor, variance: Tensor) -> Tensor:
    """log N(apart; 0, diag(variance)), (b, n, r) -> (b, n)."""
    return -0.5 * (apart**2 / variance + (2 * math.pi * variance).log()).sum(-1)
