"""For those who have DeepXDE, with its PyTorch backend: its network takes one tensor, x first and time last ("xt").

    DDE_BACKEND=pytorch python examples/from_deepxde.py

Needs `pip install deepxde`. The equation runs backwards from a terminal condition, which DeepXDE states as values at
points with t = T. A model with `net.apply_output_transform(...)` is exported as it is, transform included.
"""

from __future__ import annotations

import os

os.environ.setdefault("DDE_BACKEND", "pytorch")

import deepxde as dde
import numpy as np
from correcting import DIM, HORIZON, SIGMA, finish

import burnish

DRIFT = -(1 / DIM + SIGMA**2 / 2)


def equation(x, u):
    """d_t u + mu sum d_i u + s^2/2 Laplacian u + s^2 u sum d_i u."""
    by_t = dde.grad.jacobian(u, x, i=0, j=DIM)
    by_x = sum(dde.grad.jacobian(u, x, i=0, j=i) for i in range(DIM))
    bent = sum(dde.grad.hessian(u, x, i=i, j=i) for i in range(DIM))
    return by_t + (DRIFT + SIGMA**2 * u) * by_x + SIGMA**2 / 2 * bent


def train(steps: int = 300) -> dde.Model:
    """A PINN on the box [-1/2, 1/2]^d."""
    dde.config.set_random_seed(0)
    box = dde.geometry.Hypercube([-0.5] * DIM, [0.5] * DIM)
    domain = dde.geometry.GeometryXTime(box, dde.geometry.TimeDomain(0, HORIZON))
    places = np.random.default_rng(0).uniform(-0.5, 0.5, (500, DIM))
    ends = np.hstack([places, np.full((500, 1), HORIZON)])
    values = 1 / (1 + np.exp(-(HORIZON + places.sum(1, keepdims=True))))
    data = dde.data.TimePDE(domain, equation, [dde.icbc.PointSetBC(ends, values)], num_domain=500)
    net = dde.nn.FNN([DIM + 1, 32, 32, 1], "tanh", "Glorot normal")
    model = dde.Model(data, net)
    model.compile("adam", lr=3e-3, loss_weights=[1, 10])
    model.train(iterations=steps, display_every=steps)
    return model


if __name__ == "__main__":
    finish(burnish.export(train().net, DIM, inputs="xt"))
