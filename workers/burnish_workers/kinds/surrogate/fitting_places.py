"""Where a fit looks at its network: along the diffusion's paths from where the answers are wanted, or in a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from burnish_workers.kinds.surrogate.equation import TensorEquation

EULER_STEPS = 8
"""Equal Euler steps to the random time, and again from there to T, where the coefficients vary."""

WIDE_SHARE, WIDE = 0.25, 2.0
"""So many of the paths are driven by noise of so many times its size. A network that is trained on the law itself is
wrong where the law hardly goes, and then few samples make up the variance: on viscous Burgers in d = 6 after 40 steps
of Levenberg-Marquardt the replicates had kurtosis 40 without wide paths and 3.5 with them, at the same deviation."""


class Places(NamedTuple):
    """t (B,), x (B, d): where residuals are taken; end (B, d): where the terminal mismatch is; span (B,): the time
    T - s over which the residual enters the defect."""

    t: Tensor
    x: Tensor
    end: Tensor
    span: Tensor


@dataclass(frozen=True)
class Starts:
    """Where paths start: at the points (m,), (m, d), or, where `box` is given, at t ~ U[0, T), x ~ U[low, high]^d."""

    t: Tensor
    x: Tensor
    box: tuple[float, float] | None
    horizon: float

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`count` starts: t (count,), x (count, d)."""
        if self.box is None:
            chosen = torch.randint(len(self.t), (count,), generator=generator, device=self.t.device)
            return self.t[chosen], self.x[chosen]
        low, high = self.box
        t = self.horizon * _uniform((count,), self.t, generator)
        return t, low + (high - low) * _uniform((count, self.x.shape[1]), self.t, generator)

    def draw_inside(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Uniform in the box (of the points, unless one is given) and in the time that is left from the earliest on:
        t, x and the time s from which it is left."""
        earliest = self.t.min() if self.box is None else torch.zeros_like(self.t.min())
        low, high = (self.x.amin(0), self.x.amax(0)) if self.box is None else self.box
        since = earliest.expand(count)
        t = since + (self.horizon - since) * _uniform((count,), self.t, generator)
        return t, low + (high - low) * _uniform((count, self.x.shape[1]), self.t, generator), since


def along_paths(
    equation: TensorEquation, starts: Starts, steps: int, noise_dim: int, count: int, generator: torch.Generator
) -> Places:
    """X at a uniform time of (s, T) and X_T, for paths dX = mu dt + sigma dW from `starts`, in `steps` Euler steps; the
    first WIDE_SHARE of them wide."""
    since, x = starts.draw(count, generator)
    span = equation.horizon - since
    t = since + span * _uniform((count,), since, generator)
    size = torch.ones_like(t)
    size[: round(WIDE_SHARE * count)] = WIDE
    noise = _Noise(size[:, None], noise_dim, generator)
    middle = _travel(equation, since, x, t, steps, noise)
    end = _travel(equation, t, middle, torch.full_like(t, equation.horizon), steps, noise)
    return Places(t, middle, end, span)


def in_box(equation: TensorEquation, starts: Starts, count: int, generator: torch.Generator) -> Places:
    """Residuals and terminal mismatch uniformly in the box."""
    t, x, since = starts.draw_inside(count, generator)
    return Places(t, x, starts.draw_inside(count, generator)[1], equation.horizon - since)


@dataclass(frozen=True)
class _Noise:
    """Normal variables (B, k) of the sizes (B, 1)."""

    size: Tensor
    noise_dim: int
    generator: torch.Generator

    def draw(self) -> Tensor:
        shape, like = (len(self.size), self.noise_dim), self.size
        return like * torch.randn(shape, generator=self.generator, device=like.device, dtype=like.dtype)


def _travel(
    equation: TensorEquation,
    t: Tensor,
    x: Tensor,
    until: Tensor,
    steps: int,
    noise: _Noise,
) -> Tensor:
    dt = (until - t) / steps
    root = dt.sqrt()[:, None]
    for k in range(steps):
        now = t + k * dt
        x = x + equation.drift(now, x) * dt[:, None] + equation.diffusion(now, x).apply(noise.draw()) * root
    return x


def _uniform(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=like.device, dtype=like.dtype)
