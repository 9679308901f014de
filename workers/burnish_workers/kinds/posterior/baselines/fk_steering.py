"""FK steering as it was published: resampling by the gain in reward of the estimate x0^. Imports torch.

Singhal, Horvitz, Teehan, Ren, Yu, McKeown, Ranganath, "A general framework for inference-time scaling and steering of
diffusion models", arXiv 2501.06848, with the potential of differences and adaptive resampling: at the moments CHECKS
and at the end G = exp(r(x0^) - r(x0^ of the last moment)), at most e^CLAMP; multinomial resampling where the effective
sample size is below N/2. Where it is not, the weights are forgotten: neither kept nor counted. Hence the bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.baselines.common import Parts, resample
from burnish_workers.kinds.posterior.smc import Population

CHECKS = (0.2, 0.4, 0.6, 0.8)
"""Moments of resampling, as parts of the chain: the published 20, 40, 60 and 80 of 100 steps."""

CLAMP = float(np.log(1e10))


@dataclass(frozen=True, eq=False)
class FKSteering:
    """Islands by FK steering; their evidence counts the mean weights of the moments at which they resampled."""

    parts: Parts

    @torch.no_grad()
    def run(self, keys: Sequence[Key], particles: int) -> Population:
        """One island of `particles` for each key; all weights are equal at the end."""
        parts, chain = self.parts, self.parts.chain
        people = parts.begin(keys, particles)
        moments = {int(share * chain.steps) for share in CHECKS}
        for k in range(chain.steps):
            estimate = parts.denoise(people.x, k)
            if k in moments:
                (estimate,) = self._judge(people, parts.factor(estimate), estimate)
            people.x = parts.mean(k, people.x, estimate) + float(chain.noise[k]) * parts.normal(people)
        self._judge(people, parts.factor(people.x))
        return people

    def _judge(self, people: Population, reward: Tensor, *others: Tensor) -> list[Tensor]:
        """Resample by what the reward has gained; x and `others` of the ancestors, whose reward is remembered."""
        people.dead += torch.isnan(reward).sum(1)
        gained = torch.nan_to_num(reward - people.log_psi, nan=-torch.inf, posinf=CLAMP, neginf=-torch.inf)
        remembered = torch.nan_to_num(reward, nan=0.0, posinf=0.0, neginf=0.0)
        *kept, people.log_psi = resample(people, gained.clamp_max(CLAMP), 0.5, *others, remembered)
        return kept
