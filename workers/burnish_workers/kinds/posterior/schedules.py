"""Noise schedules: which alpha and sigma of x_t = alpha x_0 + sigma eps belong to which time of a network. No torch.

Four families, with the time that the network is told:

    vp      alpha^2 + sigma^2 = 1, time an index 0..T-1 into `alphas_cumprod` (Ho, Jain, Abbeel, arXiv 2006.11239)
    ve      the same network seen in x/alpha: alpha = 1, sigma^2 = (1 - a)/a, time the index (Song et al., 2011.13456)
    edm     alpha = 1, time = sigma (Karras et al., arXiv 2206.00364)
    flow    alpha = 1 - t, sigma = t, time t in [0, 1] (Lipman et al., arXiv 2210.02747)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Family = Literal["vp", "ve", "edm", "flow"]
Array = NDArray[np.float64]

_MOST_BETA = 0.999
_LEAST_FLOW, _MOST_FLOW = 1e-3, 1 - 1e-3
"""t = 0 and t = 1 have no finite log-SNR."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """`alphas_cumprod`: alpha^2 by index, for vp and ve; `sigma_min`, `sigma_max`, `sigma_data`: for edm;
    `train_steps`: T, by which a flow network's time is multiplied."""

    family: Family
    alphas_cumprod: Array | None = None
    train_steps: int = 1_000
    sigma_min: float = 0.002
    sigma_max: float = 80.0
    sigma_data: float = 0.5

    def level(self, time: Array) -> tuple[Array, Array]:
        """alpha and sigma at times (n,); between the indices of a table the log-SNR is interpolated linearly."""
        time = np.asarray(time, dtype=np.float64)
        if self.family == "edm":
            return np.ones_like(time), time
        if self.family == "flow":
            return 1 - time, time
        log_snr = np.interp(time, np.arange(len(self.table)), _log_snr(self.table))
        if self.family == "ve":
            return np.ones_like(time), np.exp(-log_snr / 2)
        return np.sqrt(_logistic(log_snr)), np.sqrt(_logistic(-log_snr))

    def time(self, log_snr: Array) -> Array:
        """The time whose log(alpha^2 / sigma^2) is given, the nearest one beyond the ends. The inverse of `level`."""
        log_snr = np.asarray(log_snr, dtype=np.float64)
        if self.family == "edm":
            return np.clip(np.exp(-log_snr / 2), self.sigma_min, self.sigma_max)
        if self.family == "flow":
            return np.clip(_logistic(-log_snr / 2), _LEAST_FLOW, _MOST_FLOW)
        falling = _log_snr(self.table)
        return np.interp(-log_snr, -falling, np.arange(len(falling), dtype=np.float64))

    def spread(self, count: int) -> Array:
        """`count` times from the noisiest to the cleanest, evenly spaced in log-SNR. Those of tables are indices, so
        that a network is asked only what it was trained for; there may be fewer where they fall together."""
        low, high = self.log_snr_range
        times = self.time(np.linspace(low, high, count))
        return np.unique(np.round(times))[::-1] if self.family in ("vp", "ve") else times

    def walk(self, count: int) -> Array:
        """`count` times from the noisiest to the cleanest for a chain: every so many indices of a table, else evenly
        spaced in log-SNR."""
        if self.family in ("vp", "ve"):
            return np.unique(np.round(np.linspace(0, len(self.table) - 1, count)))[::-1]
        return self.spread(count)

    @property
    def table(self) -> Array:
        """alpha^2 by index. Raises ValueError for a family that has none."""
        if self.alphas_cumprod is None:
            raise ValueError(f"a schedule of family {self.family} has no table of alphas")
        return self.alphas_cumprod

    @property
    def log_snr_range(self) -> tuple[float, float]:
        """log(alpha^2 / sigma^2) at the noisiest and at the cleanest time."""
        if self.family in ("vp", "ve"):
            ends = _log_snr(self.table[[-1, 0]])
            return float(ends[0]), float(ends[1])
        noisiest, cleanest = (self.sigma_max, self.sigma_min) if self.family == "edm" else (_MOST_FLOW, _LEAST_FLOW)
        alpha, sigma = self.level(np.array([noisiest, cleanest]))
        low, high = 2 * np.log(alpha / sigma)
        return float(low), float(high)


def alphas_cumprod(beta_schedule: str, steps: int, beta_start: float, beta_end: float) -> Array:
    """alpha_t^2 = prod_{s <= t} (1 - beta_s), t = 0..steps-1, for a schedule of BETAS."""
    return cumulated(BETAS[beta_schedule](steps, beta_start, beta_end))


def cumulated(betas: Array) -> Array:
    """prod (1 - beta). The factors are rounded to single precision, as they were when the network was trained."""
    factors = np.float32(1) - betas.astype(np.float32)
    return np.cumprod(factors.astype(np.float64), dtype=np.float64)


def _linear(steps: int, start: float, end: float) -> Array:
    return np.linspace(start, end, steps)


def _scaled_linear(steps: int, start: float, end: float) -> Array:
    return np.square(np.linspace(np.sqrt(start), np.sqrt(end), steps), dtype=np.float64)


def _squared_cosine(steps: int, start: float, end: float) -> Array:
    """Nichol, Dhariwal (arXiv 2102.09672), equation 17."""
    at = np.arange(steps + 1) / steps
    wanted = np.cos((at + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - wanted[1:] / wanted[:-1], _MOST_BETA)


BETAS: dict[str, Callable[[int, float, float], Array]] = {
    "linear": _linear,
    "scaled_linear": _scaled_linear,
    "squaredcos_cap_v2": _squared_cosine,
}
"""The beta schedules that are known, by their names in diffusers."""


def _log_snr(table: Array) -> Array:
    return np.log(table) - np.log1p(-table)


def _logistic(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))
