"""The two Black-Scholes equations for many assets, by simulations that share nothing with the estimators. Torch-free.

Two rates. u is the supremum over adapted rates r in {R_l, R_b} of E[e^{-int r} g(X)], dX_i = r X_i dt + s X_i dW_i. The
price p at one constant rate q is an integral of the law of the maximum, P(max X > y) = 1 - prod_i Phi(-d_i(y)):

    p = e^{-q tau} int g'(y) P(max X_T > y) dy,   H = sum_i x_i d_i p - p,   borrow where H > 0.

That policy is worth u_q = p + E int e^{-int r} ((R_b - R_l) max(0, H) - (q - R_l) H) dt: a lower bound of u, which it
misses only where H has the wrong sign, by at most (R_b - R_l) |H_u| there. Whatever q, the same value: then it is u.

Default risk. F depends on u alone, so that multilevel Picard iteration needs no gradients (E, Hutzenthaler, Jentzen,
Kruse, J. Sci. Comput. 79, 2019), over M^{n-l} samples:

    U_n = mean g(X_T) + sum_{l<n} mean (T-t)(F(U_l) - F(U_{l-1}))(R, X_R)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Floats = NDArray[np.float64]

SIGMA = 0.2
LEND, BORROW, MATURITY = 0.04, 0.06, 0.5


def two_rates(dim: int, spot: float, rate: float, pairs: int, steps: int, seed: int) -> tuple[float, float]:
    """u(0, (spot, ..., spot)) from `pairs` antithetic paths with `steps` random times, and its standard error."""
    rng, rows = np.random.default_rng(seed), 2 * pairs
    x, now = np.full((rows, dim), spot), np.zeros(rows)
    price, holding = _price(now[:1], x[:1], rate)
    held, discount, total = np.full(rows, holding[0]), np.zeros(rows), np.zeros(rows)
    for k in range(steps):
        then = np.tile((k + rng.random(pairs)) * MATURITY / steps, 2)
        noise = rng.normal(size=(pairs, dim))
        lag, chosen = then - now, np.where(held > 0, BORROW, LEND)
        shocks = SIGMA * np.sqrt(lag)[:, None] * np.concatenate([noise, -noise])
        x = x * np.exp(((chosen - SIGMA**2 / 2) * lag)[:, None] + shocks)
        discount, now = discount - chosen * lag, then
        held = _price(now, x, rate)[1]
        gain = (BORROW - LEND) * np.maximum(held, 0) - (rate - LEND) * held
        total += np.exp(discount) * gain * MATURITY / steps
    values = total.reshape(2, pairs).mean(0)
    return float(price[0] + values.mean()), float(values.std() / np.sqrt(pairs))


def _price(t: Floats, x: Floats, rate: float) -> tuple[Floats, Floats]:
    """p and H at times t (B,) and places x (B, d)."""
    tau = (MATURITY - t)[:, None]
    level, weight = _nodes(float(x.max()))
    root = SIGMA * np.sqrt(tau)
    none, density = np.zeros((len(x), len(level))), np.zeros((len(x), len(level)))
    for column in x.T:
        d = (np.log(level / column[:, None]) - (rate - SIGMA**2 / 2) * tau) / root
        below = log_ndtr(d)
        none += below
        density += np.exp(-(d**2) / 2 - below) / np.sqrt(2 * np.pi)
    worth = np.exp(-rate * tau[:, 0])
    price = worth * ((1 - np.exp(none)) @ weight)
    return price, worth * ((np.exp(none) * density / root) @ weight) - price


def _nodes(highest: float) -> tuple[Floats, Floats]:
    """Levels y and weights of the integral of g'(y), 1 on (120, 150) and -1 above (Gauss-Legendre)."""
    pieces = ((120.0, 150.0, 1, 24), (150.0, 250.0, -1, 40), (250.0, max(600.0, 3 * highest), -1, 24))
    nodes, weights = zip(*(np.polynomial.legendre.leggauss(piece[3]) for piece in pieces), strict=True)
    level = [(b - a) / 2 * node + (a + b) / 2 for (a, b, *_), node in zip(pieces, nodes, strict=True)]
    weight = [sign * (b - a) / 2 * w for (a, b, sign, _), w in zip(pieces, weights, strict=True)]
    return np.concatenate(level), np.concatenate(weight)


def default_risk(dim: int, spot: float, levels: int, basis: int, runs: int, seed: int) -> tuple[float, float]:
    """u(0, (spot, ..., spot)) as the mean of `runs` independent U_n with M = basis, and its standard error."""
    rng = np.random.default_rng(seed)
    x = np.full((1, dim), spot)
    values = np.array([_picard(levels, basis, np.zeros(1), x, rng)[0] for _ in range(runs)])
    return float(values.mean()), float(values.std() / np.sqrt(runs))


def _picard(levels: int, basis: int, t: Floats, x: Floats, rng: np.random.Generator) -> Floats:
    if levels == 0:
        return np.zeros(len(t))
    starts, places = np.repeat(t, basis**levels), np.repeat(x, basis**levels, axis=0)
    total = _travel(places, 1 - starts, rng).min(axis=1).reshape(len(t), -1).mean(axis=1)
    for level in range(levels):
        count = basis ** (levels - level)
        starts, places = np.repeat(t, count), np.repeat(x, count, axis=0)
        lag = (1 - starts) * rng.random(len(starts))
        there = _travel(places, lag, rng)
        value = _loss(_picard(level, basis, starts + lag, there, rng))
        if level > 0:
            value = value - _loss(_picard(level - 1, basis, starts + lag, there, rng))
        total = total + (1 - t) * value.reshape(len(t), -1).mean(axis=1)
    return total


def _travel(x: Floats, lag: Floats, rng: np.random.Generator) -> Floats:
    drift = (0.02 - SIGMA**2 / 2) * lag
    return x * np.exp(drift[:, None] + SIGMA * np.sqrt(lag)[:, None] * rng.normal(size=x.shape))


def _loss(u: Floats) -> Floats:
    """F."""
    return -(np.clip(0.2 - 0.009 * (u - 50), 0.02, 0.2) / 3 + 0.02) * u
