"""The path functional of the linearised defect equation, on random stratified times.

    v(s, x) = E[ e^{A_T} g~(X_T) + int_s^T e^{A_r} eps(r, X_r) dr ] + remainder,
    dX = (mu + sigma F_z) dr + sigma dW,   A_t = int_s^t F_u dr,   all at (u_hat, z_hat).

Source: the Law of Defect of Fan, Sun, Yang, Lu (arXiv 2504.16172), with the linear part of F moved into the path
(Feynman-Kac with discount and Girsanov drift).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from burnish_workers.kinds.surrogate.equation import Linearisation, TensorEquation


class Paths(NamedTuple):
    """Where B paths start and what drives them: t (B,), x (B, d), times (B, S) ascending, noise (B, S+1, k)."""

    t: Tensor
    x: Tensor
    times: Tensor
    noise: Tensor


def stratified_times(t: Tensor, horizon: float, steps: int, generator: torch.Generator) -> Tensor:
    """One uniform time in each of `steps` equal strata of (t, T): (B,) -> (B, steps).

    The mean of f over them is an unbiased estimate of the time average of f on [t, T].
    """
    uniform = torch.rand(len(t), steps, generator=generator, device=t.device, dtype=t.dtype)
    strata = torch.arange(steps, device=t.device, dtype=t.dtype)
    return t[:, None] + (horizon - t)[:, None] * (strata + uniform) / steps


def stratified_noise(
    t: Tensor, times: Tensor, noise: Tensor, direction: Tensor, uniform: Tensor, horizon: float
) -> Tensor:
    """Noise (B, S+1, k) whose Brownian motion ends at a prescribed quantile along a unit vector (B, k).

    <a, W_T - W_t> = sqrt(T - t) Phi^-1(1/2 + u/2), half of the normal law (an antithetic partner has the other half);
    the path given its end is a Brownian bridge, so that with u uniform the noise keeps its law up to the sign.
    Source: Glasserman, Monte Carlo Methods in Financial Engineering (2003), section 4.3.2.
    """
    ends = torch.cat([t[:, None], times, torch.full_like(t, horizon)[:, None]], 1)
    roots = (ends[:, 1:] - ends[:, :-1]).sqrt()
    span = horizon - t
    reached = torch.einsum("bsk,bk,bs->b", noise, direction, roots)
    wanted = span.sqrt() * torch.special.ndtri(0.5 + 0.5 * uniform.double().clamp(1e-12, 1 - 1e-12)).to(t.dtype)
    return noise + roots[:, :, None] * ((wanted - reached) / span)[:, None, None] * direction[:, None, :]


def time_step_ratio(steps: int) -> float:
    """E sum (coarse step)^2 / E sum (fine step)^2 for coefficients refreshed at every second instead of every time.

    With one uniform time per stratum of length h, neighbours are E[D^2] = 7/6 h^2 apart, second neighbours 25/6 h^2;
    the pieces at the two ends are shorter. The Euler bias is proportional to these sums to first order, so
    bias(fine) = -E[fine - coarse] / (ratio - 1).
    """
    fine = 2 / 3 + (steps - 1) * 7 / 6
    refreshed = steps // 2
    if refreshed == 0:
        return 1 / fine
    last = 1 / 3 if steps % 2 == 0 else 7 / 3
    return (7 / 3 + (refreshed - 1) * 25 / 6 + last) / fine


def path_functional(
    equation: TensorEquation,
    paths: Paths,
    probes: torch.Generator,
    *,
    refresh: int = 1,
    start: Linearisation | None = None,
) -> Tensor:
    """e^{A_T} g~(X_T) + sum_k e^{A_k} eps(t_k, X_k) (T - t)/S along each path: (B,), float64.

    Drift and discount rate are those of the last `refresh`-th time (Euler); refresh = 2 gives the coarse partner of a
    path on the same noise and the same quadrature times. `start`: the linearisation where the paths start, where it is
    known already (many paths start at one point).
    """
    t, x, times, noise = paths
    steps = times.shape[1]
    here = start or equation.linearise(t, x, probes)[0]
    by_u, by_z = here.by_u, here.by_z
    drift, now = _drift(equation, t, x, by_z), t
    discount = torch.zeros(len(t), dtype=torch.float64, device=t.device)
    total = torch.zeros_like(discount)
    weight = (equation.horizon - t).double() / steps
    for k in range(steps + 1):
        then = times[:, k] if k < steps else torch.full_like(t, equation.horizon)
        dt = then - now
        sigma = equation.diffusion(now, x)
        x = x + drift * dt[:, None] + sigma.apply(noise[:, k]) * dt.sqrt()[:, None]
        discount = discount + (by_u * dt).double()
        now = then
        if k == steps:
            break
        here, _, _ = equation.linearise(now, x, probes)
        total = total + discount.exp() * here.residual.double() * weight
        if (k + 1) % refresh == 0:
            by_u, by_z = here.by_u, here.by_z
            drift = _drift(equation, now, x, by_z)
    return total + discount.exp() * equation.terminal_defect(x).double()


def travel(
    equation: TensorEquation, t: Tensor, x: Tensor, until: Tensor, noise: Tensor, probes: torch.Generator
) -> tuple[Tensor, Tensor]:
    """X and A at the times `until` (B,), by Euler in equal steps, one for each row of noise (B, steps, k)."""
    steps = noise.shape[1]
    dt = (until - t) / steps
    discount = torch.zeros(len(t), dtype=torch.float64, device=t.device)
    for k in range(steps):
        now = t + k * dt
        here, _, _ = equation.linearise(now, x, probes)
        sigma = equation.diffusion(now, x)
        x = x + _drift(equation, now, x, here.by_z) * dt[:, None] + sigma.apply(noise[:, k]) * dt.sqrt()[:, None]
        discount = discount + (here.by_u * dt).double()
    return x, discount


def _drift(equation: TensorEquation, t: Tensor, x: Tensor, by_z: Tensor | None) -> Tensor:
    """mu + sigma F_z."""
    drift = equation.drift(t, x)
    return drift if by_z is None else drift + equation.diffusion(t, x).apply(by_z)
