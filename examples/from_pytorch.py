"""For those who have PyTorch: a PINN trained here, exported with burnish.export, corrected.

python examples/from_pytorch.py
"""

from __future__ import annotations

import torch
from correcting import DIM, HORIZON, SIGMA, finish
from torch import Tensor, nn

import burnish

DRIFT = -(1 / DIM + SIGMA**2 / 2)


class Net(nn.Module):
    """u(t, x), called with t (B,) and x (B, d)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(DIM + 1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.layers(torch.cat([x, t[:, None]], 1)).squeeze(1)


def residual(net: Net, t: Tensor, x: Tensor) -> Tensor:
    """d_t u + mu sum d_i u + s^2/2 Laplacian u + s^2 u sum d_i u, of the network."""
    t, x = t.requires_grad_(), x.requires_grad_()
    u = net(t, x)
    by_t, by_x = torch.autograd.grad(u.sum(), (t, x), create_graph=True)
    bent = [torch.autograd.grad(by_x[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(DIM)]
    return by_t + (DRIFT + SIGMA**2 * u) * by_x.sum(1) + SIGMA**2 / 2 * torch.stack(bent).sum(0)


def train(steps: int = 300, batch: int = 256) -> Net:
    """A PINN on the box [-1/2, 1/2]^d."""
    torch.manual_seed(0)
    net = Net()
    adam = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(steps):
        t, x = HORIZON * torch.rand(batch), torch.rand(batch, DIM) - 0.5
        end = torch.sigmoid(HORIZON + x.sum(1))
        loss = residual(net, t, x).square().mean() + 10 * (net(torch.full_like(t, HORIZON), x) - end).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return net


if __name__ == "__main__":
    finish(burnish.export(train(), DIM, inputs="t,x"))
