"""For those who have JAX: parameters trained there, copied into a PyTorch module, compared, exported, corrected.

    python examples/from_jax.py

Needs `pip install jax`. What travels is numbers: a JAX matrix of shape (in, out) is a PyTorch weight of (out, in). The
same for flax and equinox: their layers hold `kernel`/`weight` and `bias` (equinox's weights are (out, in) already).
"""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import torch
from correcting import DIM, HORIZON, SIGMA, finish
from torch import nn

import burnish

DRIFT = -(1 / DIM + SIGMA**2 / 2)
WIDTHS = (DIM + 1, 32, 32, 1)
Parameters = list[tuple[jax.Array, jax.Array]]


def network(parameters: Parameters, t: jax.Array, x: jax.Array) -> jax.Array:
    """u at one point: time first."""
    hidden = jnp.concatenate([t[None], x])
    for weight, bias in parameters[:-1]:
        hidden = jnp.tanh(hidden @ weight + bias)
    weight, bias = parameters[-1]
    return (hidden @ weight + bias)[0]


def residual(parameters: Parameters, t: jax.Array, x: jax.Array) -> jax.Array:
    """d_t u + mu sum d_i u + s^2/2 Laplacian u + s^2 u sum d_i u, of the network at one point."""
    u = network(parameters, t, x)
    by_t, by_x = jax.grad(network, argnums=(1, 2))(parameters, t, x)
    bent = jnp.trace(jax.hessian(network, argnums=2)(parameters, t, x))
    return by_t + (DRIFT + SIGMA**2 * u) * by_x.sum() + SIGMA**2 / 2 * bent


def loss(parameters: Parameters, key: jax.Array) -> jax.Array:
    """Squared residual in the box, and squared error at the end."""
    first, second = jax.random.split(key)
    t = HORIZON * jax.random.uniform(first, (256,))
    x = jax.random.uniform(second, (256, DIM)) - 0.5
    inside = jax.vmap(residual, (None, 0, 0))(parameters, t, x)
    end = jax.vmap(network, (None, None, 0))(parameters, jnp.asarray(HORIZON), x)
    return (inside**2).mean() + 10 * ((end - jax.nn.sigmoid(HORIZON + x.sum(1))) ** 2).mean()


def train(steps: int = 400, rate: float = 3e-3) -> Parameters:
    """Adam, written out: 1 - beta are 0.1 and 0.001."""
    key = jax.random.key(0)
    parameters: Parameters = []
    for n, m in pairwise(WIDTHS):
        key, own = jax.random.split(key)
        parameters.append((jax.random.normal(own, (n, m)) / n**0.5, jnp.zeros(m)))
    zeros = jax.tree.map(jnp.zeros_like, parameters)

    @jax.jit
    def step(state, key, i):
        parameters, mean, square = state
        slope = jax.grad(loss)(parameters, key)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, slope)
        corrected = rate * jnp.sqrt(1 - 0.999**i) / (1 - 0.9**i)
        moved = jax.tree.map(lambda p, m, v: p - corrected * m / (jnp.sqrt(v) + 1e-8), parameters, mean, square)
        return moved, mean, square

    state = (parameters, zeros, zeros)
    for i in range(1, steps + 1):
        key, own = jax.random.split(key)
        state = step(state, own, i)
    return state[0]


def as_module(parameters: Parameters) -> nn.Sequential:
    """The same network in PyTorch; raises ValueError where it is not the same."""
    layers: list[nn.Module] = []
    for weight, bias in parameters:
        layer = nn.Linear(*weight.shape)
        layer.load_state_dict({"weight": torch.tensor(np.array(weight.T)), "bias": torch.tensor(np.array(bias))})
        layers += [layer, nn.Tanh()]
    module = nn.Sequential(*layers[:-1])
    inputs = np.random.default_rng(0).uniform(-1, 1, (100, DIM + 1)).astype(np.float32)
    mine = module(torch.tensor(inputs))[:, 0].detach().numpy()
    theirs = jax.vmap(network, (None, 0, 0))(parameters, jnp.asarray(inputs[:, 0]), jnp.asarray(inputs[:, 1:]))
    if not np.allclose(mine, theirs, atol=1e-5):
        raise ValueError(f"the copy differs from the original by {np.abs(mine - theirs).max():.2g}")
    return module


if __name__ == "__main__":
    finish(burnish.export(as_module(train()), DIM, inputs="tx"))
