"""A block: one observation assimilated by one island."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish.wire.specs.assimilation import Assimilation
from burnish_workers.core.decisions import EVENLY, Decision
from burnish_workers.core.estimator import Arrays, flatten
from burnish_workers.core.feed import OBSERVATION
from burnish_workers.core.inputs import NOTHING, Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.sketches import LEVELS, mid_levels
from burnish_workers.core.tracks import Round
from burnish_workers.kinds.posterior.assimilation.chains import chain_transition
from burnish_workers.kinds.posterior.assimilation.dynamics import Mover, transition_of
from burnish_workers.kinds.posterior.assimilation.ensemble import ensemble_filter
from burnish_workers.kinds.posterior.assimilation.filters import Advanced, Cloud, ParticleFilter, effective
from burnish_workers.kinds.posterior.assimilation.proposals import blind, guided
from burnish_workers.kinds.posterior.assimilation.requirements import checked
from burnish_workers.kinds.posterior.assimilation.setting import Setting
from burnish_workers.kinds.posterior.assimilation.surge import surge_filter
from burnish_workers.kinds.posterior.smc import Stream
from burnish_workers.tensors.devices import resolve_device

_Array = NDArray[np.float64]
ROUND = "round"
"""Name of what a block returns."""


class Assimilator(Protocol):
    """A filter of one island."""

    def advance(self, cloud: Cloud, observation: _Array, stream: Stream) -> Advanced: ...


@dataclass(frozen=True)
class AssimilationSimulator:
    """Built once per job and worker. `sketched`: whether quantiles are asked for."""

    setting: Setting
    assimilator: Assimilator
    device: torch.device
    dtype: torch.dtype
    sketched: bool

    def init(self, lane: Key) -> Arrays:
        """N draws of x_0 ~ N(mean, covariance), weights even. The lane is the last number of its key."""
        setting, count = self.setting, self.setting.filter.particles
        root = torch.tensor(setting.initial_root, dtype=torch.float64, device=self.device)
        noise = Stream(lane, self.device).normal(count, root.shape[1], dtype=torch.float64)
        mean = torch.tensor(setting.initial_mean, dtype=torch.float64, device=self.device)
        return self._carried(Cloud.even(torch.addmm(mean, noise, root.T).to(self.dtype)), np.array([lane.path[-1]]))

    @torch.no_grad()
    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        """Assimilate `decision["observation"]`. Raises KeyError without one."""
        cloud = Cloud(self._tensor(carry["particles"]), self._tensor(carry["weights"]))
        observation = np.asarray(decision[OBSERVATION], dtype=np.float64)
        done = self.assimilator.advance(cloud, observation, Stream(block, self.device))
        return self._carried(done.cloud, carry["lane"]), flatten({ROUND: self._told(done, carry["lane"])})

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        # Filters write over nothing that they are given, so that what was carried may be looked at in place; only torch
        # wants to be allowed to.
        return torch.from_numpy(np.require(values, requirements=["W"])).to(self.device)

    def _carried(self, cloud: Cloud, lane: NDArray[Any]) -> Arrays:
        named = {"particles": cloud.x, "weights": cloud.weights}
        return {**{name: value.cpu().numpy() for name, value in named.items()}, "lane": lane}

    def _told(self, done: Advanced, lane: NDArray[Any]) -> Round:
        cloud = done.cloud
        mean, variance = moments(cloud)
        sketch = quantiles(cloud) if self.sketched else mean.new_zeros(0, LEVELS)
        return Round(
            lane=lane.astype(np.float64),
            log_increment=np.array([done.log_increment]),
            mean=mean.cpu().numpy()[None],
            variance=variance.cpu().numpy()[None],
            sketch=sketch.cpu().numpy()[None],
            ess=np.array([effective(cloud.weights) / len(cloud.weights)]),
            nonfinite=np.array([float(done.nonfinite)]),
        )


def moments(cloud: Cloud) -> tuple[Tensor, Tensor]:
    """Weighted mean and variance of every coordinate, float64 (d,)."""
    wide = cloud.x.double()
    mean = cloud.weights @ wide
    return mean, cloud.weights @ (wide - mean).square_()


def quantiles(cloud: Cloud) -> Tensor:
    """The quantiles at (j + 1/2)/LEVELS of every coordinate, float64 (d, LEVELS)."""
    levels = torch.from_numpy(mid_levels(LEVELS)).to(cloud.x.device)
    values, order = cloud.x.T.double().sort(dim=1, stable=True)
    below = cloud.weights[order].cumsum(1)
    places = torch.searchsorted(below, levels.expand(len(values), -1).contiguous())
    return values.gather(1, places.clamp_(max=len(cloud.weights) - 1))


def build(spec: Assimilation, device: str = "cpu", inputs: Inputs = NOTHING) -> AssimilationSimulator:
    """The simulator of a checked spec."""
    setting, where = checked(spec, inputs), resolve_device(device)
    # Ensembles are small, and their covariances are what is computed: single precision buys nothing there.
    single = spec.filter.precision == "single" and setting.method not in ("enkf", "etkf")
    dtype = torch.float32 if single else torch.float64
    assimilator = assimilator_of(setting, inputs, torch.empty(0, dtype=dtype, device=where))
    return AssimilationSimulator(setting, assimilator, where, dtype, "quantiles" in spec.outputs)


def assimilator_of(setting: Setting, inputs: Inputs, like: Tensor) -> Assimilator:
    """The filter of a setting. `like`: of the particles' type and device."""
    if setting.chain is not None:
        chain = chain_transition(setting, inputs, like)
        if setting.method == "surge":
            return surge_filter(setting, chain, like)
        return _moved_by(setting, chain, like)
    transition = transition_of(setting, inputs, like)
    if setting.method == "guided":
        return ParticleFilter(guided(setting, transition), setting.filter)
    return _moved_by(setting, transition, like)


def _moved_by(setting: Setting, mover: Mover, like: Tensor) -> Assimilator:
    if setting.method == "bootstrap":
        return ParticleFilter(blind(setting, mover, like), setting.filter)
    return ensemble_filter(setting, mover, like)
