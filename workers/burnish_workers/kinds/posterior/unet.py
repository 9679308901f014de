"""Denoisers from diffusers directories. The one file of this kind that imports diffusers, when a prior is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from burnish_workers.kinds.posterior.denoisers import UNCONDITIONAL, Parametrisation, x0_of
from burnish_workers.kinds.posterior.directory import Prior
from burnish_workers.kinds.posterior.noise import Noise


class DiffusersMissing(RuntimeError):
    """This worker has no diffusers; the message says what to install."""


def load_unet(prior: Prior, device: torch.device, dtype: torch.dtype = torch.float32) -> UNetDenoiser:
    """The network of a prior, from its safetensors alone. Raises DiffusersMissing, OSError where files are missing."""
    try:
        from diffusers import UNet2DModel  # pyright: ignore[reportPrivateImportUsage]
    except ModuleNotFoundError as error:
        if error.name != "diffusers":
            raise
        what = f"the prior {prior.name!r} needs diffusers, which this worker does not have"
        raise DiffusersMissing(f"{what}: pip install 'burnish-server[posterior]'") from None
    network: Any = UNet2DModel.from_pretrained(
        str(prior.folder),
        subfolder="unet",
        local_files_only=True,
        use_safetensors=True,
        low_cpu_mem_usage=False,  # the other way needs accelerate
        torch_dtype=dtype,
    )
    return UNetDenoiser(network.to(device).eval().requires_grad_(False), prior, dtype)


@dataclass(frozen=True)
class UNetDenoiser:
    """A diffusers UNet2DModel as its scheduler means it. `network`: called with (rows, *shape), times and labels;
    `precision`: of its weights, which diffusers would look for anew in every call (0.2 ms, 1 % of a micro-batch)."""

    network: Any
    prior: Prior
    precision: torch.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.prior.shape

    @property
    def dtype(self) -> torch.dtype:
        return torch.promote_types(self.precision, torch.float32)

    def __call__(self, x: Tensor, noise: Noise, label: Tensor | None = None) -> Tensor:
        """x0_hat; see `Denoiser`. Raises ValueError where the network needs a class and a row has none."""
        labels = self._labels(len(x), label, x.device)
        family = self.prior.schedule.family
        if family == "edm":
            return self._preconditioned(x, noise.sigma[:, None], labels)
        time = noise.time * self.prior.schedule.train_steps if family == "flow" else noise.time
        scaled = _variance_preserving(x, noise) if family == "ve" else (x, noise)
        return x0_of(self._output(scaled[0], time, labels), *scaled, cast(Parametrisation, self.prior.prediction))

    def _preconditioned(self, x: Tensor, sigma: Tensor, labels: Tensor | None) -> Tensor:
        """c_skip x + c_out F(c_in x, log(sigma)/4): Karras et al. (arXiv 2206.00364), equation 7 and table 1."""
        data = self.prior.schedule.sigma_data
        total = torch.sqrt(sigma.square() + data**2)
        output = self._output(x / total, sigma[:, 0].log() / 4, labels).to(x.dtype)
        return (data / total).square() * x + sigma * data / total * output

    def _output(self, x: Tensor, time: Tensor, labels: Tensor | None) -> Tensor:
        rows = x.reshape(len(x), *self.shape).to(self.precision)
        output = self.network(rows, time, class_labels=labels, return_dict=False)[0]
        return output.reshape(len(x), math.prod(self.shape))

    def _labels(self, rows: int, label: Tensor | None, device: torch.device) -> Tensor | None:
        prior = self.prior
        if prior.classes == 0:
            return None
        asked = torch.full((rows,), UNCONDITIONAL, device=device) if label is None else label
        if prior.null_class is not None:
            return torch.where(asked == UNCONDITIONAL, prior.null_class, asked)
        if (asked == UNCONDITIONAL).any():
            what = f"the prior {prior.name!r} knows no unconditional samples"
            raise ValueError(f"{what}: give every row a label below {prior.classes}")
        return asked


def _variance_preserving(x: Tensor, noise: Noise) -> tuple[Tensor, Noise]:
    """x and its noise in the scale that networks trained with a table of alphas expect: alpha^2 + sigma^2 = 1."""
    scale = torch.rsqrt(noise.alpha.square() + noise.sigma.square())
    return x * scale[:, None].to(x.dtype), Noise(noise.alpha * scale, noise.sigma * scale, noise.time)
