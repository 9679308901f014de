"""Measures the covariance of a prior's residual and keeps it beside the weights:

    python -m burnish_workers.kinds.posterior.calibrate digits

Any registered prior will do. Where its directory cannot be written to, give --out. The samples come from the unguided
chain over all its noise levels: the distribution that the covariance is for.
"""

from __future__ import annotations

import argparse
import logging
import math
from functools import lru_cache
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.core.registry import near
from burnish_workers.kinds.posterior.calibration import Form, Sample, calibrate, save_calibration
from burnish_workers.kinds.posterior.chain import Chain, ancestral
from burnish_workers.kinds.posterior.denoisers import Clipped, Denoiser
from burnish_workers.kinds.posterior.directory import Prior
from burnish_workers.kinds.posterior.microbatches import MicroBatches
from burnish_workers.kinds.posterior.noise import Noise
from burnish_workers.kinds.posterior.registered import fingerprint, registered_priors
from burnish_workers.kinds.posterior.schedules import Schedule
from burnish_workers.kinds.posterior.unet import load_unet
from burnish_workers.tensors.devices import numeric_class, resolve_device

_log = logging.getLogger(__name__)

MICRO_BATCH = 256


@lru_cache(maxsize=8)
def network_of(prior: Prior, device: torch.device, size: int = MICRO_BATCH) -> Denoiser:
    """x0_hat as the network gives it: what a chain makes of it, which has its own bound, is the chain's."""
    return MicroBatches(_weights_of(prior, device), size)


@lru_cache(maxsize=8)
def _weights_of(prior: Prior, device: torch.device) -> Denoiser:
    """Loaded once, whatever the sizes: a job that needs smaller ones has no memory for another copy."""
    return load_unet(prior, device)


def denoiser_of(prior: Prior, device: torch.device, size: int = MICRO_BATCH) -> Denoiser:
    """x0_hat as the prior's own scheduler takes it: clipped where that clips."""
    plain = network_of(prior, device, size)
    return plain if prior.clip is None else Clipped(plain, prior.clip)


def whole_chain(schedule: Schedule, steps: int, clip: float | None) -> Chain:
    """The unguided chain over all noise levels of a schedule, with the full posterior variance."""
    time = schedule.walk(steps)
    alpha, sigma = schedule.level(time)
    start = math.hypot(alpha[0], sigma[0])
    return ancestral(np.append(alpha, 1.0), np.append(sigma, 0.0), time, start=start, clip=clip)


def unguided(denoiser: Denoiser, chain: Chain, label: Tensor | None, device: torch.device) -> Sample:
    """Samples of x_0 ~ N(0, start^2 I), x_{k+1} ~ N(keep_k x_k + pull_k x0^(x_k), s_k^2 I)."""

    @torch.no_grad()
    def sample(count: int, generator: torch.Generator) -> Tensor:
        def normal() -> Tensor:
            return torch.randn(count, math.prod(denoiser.shape), generator=generator).to(device)

        x = chain.start * normal()
        for k in range(chain.steps):
            level = (float(values[k]) for values in (chain.alpha, chain.sigma, chain.time))
            noise = Noise(*(torch.full((count,), value, device=device) for value in level))
            mean = float(chain.keep[k]) * x + float(chain.pull[k]) * denoiser(x, noise, label)
            x = mean + float(chain.noise[k]) * normal()
        return x

    return sample


def every_class(prior: Prior, count: int, device: torch.device) -> Tensor | None:
    """No labels where the prior does without, else all classes in turn: (count,)."""
    if prior.classes == 0 or prior.null_class is not None:
        return None
    return torch.arange(count, device=device) % prior.classes


def main() -> None:
    """Sample, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prior")
    parser.add_argument("--out", type=Path, help="default: beside the weights")
    parser.add_argument("--samples", type=int, default=4_096)
    parser.add_argument("--steps", type=int, default=250, help="of the chain that the samples come from")
    parser.add_argument("--form", choices=get_args(Form), help="default: full up to 256 coordinates")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    priors = registered_priors()
    if given.prior not in priors:
        parser.error(near(given.prior, priors))
    prior, device = priors[given.prior], resolve_device(given.device)
    denoiser, label = denoiser_of(prior, device), every_class(prior, given.samples, device)
    sample = unguided(denoiser, whole_chain(prior.schedule, given.steps, prior.clip), label, device)
    found = calibrate(
        denoiser, prior.schedule, sample, Key(given.seed), samples=given.samples, form=given.form, label=label
    )
    options = {name: str(getattr(given, name)) for name in ("samples", "steps", "seed")}
    about = {"prior": fingerprint(prior), "numeric_class": numeric_class(device), **options}
    path = given.out or prior.calibration
    save_calibration(found, path, about)
    _log.info("%s: %s, %d levels of %d coordinates", path, found.form, len(found.log_snr), found.covariance.shape[-1])


if __name__ == "__main__":
    main()
