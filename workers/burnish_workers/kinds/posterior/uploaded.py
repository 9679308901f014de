"""Denoisers from uploaded networks."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from burnish_workers.kinds.posterior.denoisers import UNCONDITIONAL, Parametrisation, x0_of
from burnish_workers.kinds.posterior.noise import Noise
from burnish_workers.kinds.posterior.schedules import Schedule
from burnish_workers.tensors.networks import GraphNetwork


@dataclass(frozen=True)
class GraphDenoiser:
    """An uploaded network u(t, x) or u(t, x, label) with the card of what it predicts.

    `clock`: what it is told for t, `noise.time` as it is unless given. Rows without a class have the label
    UNCONDITIONAL. Raises ValueError where the shape does not hold what the network takes.
    """

    network: GraphNetwork
    shape: tuple[int, ...]
    parametrisation: Parametrisation
    clock: Callable[[Noise], Tensor] = operator.attrgetter("time")

    def __post_init__(self) -> None:
        if math.prod(self.shape) != self.network.dim:
            what = f"samples of shape {list(self.shape)} have {math.prod(self.shape)} coordinates"
            raise ValueError(f"{what}, the network takes {self.network.dim}")

    @property
    def dtype(self) -> torch.dtype:
        return self.network.dtype

    def __call__(self, x: Tensor, noise: Noise, label: Tensor | None = None) -> Tensor:
        """x0_hat; see `Denoiser`. Raises ValueError for labels that the network does not take."""
        if label is None and self.network.labelled:
            label = torch.full((len(x),), UNCONDITIONAL, device=x.device)
        return x0_of(self.network(self.clock(noise), x, label), x, noise, self.parametrisation)


def told(time: str, schedule: Schedule, noise: Noise) -> Tensor:
    """What a network takes for t: `index` and `unit` by its schedule's table, `sigma`, or `log_sigma_4`."""
    if time == "sigma":
        return noise.sigma
    if time == "log_sigma_4":
        return noise.sigma.log() / 4
    if time == "unit" and schedule.alphas_cumprod is not None:
        return (noise.time + 1) / len(schedule.alphas_cumprod)
    return noise.time
