"""Observation operators for the numbers that were seen: y = h(x) + N(0, R), and the likelihood log N(y; h(x), R)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from torch import Tensor

from burnish_workers.kinds.posterior.assimilation.dynamics import Map, formulas_map
from burnish_workers.kinds.posterior.assimilation.setting import Setting

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sensor:
    """h for the k numbers in `rows`. `matrix` H (k, d) where h is linear; `noise` R (k, k)."""

    rows: tuple[int, ...]
    apply: Map
    matrix: _Array | None
    noise: _Array
    like: Tensor

    def tensor(self, values: _Array) -> Tensor:
        """An array in the type and on the device of the particles."""
        return torch.as_tensor(values, dtype=self.like.dtype, device=self.like.device)


def sensor_of(setting: Setting, rows: tuple[int, ...], like: Tensor) -> Sensor:
    """The sensor that sees `rows` of the observation alone; `like`: a tensor of the particles' type and device."""
    chosen, operator = list(rows), setting.operator
    noise = setting.observation_noise[np.ix_(chosen, chosen)]
    if operator.matrix is not None:
        matrix = operator.matrix[chosen]
        transposed = torch.as_tensor(matrix.T.copy(), dtype=like.dtype, device=like.device)
        return Sensor(rows, lambda x: x @ transposed, matrix, noise, like)
    every = formulas_map(operator.formulas)
    return Sensor(rows, lambda x: every(x)[:, chosen], None, noise, like)


@dataclass(frozen=True)
class Gaussian:
    """log N(e; 0, C) of residuals. `whitener` L^-1 (k, k) with L L^T = C; `constant`: -log det L - k/2 log 2 pi."""

    whitener: _Array
    constant: float

    @staticmethod
    def of(covariance: _Array) -> Gaussian:
        lower = np.linalg.cholesky(covariance)
        inverse = solve_triangular(lower, np.eye(len(lower)), lower=True)
        return Gaussian(inverse, -float(np.log(np.diag(lower)).sum()) - len(lower) / 2 * math.log(2 * math.pi))

    def log_density(self, whitened: Tensor) -> Tensor:
        """From whitened residuals L^-1 e (N, k): (N,) in double precision."""
        square = whitened[:, 0].square() if whitened.shape[1] == 1 else torch.linalg.vecdot(whitened, whitened)
        return square.double().mul_(-0.5).add_(self.constant)


@dataclass(frozen=True)
class Likelihood:
    """log p(y | x) for any y; for linear h the operator is whitened once: L^-1 (y - H x) = L^-1 y - (L^-1 H) x."""

    sensor: Sensor
    gaussian: Gaussian
    whitener: Tensor
    through: Tensor | None

    @staticmethod
    def of(sensor: Sensor) -> Likelihood:
        gaussian = Gaussian.of(sensor.noise)
        through = None if sensor.matrix is None else sensor.tensor(-(gaussian.whitener @ sensor.matrix).T)
        return Likelihood(sensor, gaussian, sensor.tensor(gaussian.whitener.T), through)

    def __call__(self, x: Tensor, y: _Array) -> Tensor:
        """(N,) from x (N, d) and the numbers seen y (k,)."""
        if self.through is None:
            return self.gaussian.log_density((self.sensor.tensor(y) - self.sensor.apply(x)) @ self.whitener)
        return self.gaussian.log_density(torch.addmm(self.sensor.tensor(self.gaussian.whitener @ y), x, self.through))
