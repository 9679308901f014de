"""What samplers of published methods share: beginnings, steps and resampling of islands. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.core.resampling import SCHEMES, effective_size, normalised
from burnish_workers.kinds.posterior.chain import Chain
from burnish_workers.kinds.posterior.guidance import Denoise
from burnish_workers.kinds.posterior.smc import Population, Start, Stream
from burnish_workers.kinds.posterior.terms import Term


@dataclass(frozen=True, eq=False)
class Parts:
    """The prior and the target of a sampler; see `IslandSampler`."""

    chain: Chain
    start: Start
    denoise: Denoise
    terms: Sequence[Term]
    dtype: torch.dtype
    device: torch.device

    def begin(self, keys: Sequence[Key], particles: int) -> Population:
        """Islands of unguided noise, with equal weights."""
        streams = [Stream(key, self.device) for key in keys]
        x = torch.stack([self.start(particles, stream.generator) for stream in streams])
        zeros = torch.zeros(x.shape[:2], dtype=torch.float64, device=self.device)
        none = torch.zeros(len(x), dtype=torch.float64, device=self.device)
        return Population(x, zeros, zeros.clone(), none, none.clone(), none.clone(), torch.ones_like(none), streams)

    def mean(self, k: int, x: Tensor, estimate: Tensor) -> Tensor:
        """m_k."""
        return float(self.chain.keep[k]) * x + float(self.chain.pull[k]) * estimate

    def normal(self, people: Population) -> Tensor:
        """Standard normals of the shape of x, each island's from its own stream."""
        _, n, d = people.x.shape
        return torch.stack([stream.normal(n, d, dtype=self.dtype) for stream in people.streams])

    def factor(self, x: Tensor) -> Tensor:
        """log of the target's factor, (b, n), in double precision."""
        return torch.stack([term.terminal(x).double() for term in self.terms]).sum(0)


def resample(people: Population, log_weight: Tensor, threshold: float, *others: Tensor) -> list[Tensor]:
    """Multinomial resampling of islands whose effective sample size is below a part of N, of x and of `others` (b, n,
    ..), which are returned. The evidence counts the mean weight of the islands that are resampled.
    """
    rows, n = log_weight.cpu().numpy(), log_weight.shape[1]
    ancestors, done = np.tile(np.arange(n), (len(rows), 1)), np.zeros(len(rows), dtype=bool)
    for island, row in enumerate(rows):
        weight = normalised(row)
        share = effective_size(weight) / n
        people.least[island] = min(float(people.least[island]), share)
        if share < threshold:
            ancestors[island] = SCHEMES["multinomial"](weight, people.streams[island].uniform)
            done[island] = True
    index = torch.as_tensor(ancestors, device=log_weight.device)
    chosen = torch.as_tensor(done, device=log_weight.device)
    people.log_evidence[chosen] += torch.logsumexp(log_weight[chosen], 1) - float(np.log(n))
    people.resampled[chosen] += 1
    people.x = _taken(people.x, index)
    return [_taken(other, index) for other in others]


def _taken(rows: Tensor, index: Tensor) -> Tensor:
    """rows (b, n, ..) at index (b, n)."""
    shape = (*index.shape, *[1] * (rows.ndim - 2))
    return torch.gather(rows, 1, index.reshape(shape).expand(*index.shape, *rows.shape[2:]))
