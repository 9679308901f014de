"""A Gaussian-process surrogate: Gaussian-kernel collocation of the equation, exported as a user would.

u(t, x) = sum_j a_j k((t, x), (t_j, x_j)),  k(p, q) = exp(-|p - q|^2 / 2 l^2). The coefficients minimise

    sum_i residual(p_i)^2 / N + w sum_b (u(T, x_b) - g(x_b))^2 / B + r^2 |a|^2

over N points inside and B at the end, by Gauss-Newton (Chen, Hosseini, Owhadi, Stuart, J. Comput. Phys. 447, 2021:
the same collocation with the kernel's own norm in place of the ridge). Centres are the collocation points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jobs import Array
from torch import Tensor, nn

SIGMA, HORIZON = 0.25, 0.5
WEIGHT, RIDGE = 10.0, 1e-2
"""Of the terminal condition, and of the coefficients: with less, single precision loses digits to large ones."""


class KernelMean(nn.Module):
    """The posterior mean as a module u(t, x): centres (n, d + 1) with the time last, weights (n,), length l."""

    centres: Tensor
    weights: Tensor

    def __init__(self, centres: Array, weights: Array, length: float) -> None:
        super().__init__()
        self.register_buffer("centres", torch.as_tensor(centres, dtype=torch.float32))
        self.register_buffer("weights", torch.as_tensor(weights, dtype=torch.float32))
        self.scale = -0.5 / length**2

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        points = torch.cat([x, t.unsqueeze(1)], 1)
        squares = (points * points).sum(1, keepdim=True) + (self.centres * self.centres).sum(1)
        return torch.exp(self.scale * (squares - 2 * points @ self.centres.T)) @ self.weights


@dataclass(frozen=True)
class Collocation:
    """The kernel and its derivatives at N points (rows) for all centres (columns)."""

    value: Array
    along: Array
    """sum over the space coordinates of the gradient"""
    generated: Array
    """d_t k + <mu, grad k> + sigma^2/2 Laplacian k"""


def collocate(points: Array, centres: Array, length: float, drift: float) -> Collocation:
    """Derivatives of a Gaussian in closed form."""
    dim = points.shape[1] - 1
    square = ((points[:, None] - centres) ** 2).sum(-1)
    k = np.exp(-square / (2 * length**2))
    by_t = -(points[:, None, -1] - centres[:, -1]) / length**2 * k
    along = -(points[:, None, :-1] - centres[:, :-1]).sum(-1) / length**2 * k
    in_space = square - (points[:, None, -1] - centres[:, -1]) ** 2
    laplacian = (in_space / length**4 - dim / length**2) * k
    return Collocation(k, along, by_t + drift * along + SIGMA**2 / 2 * laplacian)


def fit_burgers(dim: int, seed: int, inside: int = 300, ends: int = 300, iterations: int = 8) -> KernelMean:
    """Collocate viscous Burgers, F = sigma u sum z = sigma^2 u sum_i d_i u, in the box where points are drawn."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-0.5, 0.5, (inside + ends, dim))
    t = np.concatenate([rng.uniform(0, HORIZON, inside), np.full(ends, HORIZON)])
    points = np.column_stack([x, t])
    length = 2 * np.sqrt(dim / 6)  # twice the typical distance between two points of the box
    drift = -(1 / dim + SIGMA**2 / 2)
    within, end = collocate(points[:inside], points, length, drift), collocate(points[inside:], points, length, drift)
    target, scale = 1 / (1 + np.exp(-(HORIZON + x[inside:].sum(1)))), np.sqrt(WEIGHT / ends)
    a = np.zeros(inside + ends)
    for _ in range(iterations):
        u, slope = within.value @ a, within.along @ a
        residual = within.generated @ a + SIGMA**2 * u * slope
        by_a = within.generated + SIGMA**2 * (slope[:, None] * within.value + u[:, None] * within.along)
        rows = np.vstack([by_a / np.sqrt(inside), scale * end.value, RIDGE * np.eye(len(a))])
        right = np.concatenate([residual / np.sqrt(inside), scale * (end.value @ a - target), RIDGE * a])
        a = a - np.linalg.solve(rows.T @ rows, rows.T @ right)
    return KernelMean(points, a, length)
