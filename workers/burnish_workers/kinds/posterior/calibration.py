"""How wrong a denoiser is at each noise level: C = E[(x_0 - x0_hat)(x_0 - x0_hat)^T] over samples of the model itself.

Given x_t, x_0 lies around x0_hat with the posterior covariance, whose mean over x_t is C where the denoiser is exact.
Potentials that look ahead to a likelihood of A x_0 widen it by A C A^T (Song et al., Pseudoinverse-guided diffusion
models, ICLR 2023, take a multiple of the identity; here it is measured). Too wide or too narrow costs variance, never
bias: the weights correct for any potential.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.denoisers import Denoiser
from burnish_workers.kinds.posterior.noise import Noise
from burnish_workers.kinds.posterior.schedules import Schedule
from burnish_workers.kinds.posterior.spread import Spread
from burnish_workers.tensors.generators import torch_generator

Form = Literal["diagonal", "full"]
Sample = Callable[[int, torch.Generator], Tensor]
"""(n, generator) -> (n, d) samples of the model, unguided."""

LEVELS = 24
MOST_FULL = 256
"""Largest d whose covariance is full where nothing is asked for."""
_FLOOR = 1e-4
"""Least eigenvalue relative to the mean variance: pixels that never vary have none."""


class CalibrationError(ValueError):
    """A file that holds no calibration for this prior; the message says why."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """`log_snr` (L,), rising; `covariance` (L, d, d), or (L, d) where it is diagonal."""

    log_snr: Tensor
    covariance: Tensor

    @property
    def form(self) -> Form:
        return "full" if self.covariance.ndim == 3 else "diagonal"

    def at(self, log_snr: Tensor | float) -> Tensor:
        """C (..., d, d) or (..., d) at log(alpha^2 / sigma^2).

        Linear between levels and constant beyond the ends relative to 1/(1 + alpha^2/sigma^2), what it would be for
        standard normal data: C itself falls by e from one level to the next, and chords of it are too wide.
        """
        wanted = torch.as_tensor(log_snr, dtype=self.log_snr.dtype, device=self.log_snr.device)
        upper = torch.searchsorted(self.log_snr, wanted.contiguous()).clamp(1, len(self.log_snr) - 1)
        low, high = _rows(self.log_snr, upper - 1), _rows(self.log_snr, upper)
        share = ((wanted - low) / (high - low)).clamp(0, 1)
        before = (1 - share) * torch.sigmoid(-wanted) / torch.sigmoid(-low)
        after = share * torch.sigmoid(-wanted) / torch.sigmoid(-high)
        return self._times(before, upper - 1) + self._times(after, upper)

    def _times(self, factor: Tensor, level: Tensor) -> Tensor:
        covariance = _rows(self.covariance, level)
        return factor.to(covariance.dtype).reshape(*factor.shape, *[1] * (self.covariance.ndim - 1)) * covariance

    def spread(self, log_snr: float, like: Tensor) -> Spread:
        """C at one noise level as the terms want it, in the type and on the device of `like`."""
        found = self.at(log_snr)
        if self.form == "diagonal":
            return Spread(found.to(like))
        return Spread(like.new_zeros(len(found)), torch.linalg.cholesky(found.double()).to(like))


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """table[index]; an index of no dimensions would be read, and a GPU waited for."""
    return table.index_select(0, index.reshape(-1)).reshape((*index.shape, *table.shape[1:]))


@torch.no_grad()
def calibrate(
    denoiser: Denoiser,
    schedule: Schedule,
    sample: Sample,
    key: Key,
    *,
    samples: int,
    form: Form | None = None,
    label: Tensor | None = None,
) -> Calibration:
    """Measure C at LEVELS noise levels, evenly spaced in log-SNR, from `samples` samples of the model.

    The same for the same key and numeric class. `form`: full up to d = MOST_FULL and diagonal above unless given;
    `label` (samples,): the classes of the samples. Raises ValueError for fewer than two samples.
    """
    if samples < 2:
        raise ValueError(f"a covariance needs at least two samples, got {samples}")
    x0 = sample(samples, torch_generator(key.child(0)))
    chosen: Form = form or ("full" if math.prod(denoiser.shape) <= MOST_FULL else "diagonal")
    levels, found = [], []
    for index, time in enumerate(schedule.spread(LEVELS)):
        alpha, sigma = (float(value) for value in schedule.level(time))
        levels.append(2 * math.log(alpha / sigma))
        noisy = alpha * x0 + sigma * torch.randn(x0.shape, generator=torch_generator(key.child(1, index))).to(x0)
        noise = Noise(*(x0.new_full((samples,), value) for value in (alpha, sigma, float(time))))
        residual = (x0 - denoiser(noisy, noise, label)).double().cpu()
        found.append(shrunk(residual) if chosen == "full" else _floored(residual.square().mean(0)))
    return Calibration(torch.tensor(levels, dtype=torch.float64), torch.stack(found).float())


def shrunk(residual: Tensor) -> Tensor:
    """The second moments S of residuals (n, d), shrunk towards their diagonal: (1 - lambda) S + lambda diag S.

    lambda = sum_{i != j} Var(S_ij) / sum_{i != j} S_ij^2, the least mean squared error (Schaefer, Strimmer, Stat. Appl.
    Genet. Mol. Biol. 4, 2005, target D). Positive definite: eigenvalues are kept above a floor.
    """
    rows = len(residual)
    moments = residual.T @ residual / rows
    variance = (residual.square().T @ residual.square() / rows - moments.square()) / (rows - 1)
    apart = ~torch.eye(len(moments), dtype=torch.bool)
    total = moments[apart].square().sum()
    share = float((variance[apart].sum() / total).clamp(0, 1)) if total > 0 else 1.0
    diagonal = torch.diag(_floored(moments.diagonal()))
    return (1 - share) * moments * apart + diagonal


def _floored(variances: Tensor) -> Tensor:
    """Variances (d,), widened by a little of their mean."""
    return variances + _FLOOR * variances.mean()


def save_calibration(calibration: Calibration, path: Path, about: dict[str, str]) -> None:
    """Write safetensors with `about` (which weights, how measured) in the header."""
    tensors = {"log_snr": calibration.log_snr.contiguous(), "covariance": calibration.covariance.contiguous()}
    path.write_bytes(save(tensors, metadata=about))


def load_calibration(path: Path, dim: int, device: torch.device | None = None) -> Calibration:
    """Raises CalibrationError for a file that is not one, or of another dimension than `dim`."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            found = Calibration(*(file.get_tensor(name).to(device or "cpu") for name in ("log_snr", "covariance")))
    except (OSError, safetensors.SafetensorError) as error:
        raise CalibrationError(f"{path} holds no calibration: {error}; run calibrate again") from None
    shape, levels = tuple(found.covariance.shape), len(found.log_snr)
    if shape not in ((levels, dim), (levels, dim, dim)) or levels < 2:
        raise CalibrationError(f"{path} holds covariances of shape {shape} for {levels} levels, not of d = {dim}")
    return found
