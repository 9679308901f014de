"""Measures the covariance of a prior's residual and keeps it beside the weights:

    python -m burnish_workers.kinds.posterior.calibrate digits

Any registered prior will do. Where its directory cannot be written to, give --out. The samples come from the unguided
chain over all its noise levels: the distribution that the covariance is for.
"""

from __future__ import annotations

import argparse
import logging
import math
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.core.registry import near
from burnish_workers.kinds.posterior.calibration import Form, Sample, calibrate, save_calibration
from burnish_workers.kinds.posterior.denoisers import Clipped, Denoiser, Noise
from burnish_workers.kinds.posterior.directory import Prior
from burnish_workers.kinds.posterior.microbatches import MicroBatches
from burnish_workers.kinds.posterior.registered import fingerprint, registered_priors
from burnish_workers.kinds.posterior.schedules import Schedule
from burnish_workers.kinds.posterior.unet import load_unet
from burnish_workers.tensors.devices import numeric_class, resolve_device

_log = logging.getLogger(__name__)

MICRO_BATCH = 256


def denoiser_of(prior: Prior, device: torch.device, size: int = MICRO_BATCH) -> Denoiser:
    """x0_hat as the prior's own scheduler takes it: clipped where that clips."""
    plain = MicroBatches(load_unet(prior, device), size)
    return plain if prior.clip is None else Clipped(plain, prior.clip)


def ancestral(denoiser: Denoiser, schedule: Schedule, steps: int, label: Tensor | None, device: torch.device) -> Sample:
    """Samples of the unguided chain with the full posterior variance, from noise to x0_hat at the last step.

    From alpha, sigma to alpha', sigma' = 0 in the end:  x' = alpha' x0_hat + r (x - alpha x0_hat) + s xi  with
    r = alpha sigma'^2 / (alpha' sigma^2), s^2 = sigma'^2 - r^2 sigma^2: Ho, Jain, Abbeel (arXiv 2006.11239),
    equation 7, for any pair of levels.
    """
    times = schedule.walk(steps)
    alphas, sigmas = schedule.level(times)
    ends = zip([*alphas[1:], 1.0], [*sigmas[1:], 0.0], strict=True)
    levels = list(zip(alphas, sigmas, times, ends, strict=True))

    @torch.no_grad()
    def sample(count: int, generator: torch.Generator) -> Tensor:
        def normal() -> Tensor:
            return torch.randn(count, math.prod(denoiser.shape), generator=generator).to(device)

        x = math.hypot(alphas[0], sigmas[0]) * normal()
        for alpha, sigma, time, (after, left) in levels:
            noise = Noise(*(torch.full((count,), float(value), device=device) for value in (alpha, sigma, time)))
            x0 = denoiser(x, noise, label)
            kept = alpha * left**2 / (after * sigma**2)
            spread = math.sqrt(max(left**2 - (kept * sigma) ** 2, 0.0))
            x = after * x0 + kept * (x - alpha * x0) + spread * normal()
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
    sample = ancestral(denoiser, prior.schedule, given.steps, label, device)
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
