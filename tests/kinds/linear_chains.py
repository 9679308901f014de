"""Chains whose evidence is known exactly, for tests: one Gaussian as prior, a linear observation, K Euler steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.analytic import MixtureDenoiser
from burnish_workers.kinds.posterior.chain import Chain, vp_euler
from burnish_workers.kinds.posterior.denoisers import Noise
from burnish_workers.kinds.posterior.guidance import CalibratedGuide, GradientGuide, Guide, Unguided
from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.nonlinear import NonlinearTerm
from burnish_workers.kinds.posterior.references.chain import chain_law
from burnish_workers.kinds.posterior.references.mixture import Gaussians
from burnish_workers.kinds.posterior.smc import IslandSampler, Population
from burnish_workers.kinds.posterior.spread import Spread
from burnish_workers.kinds.posterior.terms import LinearTerm, Term

CPU = torch.device("cpu")
Floats = NDArray[np.float64]


def tensor(values: Floats) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class LinearChain:
    """d = 8, q = 2, K = 50: y = A x_K + sigma e."""

    sigma: float
    dim: int = 8
    rows: int = 2
    chain: Chain = field(default_factory=lambda: vp_euler(50))

    @cached_property
    def numbers(self) -> dict[str, Floats]:
        rng = np.random.default_rng(123)
        mean = rng.standard_normal(self.dim)
        root = rng.standard_normal((self.dim, self.dim)) / self.dim**0.5
        matrix = rng.standard_normal((self.rows, self.dim)) / self.dim**0.5
        y = matrix @ mean + rng.standard_normal(self.rows)
        covariance = root @ root.T + 0.1 * np.eye(self.dim)
        variance = np.full(self.rows, self.sigma**2)
        return {"mean": mean, "covariance": covariance, "matrix": matrix, "y": y, "variance": variance}

    @cached_property
    def law(self) -> Gaussians:
        return chain_law(self.chain, self.numbers["mean"], self.numbers["covariance"])

    @property
    def seen(self) -> tuple[Floats, Floats, Floats]:
        return self.numbers["matrix"], self.numbers["y"], self.numbers["variance"]

    @property
    def log_evidence(self) -> float:
        return self.law.log_evidence(*self.seen)

    @property
    def posterior(self) -> Gaussians:
        return self.law.posterior(*self.seen)

    @cached_property
    def denoiser(self) -> MixtureDenoiser:
        values, axes = np.linalg.eigh(self.numbers["covariance"])
        return MixtureDenoiser(MixtureNumbers(np.ones(1), self.numbers["mean"][None], values[None], axes[None]))

    def denoise(self, x: Tensor, k: int) -> Tensor:
        rows = x.reshape(-1, self.dim)
        level = (self.chain.alpha[k], self.chain.sigma[k], self.chain.time[k])
        noise = Noise(*(torch.full((len(rows),), float(value), dtype=x.dtype) for value in level))
        return self.denoiser(rows, noise).reshape(x.shape)

    @cached_property
    def spreads(self) -> list[Spread]:
        """Cov(x_clean | x_k), which does not depend on x_k."""
        precision = np.linalg.inv(self.numbers["covariance"])
        ratios = (self.chain.alpha[:-1] / self.chain.sigma[:-1]) ** 2
        return [Spread.of(tensor(np.linalg.inv(precision + ratio * np.eye(self.dim)))) for ratio in ratios]

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, self.dim, generator=generator, dtype=torch.float64)

    def terms(self, guidance: str, naive: bool = False) -> list[Term]:
        matrix, y, variance = (tensor(part) for part in self.seen)
        if guidance == "ensemble":
            return [NonlinearTerm(lambda x: x @ matrix.T, y, variance, self.spreads, 1.0, naive)]  # pyright: ignore
        return [LinearTerm.of(matrix, y, variance, self.spreads, 1.0, naive)]

    def guide(self, guidance: str, terms: list[Term]) -> Guide:
        if guidance == "none":
            return Unguided(self.denoise, terms)
        if guidance == "gradient":
            return GradientGuide(self.denoise, terms, self.chain, 1.0)
        return CalibratedGuide(self.denoise, terms, self.chain, 1.0, derivatives=guidance != "ensemble")

    def sampler(
        self,
        guidance: str,
        naive: bool = False,
        kind: type = IslandSampler,
        terms: list[Term] | None = None,
        **options: Any,
    ) -> Any:
        """Islands by a guidance: `terms` in place of the observation, `kind` in place of what is tested."""
        terms = terms or self.terms(guidance, naive)
        return kind(
            chain=self.chain,
            start=self.start,
            guide=self.guide(guidance, terms),
            terms=terms,
            spreads=self.spreads,
            dtype=torch.float64,
            device=CPU,
            **options,
        )


def islands(sampler: Any, count: int, particles: int = 32, seed: int = 5) -> Population:
    """So many islands, each with a key of its own."""
    return sampler.run([Key(seed, (9, index)) for index in range(count)], particles)


def shares(people: Population, log_evidence: float) -> Floats:
    """Z^/Z of each island, (b,)."""
    return np.exp(people.log_evidence.numpy() - log_evidence)


def weighted(people: Population, values: Tensor) -> Floats:
    """mean_w f of each island, (b, m), from f at its particles, (b, n, m)."""
    weight = torch.softmax(people.log_weight, 1)
    return (weight[..., None] * values).sum(1).numpy()
