"""Islands of particles through the chain: guided proposals, exact path weights, resampling. Imports torch.

    draw xi ~ N(0, I);  x_{k+1} = m_k + s_k (u_k + xi);  log p_k/q_k = -<u_k, xi> - |u_k|^2/2
    log w_0 = log psi_0(x_0);  log w += log psi_{k+1}(x_{k+1}) - log psi_k(x_k) - <u_k, xi> - |u_k|^2/2
    log Z^ = sum over resampling times and the end of log mean w            (weights start anew at each resampling)

E[Z^] = Z and E[Z^ mean_w f] = Z pi(f) at any number of steps and particles, for any u_k and any positive psi_k that are
known at step k, also where they are fitted on the island's own particles (Wang et al., arXiv 2605.17850; Del Moral,
Feynman-Kac Formulae, 2004, ch. 7). psi_K is the target's true factor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.core.resampling import SCHEMES, effective_size, normalised
from burnish_workers.kinds.posterior.chain import Chain
from burnish_workers.kinds.posterior.guidance import Guide, Sight
from burnish_workers.kinds.posterior.spread import Spread
from burnish_workers.kinds.posterior.terms import LinearTerm, Term
from burnish_workers.tensors.generators import torch_generator

KEPT = 0.8
"""Adaptive tempering raises the power until the effective sample size falls to this part of N."""

Start = Callable[[int, torch.Generator], Tensor]
"""n and a generator -> x_0 (n, d)."""


@dataclass(eq=False)
class Population:
    """Islands on their way. x (b, n, d); log_weight, log_psi (b, n); log_evidence (b,), all logs in double precision.

    `dead`: particles whose weight is 0 because a factor was not a number, counted per island; `resampled`: how often;
    `least`: the smallest effective sample size over N on the way.
    """

    x: Tensor
    log_weight: Tensor
    log_psi: Tensor
    log_evidence: Tensor
    dead: Tensor
    resampled: Tensor
    least: Tensor
    streams: list[Stream] = field(default_factory=list["Stream"])


@dataclass(eq=False)
class Stream:
    """The randomness of one island: nothing else may be drawn for it."""

    key: Key
    device: torch.device

    def __post_init__(self) -> None:
        self._normal = torch_generator(self.key.child(0), self.device)
        self.uniform = self.key.child(1).generator()

    @property
    def generator(self) -> torch.Generator:
        return self._normal

    def normal(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return torch.randn(*shape, generator=self._normal, device=self.device, dtype=dtype)


@dataclass(frozen=True, eq=False)
class IslandSampler:
    """Sequential Monte Carlo over a chain; see the module.

    Attributes:
        potentials: whether the twists weigh particles on the way; if not, only the end does.
        tempering: `linear`: psi_k to the power k/K; `none`; `adaptive`.
        spreads: of the denoiser's residual at every step, for terms that perturb.
        conjugate: take the last step in closed form, where there is a linear observation and s_{K-1} > 0.
        ramp: pushes of terms that do not know how much noise is left grow with k/K; if not, they are whole at once.
    """

    chain: Chain
    start: Start
    guide: Guide
    terms: Sequence[Term]
    spreads: Sequence[Spread]
    dtype: torch.dtype
    device: torch.device
    potentials: bool = True
    tempering: str = "linear"
    scheme: str = "systematic"
    threshold: float = 0.5
    conjugate: bool = True
    ramp: bool = True

    @torch.no_grad()
    def run(self, keys: Sequence[Key], particles: int) -> Population:
        """One island of `particles` for each key."""
        people = self._begin(keys, particles)
        for k in range(self.chain.steps):
            sight = self.guide.look(k, people.x, self._shift(k, people), self._push_weights(k))
            self._weigh(k, people, sight)
            sight = self._resample(people, sight)
            if k + 1 < self.chain.steps:
                self._move(k, people, sight)
            else:
                self._finish(k, people, sight)
        people.log_evidence += _log_mean(people.log_weight)
        return people

    def _begin(self, keys: Sequence[Key], particles: int) -> Population:
        streams = [Stream(key, self.device) for key in keys]
        x = torch.stack([self.start(particles, stream.generator) for stream in streams])
        zeros = torch.zeros(len(keys), particles, dtype=torch.float64, device=self.device)
        none = torch.zeros(len(keys), dtype=torch.float64, device=self.device)
        ones = torch.ones_like(none)
        return Population(x, zeros, zeros.clone(), none, none.clone(), none.clone(), ones, streams)

    def _push_weights(self, k: int) -> list[float]:
        power = (k + 1) / self.chain.steps
        return [1.0 if term.aware or not self.ramp else power for term in self.terms]

    def _shift(self, k: int, people: Population) -> Tensor | None:
        """Draws of the denoiser's residual, for terms that perturb estimates."""
        if not any(term.perturbs for term in self.terms):
            return None
        spread, (_, n, d) = self.spreads[k], people.x.shape
        rank = 0 if spread.factor is None else spread.factor.shape[1]
        normal = torch.stack([stream.normal(n, d + rank, dtype=self.dtype) for stream in people.streams])
        return spread.draw(normal[..., :d], normal[..., d:] if rank else None)

    def _weigh(self, k: int, people: Population, sight: Sight) -> None:
        """log w += log psi_k - log psi_{k-1}; a potential that is no positive number stays what it was before."""
        if not self.potentials:
            return
        twist = torch.stack([each.double() for each in sight.twists]).sum(0)
        base = people.log_weight - people.log_psi
        power = self._power(k, base, twist)
        fresh = power * twist
        fresh = torch.where(torch.isfinite(fresh), fresh, people.log_psi)
        people.log_weight = base + fresh
        people.log_psi = fresh

    def _power(self, k: int, base: Tensor, twist: Tensor) -> Tensor | float:
        if self.tempering == "none":
            return 1.0
        if self.tempering == "linear":
            return k / self.chain.steps
        return adaptive_powers(base, twist)

    def _resample(self, people: Population, sight: Sight) -> Sight:
        """Draw the particles of islands anew whose effective sample size has fallen."""
        log_weight = people.log_weight.cpu().numpy()
        size = log_weight.shape[1]
        ancestors = np.tile(np.arange(size), (len(log_weight), 1))
        chosen: list[int] = []
        for island, row in enumerate(log_weight):
            weight = normalised(row)
            share = effective_size(weight) / size
            people.least[island] = min(float(people.least[island]), share)
            if share < self.threshold or (self.threshold >= 1 and share < 1 - 1e-12):
                ancestors[island] = SCHEMES[self.scheme](weight, people.streams[island].uniform)
                chosen.append(island)
        if not chosen:
            return sight
        people.log_evidence[chosen] += _log_mean(people.log_weight[chosen])
        people.log_weight[chosen] = 0.0
        people.resampled[chosen] += 1
        index = torch.as_tensor(ancestors, device=self.device)
        people.x, people.log_psi = _take(people.x, index), torch.gather(people.log_psi, 1, index)
        drift = None if sight.drift is None else _take(sight.drift, index)
        return Sight(_take(sight.estimate, index), (), drift)

    def _move(self, k: int, people: Population, sight: Sight) -> None:
        """x_{k+1} = m_k + s_k (u_k + xi), and the weight of having been pushed."""
        mean, noise = self._mean(k, people.x, sight.estimate), float(self.chain.noise[k])
        xi = self._normal(people)
        if sight.drift is None:
            people.x = mean + noise * xi
            return
        u = sight.drift
        people.x = mean + noise * (u + xi)
        people.log_weight = people.log_weight - (u * (xi + 0.5 * u)).sum(-1, dtype=torch.float64)

    def _finish(self, k: int, people: Population, sight: Sight) -> None:
        """The last step, weighed by the true factors of the target; a factor that is not a number has weight 0."""
        linear = next((term for term in self.terms if isinstance(term, LinearTerm)), None)
        noise, others = float(self.chain.noise[k]), list(self.terms)
        known = torch.zeros_like(people.log_weight)
        if linear is not None and self.conjugate and noise > 0:
            mean = self._mean(k, people.x, sight.estimate)
            log_normal, centre, gain = linear.conjugate(mean, noise)
            x = noise * self._normal(people)
            seen = x @ linear.matrix.T + linear.variance.sqrt() * self._normal(people, len(linear.y))
            people.x = centre + x - seen @ gain.T
            known, others = log_normal.double(), [term for term in self.terms if term is not linear]
        elif noise == 0:
            people.x = self._mean(k, people.x, sight.estimate)
        else:
            self._move(k, people, sight)
        total = known + sum((term.terminal(people.x).double() for term in others), torch.zeros_like(known))
        invalid = torch.isnan(total) | (total == torch.inf)
        people.dead += invalid.sum(1)
        fresh = people.log_weight - people.log_psi + total
        people.log_weight = torch.where(invalid, -torch.inf, fresh)

    def _mean(self, k: int, x: Tensor, estimate: Tensor) -> Tensor:
        return float(self.chain.keep[k]) * x + float(self.chain.pull[k]) * estimate

    def _normal(self, people: Population, width: int | None = None) -> Tensor:
        _, n, d = people.x.shape
        return torch.stack([stream.normal(n, width or d, dtype=self.dtype) for stream in people.streams])


def adaptive_powers(base: Tensor, twist: Tensor, grid: int = 21) -> Tensor:
    """For each island the largest power in {0, 1/(grid-1), .., 1} that leaves an effective sample size of KEPT N, or 0.

    base, twist (b, n) -> (b, 1). May be chosen after seeing the particles: the weights telescope whatever it is.
    """
    found = torch.zeros(len(base), 1, dtype=base.dtype, device=base.device)
    for power in torch.linspace(0, 1, grid, dtype=base.dtype, device=base.device):
        weight = torch.softmax(torch.nan_to_num(base + power * twist, nan=-torch.inf), dim=1)
        enough = 1 / (weight**2).sum(1, keepdim=True) >= KEPT * base.shape[1]
        found = torch.where(enough, power, found)
    return found


def _log_mean(log_weight: Tensor) -> Tensor:
    return torch.logsumexp(log_weight, 1) - float(np.log(log_weight.shape[1]))


def _take(rows: Tensor, index: Tensor) -> Tensor:
    return torch.gather(rows, 1, index[..., None].expand_as(rows))
