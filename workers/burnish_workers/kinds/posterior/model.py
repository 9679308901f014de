"""The prior of a job as a worker runs it: its denoiser along the chain, where it starts, how far it errs. Imports
torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor

from burnish.wire.specs.priors import ScoreNetwork
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.analytic import MixtureDenoiser
from burnish_workers.kinds.posterior.calibrate import denoiser_of, every_class, network_of, unguided, whole_chain
from burnish_workers.kinds.posterior.calibration import Calibration, calibrate, load_calibration
from burnish_workers.kinds.posterior.chain import Chain
from burnish_workers.kinds.posterior.chains import default_time, schedule_of
from burnish_workers.kinds.posterior.denoisers import Denoiser
from burnish_workers.kinds.posterior.directory import Prior
from burnish_workers.kinds.posterior.microbatches import MicroBatches
from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.mixture_spread import mixture_spreads
from burnish_workers.kinds.posterior.noise import Noise
from burnish_workers.kinds.posterior.problem import Setting
from burnish_workers.kinds.posterior.smc import Start
from burnish_workers.kinds.posterior.spread import Spread
from burnish_workers.kinds.posterior.uploaded import GraphDenoiser, told
from burnish_workers.tensors.networks import load_network

_CALIBRATION = Key(20_260_101)
"""Every worker measures a network's residual with the same randomness: so that jobs can be replayed."""

_SAMPLES, _STEPS = 256, 60

_UPLOADS = 8
"""Uploaded networks that a process keeps."""


@dataclass(frozen=True, eq=False)
class Model:
    """`denoise(x, k, label)`: x_k (b, n, d) -> x0^; `spreads`: of its residual at x_0 .. x_{K-1}; dtype of samples."""

    chain: Chain
    denoise: Callable[[Tensor, int, int | None], Tensor]
    start: Start
    spreads: list[Spread]
    dtype: torch.dtype
    device: torch.device


def model_of(setting: Setting, inputs: Inputs, device: torch.device, micro_batch: int, start: str | None) -> Model:
    """The prior of a setting on a device. `micro_batch`: rows of a forward pass; `start`: `marginal` or normal."""
    chain, prior = setting.chain, setting.prior
    if isinstance(prior, MixtureNumbers):
        exact = MixtureDenoiser(prior, device)
        begin = _marginal(exact, chain) if start != "normal" else _normal(chain, setting.dim, exact.dtype, device)
        spreads = [Spread(*each) for each in mixture_spreads(prior, chain, device)]
        return Model(chain, _along(exact, chain, exact.dtype), begin, _ended(spreads, chain), exact.dtype, device)
    denoiser, calibration = (
        _registered(prior, device, micro_batch)
        if isinstance(prior, Prior)
        else _uploaded(prior, setting, inputs, device, micro_batch)
    )
    like = torch.zeros(1, dtype=denoiser.dtype, device=device)
    levels = 2 * np.log(chain.alpha[:-1] / chain.sigma[:-1])
    spreads = [calibration.spread(float(level), like) for level in levels]
    begin = _normal(chain, setting.dim, denoiser.dtype, device)
    return Model(chain, _along(denoiser, chain, denoiser.dtype), begin, _ended(spreads, chain), denoiser.dtype, device)


def _along(denoiser: Denoiser, chain: Chain, dtype: torch.dtype) -> Callable[[Tensor, int, int | None], Tensor]:
    """The denoiser at the levels of the chain, for islands of particles."""

    def denoise(x: Tensor, k: int, label: int | None) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        level = (chain.alpha[k], chain.sigma[k], chain.time[k])
        noise = Noise(*(torch.full((len(rows),), float(v), dtype=dtype, device=x.device) for v in level))
        labels = None if label is None else torch.full((len(rows),), label, device=x.device)
        found = denoiser(rows, noise, labels)
        if chain.clip is not None:
            found = found.clamp(-chain.clip, chain.clip)
        return found.reshape(x.shape)

    return denoise


def _normal(chain: Chain, dim: int, dtype: torch.dtype, device: torch.device) -> Start:
    return lambda n, generator: chain.start * torch.randn(n, dim, generator=generator, dtype=dtype, device=device)


def _marginal(exact: MixtureDenoiser, chain: Chain) -> Start:
    return lambda n, generator: exact.draw(n, float(chain.alpha[0]), float(chain.sigma[0]), generator)


def _ended(spreads: list[Spread], chain: Chain) -> list[Spread]:
    """Where the last step has no noise, the sample is the estimate: its residual is 0."""
    if chain.noise[-1] == 0:
        last = spreads[-1]
        spreads[-1] = Spread.none(len(last.diagonal), last.diagonal.dtype, last.diagonal.device)
    return spreads


def _registered(prior: Prior, device: torch.device, micro_batch: int) -> tuple[Denoiser, Calibration]:
    return network_of(prior, device, micro_batch), _calibration(prior, device, micro_batch)


@lru_cache(maxsize=8)
def _calibration(prior: Prior, device: torch.device, micro_batch: int) -> Calibration:
    """As it was kept beside the weights, or measured now: the same on every worker of a numeric class."""
    if prior.calibration.exists():
        return load_calibration(prior.calibration, math.prod(prior.shape), device)
    denoiser, label = denoiser_of(prior, device, micro_batch), every_class(prior, _SAMPLES, device)
    sample = unguided(denoiser, whole_chain(prior.schedule, _STEPS, prior.clip), label, device)
    return calibrate(denoiser, prior.schedule, sample, _CALIBRATION, samples=_SAMPLES, label=label)


_UPLOADED: dict[tuple[str, str, int], tuple[Denoiser, Calibration]] = {}


def _uploaded(
    given: ScoreNetwork, setting: Setting, inputs: Inputs, device: torch.device, micro_batch: int
) -> tuple[Denoiser, Calibration]:
    """Jobs with one upload share it. Its residual is measured once in a process, with the same randomness on every
    worker."""
    known = given.model_dump_json(), str(device), micro_batch
    if known not in _UPLOADED:
        network, schedule = load_network(inputs.model(given), device), schedule_of(given)
        clock = partial(told, given.time or default_time(given), schedule)
        denoiser = MicroBatches(GraphDenoiser(network, setting.shape, given.predicts, clock), micro_batch)
        label = None if setting.label is None else torch.full((_SAMPLES,), setting.label, device=device)
        sample = unguided(denoiser, whole_chain(schedule, _STEPS, None), label, device)
        found = calibrate(denoiser, schedule, sample, _CALIBRATION, samples=_SAMPLES, label=label)
        _UPLOADED[known] = denoiser, found
        while len(_UPLOADED) > _UPLOADS:
            _UPLOADED.pop(next(iter(_UPLOADED)))
    return _UPLOADED[known]
