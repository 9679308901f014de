"""Journeys of paths with Bismut-Elworthy-Li weights: gradients of expectations without differentiating the integrand.

    sigma^T grad_x E[e^{A_t} f(X_t)] = E[e^{A_t} f(X_t) I_t]

    I_t = sigma(x)^T ( (1/(t-s)) int_s^t (sigma^{-1} D_r)^T dW_r + int_s^t (t-r)/(t-s) D_r^T grad c(X_r) dr )

with the tangent D = dX/dx, A_t = int_s^t c(X_r) dr. Both integrals are the gradient at the start of one sum,

    (1/(t-s)) sum_k [ <X_k(x), sigma(X_k)^{-T} dW_k> + (t - r_k) c(X_k(x)) dr_k ]     (second factors held),

so that one reverse pass gives the weight, without a d x d tangent. It is W_t/(t-s) where A is 0 and mu and sigma are
constant, whatever the shape of sigma, or constants times x (sigma^{-1} D = 1/(s x), coordinate by coordinate). In mean
square I_t is of size (t-s)^{-1/2}: times that are drawn with density
1/(2 sqrt r) on (0, 1), r = U^2, keep weight times density bounded; uniform times give the gradient infinite variance.

Sources: J.-M. Bismut, Large Deviations and the Malliavin Calculus (1984); K. D. Elworthy, X.-M. Li, J. Funct. Anal. 125
(1994); density: Hutzenthaler, Jentzen, Kruse, Commun. Math. Stat. (2021), on multilevel Picard with gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from burnish_workers.kinds.surrogate.equation import TensorEquation
from burnish_workers.tensors.diffusion import Diffusion


class Arrival(NamedTuple):
    """Where paths are at a stop: t (B,), x (B, d), A (B,), and the weight I (B, k), None where none was asked for."""

    t: Tensor
    x: Tensor
    discount: Tensor
    weight: Tensor | None


def random_time(span: Tensor, weighted: bool, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random time after the start, in (0, T - s], and (T - s)/rho: (B,), (B,).

    Uniform; r = U^2 with density rho(r) = 1/(2 sqrt r) where the integrand is weighted.
    """
    uniform = 1 - torch.rand(len(span), generator=generator, device=span.device, dtype=span.dtype)
    return (span * uniform**2, 2 * span * uniform) if weighted else (span * uniform, span)


def journey(
    equation: TensorEquation, t: Tensor, x: Tensor, legs: Sequence[Tensor], noise: Tensor, weighted: bool, steady: bool
) -> list[Arrival]:
    """Arrivals at the end of each leg of paths dX = (mu + sigma F_z) dt + sigma dW, F_z at (u_hat, z_hat).

    `legs`: their lengths in time, (B,) each; `noise`: (B, legs, steps, k), Euler steps of equal length in a leg.
    `steady`: coefficients are constant, or constants times x (and F is frozen), so that a leg is one exact step.
    """
    if steady:
        return _steady(equation, t, x, legs, noise[:, :, 0], weighted)
    with torch.set_grad_enabled(weighted):
        return _euler(equation, t, x.detach().requires_grad_() if weighted else x, legs, noise, weighted)


def _steady(
    equation: TensorEquation, t: Tensor, x: Tensor, legs: Sequence[Tensor], noise: Tensor, weighted: bool
) -> list[Arrival]:
    drift, sigma = equation.held(t, x, None)
    elapsed, brownian, arrivals = torch.zeros_like(t), torch.zeros_like(noise[:, 0]), list[Arrival]()
    for leg, dt in enumerate(legs):
        x = equation.step(x, dt, drift, sigma, noise[:, leg])
        elapsed, brownian = elapsed + dt, brownian + dt.sqrt()[:, None] * noise[:, leg]
        weight = brownian / elapsed[:, None] if weighted else None
        arrivals.append(Arrival(t + elapsed, x, torch.zeros_like(t), weight))
    return arrivals


def _euler(
    equation: TensorEquation, t: Tensor, start: Tensor, legs: Sequence[Tensor], noise: Tensor, weighted: bool
) -> list[Arrival]:
    x, elapsed, discount = start, torch.zeros_like(t), torch.zeros_like(t)
    # sum <X_k, y_k>, sum c dr and sum r c dr, whose gradients make the weight at every stop.
    pulled = rate = moment = torch.zeros_like(t)
    arrivals, steps = list[Arrival](), noise.shape[2]
    for leg, length in enumerate(legs):
        dt = length / steps
        for k in range(steps):
            now = t + elapsed
            by_u, by_z = equation.rates(now, x)
            drift, sigma = equation.held(now, x, by_z)
            if weighted:
                kick = _inverse_transpose(equation.diffusion(now, x), noise[:, leg, k] * dt.sqrt()[:, None]).detach()
                pulled = pulled + (x * kick).sum(-1)
                rate, moment = rate + by_u * dt, moment + by_u * dt * elapsed
            x = equation.step(x, dt, drift, sigma, noise[:, leg, k])
            discount = discount + (by_u * dt).detach()
            elapsed = elapsed + dt
        weight = None
        if weighted:
            total = (pulled + elapsed * rate - moment) / elapsed
            last = leg == len(legs) - 1
            (slope,) = torch.autograd.grad(total.sum(), start, retain_graph=not last)
            weight = equation.diffusion(t, start).transpose(slope).detach()
        arrivals.append(Arrival(t + elapsed, x.detach(), discount, weight))
    return arrivals


def _inverse_transpose(sigma: Diffusion, vector: Tensor) -> Tensor:
    """sigma^{-T} y: (B, d) -> (B, d)."""
    if sigma.form == "matrix":
        return torch.linalg.solve(sigma.tensor.T, vector.T).T
    # A scalar or diagonal sigma is its own transpose.
    return vector / sigma.apply(torch.ones_like(vector))
