"""The path functional of the linearised defect equation, on random stratified times.

    v(s, x) = E[ e^{A_T} g~(X_T) + int_s^T e^{A_r} eps(r, X_r) dr ] + remainder,
    dX = (mu + sigma F_z) dr + sigma dW,   A_t = int_s^t F_u dr,   all at (u_hat, z_hat).

Source: the Law of Defect of Fan, Sun, Yang, Lu (arXiv 2504.16172), with the linear part of F moved into the path
(Feynman-Kac with discount and Girsanov drift).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
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


def squared_steps(steps: int, refreshed: Collection[int]) -> float:
    """E sum D^2 over the pieces D into which the times numbered `refreshed` (0-based, ascending) cut (t, T), in units
    of ((T - t)/S)^2: the Euler bias of coefficients held over those pieces is proportional to it, to first order.

    One uniform time per stratum: times m strata apart have E[D^2] = m^2 + 1/6, time k is k + U away from the start,
    S - k - U from the end, with E[(k + U)^2] = k^2 + k + 1/3.
    """
    at = list(refreshed)
    if not at:
        return float(steps**2)
    left = steps - 1 - at[-1]
    inner = sum((b - a) ** 2 + 1 / 6 for a, b in itertools.pairwise(at))
    return at[0] ** 2 + at[0] + 1 / 3 + inner + left**2 + left + 1 / 3


def coarse_partners(steps: int) -> tuple[range, ...]:
    """Times at which the coarse partners of a path refresh its coefficients: every second one, starting at the second
    and at the first in turn. Together they coarsen every part of (t, T) alike, so that it does not matter when the bias
    arises; either alone leaves one end as fine as it was. A path of one time has one partner, which never refreshes."""
    return (range(1, steps, 2), range(0, steps, 2)) if steps > 1 else (range(0),)


def crude_partner(steps: int) -> range:
    """Times at which a still coarser partner refreshes: every fourth; never, where there are fewer than eight."""
    return range(1, steps, 4) if steps >= 8 else range(0)


def time_step_ratio(steps: int, partners: Collection[Collection[int]]) -> float:
    """E sum (partner's step)^2 / E sum (fine step)^2, on average over the partners.

    bias(fine) = -E[fine - partner] / (ratio - 1) to first order in the step.
    """
    coarse = sum(squared_steps(steps, partner) for partner in partners) / len(partners)
    return coarse / squared_steps(steps, range(steps))


def path_functional(
    equation: TensorEquation,
    paths: Paths,
    probes: torch.Generator,
    *,
    refreshed: Collection[int] | None = None,
    start: Linearisation | None = None,
) -> Tensor:
    """e^{A_T} g~(X_T) + sum_k e^{A_k} eps(t_k, X_k) (T - t)/S along each path: (B,), float64.

    In the martingale form (`equation.hedged`) g stands for g~, F - F_u u_hat - <F_z, z_hat> for eps, and u_hat(s, x)
    and sum_k e^{A_k} <z_hat(t_k, X_k), B_{k+1} - B_k> are taken away: the mean of that sum is 0 on any grid.

    Drift, diffusion and discount rate are held (see `stepping`) from each of the times `refreshed` to the next, all
    times where None; fewer make a coarser partner of a path, on the same noise and the same quadrature times. `start`:
    the linearisation where the paths start, where it is known already (many paths start at one point).
    """
    t, x, times, noise = paths
    steps = times.shape[1]
    here = start or equation.linearise(t, x, probes)[0]
    by_u, hedge, now, origin = here.by_u, here.hedge, t, x
    drift, sigma = equation.held(t, x, here.by_z)
    discount = torch.zeros(len(t), dtype=torch.float64, device=t.device)
    total = torch.zeros_like(discount)
    weight = (equation.horizon - t).double() / steps
    for k in range(steps + 1):
        then = times[:, k] if k < steps else torch.full_like(t, equation.horizon)
        dt = then - now
        if hedge is not None:
            total = total - discount.exp() * ((hedge * noise[:, k]).sum(-1) * dt.sqrt()).double()
        x = equation.step(x, dt, drift, sigma, noise[:, k])
        discount = discount + (by_u * dt).double()
        now = then
        if k == steps:
            break
        here, _, _ = equation.linearise(now, x, probes)
        hedge = here.hedge
        total = total + discount.exp() * here.residual.double() * weight
        if refreshed is None or k in refreshed:
            by_u = here.by_u
            drift, sigma = equation.held(now, x, here.by_z)
    total = total + discount.exp() * equation.terminal_defect(x).double()
    return total - equation.surrogate.value(t, origin).double() if equation.hedged else total


def travel(
    equation: TensorEquation, t: Tensor, x: Tensor, until: Tensor, noise: Tensor, probes: torch.Generator
) -> tuple[Tensor, Tensor]:
    """X and A at the times `until` (B,), in equal steps, one for each row of noise (B, steps, k)."""
    steps = noise.shape[1]
    dt = (until - t) / steps
    discount = torch.zeros(len(t), dtype=torch.float64, device=t.device)
    for k in range(steps):
        now = t + k * dt
        here, _, _ = equation.linearise(now, x, probes)
        drift, sigma = equation.held(now, x, here.by_z)
        x = equation.step(x, dt, drift, sigma, noise[:, k])
        discount = discount + (here.by_u * dt).double()
    return x, discount
