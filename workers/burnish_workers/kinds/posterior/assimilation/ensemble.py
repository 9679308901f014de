"""Ensemble Kalman filters: even weights, a linear update from the ensemble's own covariances.

Exact as N grows where all is linear and Gaussian; elsewhere the bias has no bound that one could state.
P. L. Houtekamer and F. Zhang, Review of the ensemble Kalman filter for atmospheric data assimilation, MWR 144 (2016).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from burnish.wire.specs.assimilation import Filter
from burnish_workers.kinds.posterior.assimilation.dynamics import Mover
from burnish_workers.kinds.posterior.assimilation.filters import Advanced, Cloud, seen
from burnish_workers.kinds.posterior.assimilation.localisation import between, distances
from burnish_workers.kinds.posterior.assimilation.proposals import PATTERNS
from burnish_workers.kinds.posterior.assimilation.sensors import Gaussian, Sensor, sensor_of
from burnish_workers.kinds.posterior.assimilation.setting import Setting
from burnish_workers.kinds.posterior.smc import Stream

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Analysis:
    """What an update needs of the numbers that were seen. `noise` R and `whitener` R^-1/2 (k, k; None where R is
    singular), `near` and `among`: tapers between coordinates and observations (d, k) and among observations (k, k)."""

    sensor: Sensor
    noise: Tensor
    whitener: Tensor | None
    near: Tensor | None
    among: Tensor | None


@dataclass(frozen=True)
class Deviations:
    """An ensemble as seen by a sensor: means and deviations of x (N, d) and of h(x) (N, k)."""

    mean: Tensor
    x: Tensor
    seen_mean: Tensor
    seen: Tensor

    @staticmethod
    def of(x: Tensor, sensor: Sensor) -> Deviations:
        hx = sensor.apply(x)
        mean, seen_mean = x.mean(0), hx.mean(0)
        return Deviations(mean, x - mean, seen_mean, hx - seen_mean)

    @property
    def freedom(self) -> int:
        """N - 1."""
        return len(self.x) - 1


Update = Callable[[Deviations, Analysis, Tensor, Stream], Tensor]
"""The analysed ensemble (N, d) from deviations and the numbers y (k,)."""


@dataclass(frozen=True)
class EnsembleFilter:
    """Forecast, then update; deviations are inflated afterwards."""

    transition: Mover
    options: Filter
    analysis: Callable[[tuple[int, ...]], Analysis]
    update: Update

    def advance(self, cloud: Cloud, observation: _Array, stream: Stream) -> Advanced:
        """Assimilate one observation; the increment is log N(y; mean of h, C_hh + R)."""
        x = self.transition.forward(cloud.x, stream)
        numbers, rows = seen(observation)
        if not rows:
            return Advanced(Cloud.even(x), 0.0, 0)
        lost = ~x.isfinite().all(1)
        if bool(lost.any()):
            if bool(lost.all()):
                return Advanced(Cloud.even(cloud.x), -np.inf, len(x))
            x = x[torch.where(lost, int((~lost).nonzero()[0, 0]), torch.arange(len(x), device=x.device))]
        analysis = self.analysis(rows)
        y, deviations = analysis.sensor.tensor(numbers), Deviations.of(x, analysis.sensor)
        increment = innovation(deviations, analysis, y)
        x = self.update(deviations, analysis, y, stream)
        mean = x.mean(0)
        return Advanced(Cloud.even(mean + self.options.inflation * (x - mean)), increment, int(lost.sum()))


def innovation(deviations: Deviations, analysis: Analysis, y: Tensor) -> float:
    """log N(y; mean of h(x), C_hh + R)."""
    covariance = deviations.seen.T @ deviations.seen / deviations.freedom + analysis.noise
    gaussian = Gaussian.of(covariance.cpu().numpy())
    residual = (y - deviations.seen_mean).cpu().numpy()
    return float(gaussian.log_density(torch.from_numpy(gaussian.whitener @ residual)[None])[0])


def stochastic(deviations: Deviations, analysis: Analysis, y: Tensor, stream: Stream) -> Tensor:
    """x_i + K (y + e_i - h(x_i)), K = C_xh (C_hh + R)^-1, e ~ N(0, R) centred (Burgers, van Leeuwen, Evensen 1998)."""
    across = deviations.x.T @ deviations.seen / deviations.freedom
    among = deviations.seen.T @ deviations.seen / deviations.freedom
    if analysis.near is not None and analysis.among is not None:
        across, among = across * analysis.near, among * analysis.among
    gain = torch.linalg.solve(among + analysis.noise, across.T)
    values, vectors = torch.linalg.eigh(analysis.noise)
    noise = stream.normal(*deviations.seen.shape, dtype=y.dtype)
    noise = (noise - noise.mean(0)) @ (vectors * values.clamp_min(0).sqrt()).T
    residual = y + noise - deviations.seen_mean - deviations.seen
    return deviations.mean + deviations.x + residual @ gain


def square_root(deviations: Deviations, analysis: Analysis, y: Tensor, stream: Stream) -> Tensor:
    """The symmetric transform of the ensemble (Hunt, Kostelich and Szunyogh 2007).

    With B = Y R^-1/2 / sqrt(N - 1) = U s V^T: mean weights U s/(1 + s^2) V^T R^-1/2 (y - mean h) / sqrt(N - 1), and
    deviations times (I + B B^T)^-1/2 = I + U ((1 + s^2)^-1/2 - 1) U^T.
    """
    assert analysis.whitener is not None
    if analysis.near is not None:
        return _local_square_roots(deviations, analysis, y)
    scaled, residual = _whitened(deviations, analysis, y)
    shift, turned = _transformed(scaled, residual, deviations.x)
    return deviations.mean + shift / deviations.freedom**0.5 + turned


def _whitened(deviations: Deviations, analysis: Analysis, y: Tensor) -> tuple[Tensor, Tensor]:
    """B (N, k) and R^-1/2 (y - mean h) (k,)."""
    assert analysis.whitener is not None
    scaled = deviations.seen @ analysis.whitener.T / deviations.freedom**0.5
    return scaled, analysis.whitener @ (y - deviations.seen_mean)


def _transformed(scaled: Tensor, residual: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """What is added to the mean (times sqrt(N - 1)), and the new deviations; all may come in batches."""
    u, s, vt = torch.linalg.svd(scaled, full_matrices=False)
    weights = (u * (s / (1 + s * s))[..., None, :]) @ (vt @ residual[..., None])
    shrink = ((1 + s * s).rsqrt() - 1)[..., :, None]
    return (weights.mT @ x)[..., 0, :], x + u @ (shrink * (u.mT @ x))


def _local_square_roots(deviations: Deviations, analysis: Analysis, y: Tensor) -> Tensor:
    """Each coordinate by itself, from observations weighed down by their distance."""
    assert analysis.near is not None
    scaled, residual = _whitened(deviations, analysis, y)
    parts: list[Tensor] = []
    for first in range(0, deviations.x.shape[1], TOGETHER):
        weight = analysis.near[first : first + TOGETHER].sqrt()
        own = deviations.x[:, first : first + TOGETHER].T[:, :, None]
        shift, turned = _transformed(scaled * weight[:, None, :], residual * weight, own)
        parts.append((shift[:, None] / deviations.freedom**0.5 + turned)[:, :, 0].T)
    return deviations.mean + torch.cat(parts, dim=1)


TOGETHER = 64
"""Coordinates whose local transforms are computed at once: bounds the memory, (64, N, k)."""


def ensemble_filter(setting: Setting, transition: Mover, like: Tensor) -> EnsembleFilter:
    """The ensemble filter of a setting. `like`: of the particles' type and device."""
    width = setting.filter.localisation

    @lru_cache(PATTERNS)
    def analysis(rows: tuple[int, ...]) -> Analysis:
        sensor = sensor_of(setting, rows, like)
        noise = sensor.tensor(sensor.noise)
        whitener = sensor.tensor(Gaussian.of(sensor.noise).whitener) if setting.method == "etkf" else None
        if width is None or setting.operator.places is None:
            return Analysis(sensor, noise, whitener, None, None)
        places = np.array([setting.operator.places[row] for row in rows])
        every = np.arange(setting.dim)
        near = between(distances(every, places, setting.dim, setting.ring), width)
        among = between(distances(places, places, setting.dim, setting.ring), width)
        return Analysis(sensor, noise, whitener, sensor.tensor(near), sensor.tensor(among))

    update = stochastic if setting.method == "enkf" else square_root
    return EnsembleFilter(transition, setting.filter, analysis, update)
