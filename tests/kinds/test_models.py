"""Models as users train or fit them: value, gradient and generator through the file equal to nested autograd of the
original module in double precision, and what jobs do with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor, nn

import burnish
from burnish_workers.engine.probing import probe
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.graph import GraphField, load_model
from burnish_workers.tensors.jets import Jet

from .model_files import Fourier, Normalised, Residual

DIM = 3


class Mlp(nn.Module):
    def __init__(self, activation: type[nn.Module]) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(DIM + 1, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, 1)
        )

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.net(torch.cat([x, t[:, None]], 1))


class Sine(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


class Swish(nn.Module):
    """With a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.beta * x)


class GaussianProcess(nn.Module):
    """The posterior mean of a Gaussian process, fitted by solving with its kernel matrix, in the forms people write."""

    def __init__(self, form: str) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(4)
        centres = 2 * torch.rand(60, DIM + 1, generator=generator) - 1
        self.form, self.scale = form, 0.8
        kernel = self.kernel(centres.double(), centres.double()) + 1e-4 * torch.eye(60).double()
        self.register_buffer("centres", centres)
        self.register_buffer(
            "weights", torch.linalg.solve(kernel, target(centres[:, 0], centres[:, 1:]).double()).float()
        )

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        if self.form == "cdist":
            return torch.exp(-0.5 * torch.cdist(a / self.scale, b / self.scale) ** 2)
        if self.form == "differences":
            return torch.exp(-0.5 * ((a[:, None] - b[None]) ** 2).sum(-1) / self.scale**2)
        if self.form == "products":
            squares = (a * a).sum(1, keepdim=True) + (b * b).sum(1) - 2 * a @ b.T
            return torch.exp(-0.5 * squares / self.scale**2)
        distance = torch.cdist(a / self.scale, b / self.scale)  # Matern 5/2
        scaled = 5**0.5 * distance
        return (1 + scaled + scaled**2 / 3) * torch.exp(-scaled)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.kernel(torch.cat([t[:, None], x], 1), self.centres) @ self.weights


class Rbf(nn.Module):
    """A kernel network with widths of its own and a linear trend."""

    def __init__(self) -> None:
        super().__init__()
        self.centres, self.widths = nn.Parameter(torch.randn(20, DIM + 1)), nn.Parameter(torch.rand(20) + 0.5)
        self.last, self.trend = nn.Linear(20, 1), nn.Linear(DIM + 1, 1)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        at = torch.cat([t[:, None], x], 1)
        squares = (at.unsqueeze(1) - self.centres).square().sum(2)
        return (self.last(torch.exp(-squares * self.widths**2)) + self.trend(at)).squeeze(1)


class Attention(nn.Module):
    """Softmax over learned slots, with dropout, batch norm and residuals: everything that deep nets drag along."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.keys, self.values = nn.Linear(DIM + 1, 16), nn.Linear(16, 8), nn.Linear(8, 16)
        self.norm, self.drop, self.leave = nn.BatchNorm1d(16), nn.Dropout(0.1), nn.Linear(16, 1)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        h = nn.functional.gelu(self.enter(torch.cat([t[:, None], x], 1)), approximate="tanh")
        h = h + self.drop(self.values(torch.softmax(self.keys(h), -1)))
        return self.leave(nn.functional.softplus(self.norm(h)))[:, 0]


MODELS: dict[str, Callable[[], nn.Module]] = {
    "attention": Attention,
    "elu": lambda: Mlp(nn.ELU),
    "fourier": lambda: Fourier(DIM),
    "gelu": lambda: Mlp(nn.GELU),
    "gp cdist": lambda: GaussianProcess("cdist"),
    "gp differences": lambda: GaussianProcess("differences"),
    "gp matern": lambda: GaussianProcess("matern"),
    "gp products": lambda: GaussianProcess("products"),
    "layer norm": lambda: Normalised(DIM),
    "mish": lambda: Mlp(nn.Mish),
    "rbf": Rbf,
    "residual": lambda: Residual(DIM),
    "silu": lambda: Mlp(nn.SiLU),
    "sine": lambda: Mlp(Sine),
    "softplus": lambda: Mlp(nn.Softplus),
    "swish": lambda: Mlp(Swish),
    "tanh": lambda: Mlp(nn.Tanh),
}


def target(t: Tensor, x: Tensor) -> Tensor:
    return torch.sigmoid(t + x[:, 0] - 0.5 * x[:, 1]) + 0.3 * torch.sin(x[:, 2])


@cache
def trained(name: str) -> nn.Module:
    """The model after sixty steps of Adam on a smooth function; Gaussian processes are fitted when they are made."""
    torch.manual_seed(3)
    module = MODELS[name]()
    weights = list(module.parameters())
    adam = torch.optim.Adam(weights, lr=1e-2) if weights else None
    for _ in range(60 if adam else 0):
        t, x = torch.rand(64), 2 * torch.rand(64, DIM) - 1
        loss = (module(t, x).reshape(-1) - target(t, x)).square().mean()
        module.zero_grad()
        loss.backward()
        assert adam is not None
        adam.step()
    return module.eval()


def points(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(8)
    t = torch.rand(rows, generator=generator, dtype=torch.float64)
    x = 2 * torch.rand(rows, DIM, generator=generator, dtype=torch.float64) - 1
    return t, x, torch.randn(rows, DIM, generator=generator, dtype=torch.float64)


def nested(module: nn.Module, t: Tensor, x: Tensor, drift: Tensor, sigma: Tensor) -> Jet:
    """Rows of the Hessian one by one, by plain autograd."""
    t, x = t.clone().requires_grad_(), x.clone().requires_grad_()
    u = module(t, x).reshape(-1)
    by_t, by_x = torch.autograd.grad(u.sum(), (t, x), create_graph=True)
    rows = [torch.autograd.grad(by_x[:, i].sum(), x, create_graph=True)[0] for i in range(DIM)]
    hessian = torch.stack(rows, 1)
    generated = by_t + (drift * by_x).sum(1) + 0.5 * torch.einsum("bij,jk,ik->b", hessian, sigma, sigma)
    return Jet(u.detach(), (by_x @ sigma).detach(), generated.detach())


@pytest.mark.parametrize("name", sorted(MODELS))
def test_derivatives_of_a_trained_model_through_its_file(name: str) -> None:
    module = trained(name)
    data = burnish.export(module, DIM).data
    single = load_model(data, torch.device("cpu"))
    double = load_model(burnish.export(module.double(), DIM).data, torch.device("cpu"))
    t, x, drift = points(40)
    sigma = torch.tensor([[0.5, 0.1], [-0.3, 0.4], [0.2, 0.9]], dtype=torch.float64)
    wanted = nested(module, t, x, drift, sigma)
    module.float()
    with torch.no_grad():
        exact = double.jet(t, x, drift, Diffusion(sigma, "matrix"), None)
        rough = single.jet(t.float(), x.float(), drift.float(), Diffusion(sigma.float(), "matrix"), None)
    for mine, close, truth in zip(exact, rough, wanted, strict=True):
        scale = float(truth.abs().max())
        assert scale > 1e-3
        assert float((mine - truth).abs().max()) < 1e-9 * scale
        # Weights of a fitted Gaussian process are large and cancel.
        assert float((close - truth).abs().max()) < (3e-2 if name.startswith("gp") else 1e-4) * scale


@pytest.mark.parametrize("name", ["relu", "leaky relu"])
def test_a_network_without_curvature_is_flagged(name: str) -> None:
    verdict = probe(burnish.export(Mlp(nn.ReLU if name == "relu" else nn.LeakyReLU), DIM).data)
    assert verdict.ok, verdict.message
    assert verdict.card["curved"] is False
    assert probe(burnish.export(Mlp(nn.Softplus), DIM).data).card["curved"] is True


def test_chunks_folding_and_last_uses_change_nothing() -> None:
    """A graph whose values are used again and again, and whose weights are worked on before they are used."""

    class Reusing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(DIM + 1, 12, generator=torch.Generator().manual_seed(1)).double())

        def forward(self, t: Tensor, x: Tensor) -> Tensor:
            w = self.w / self.w.norm(dim=0) * torch.arange(1, 13, dtype=self.w.dtype).sqrt()
            h = torch.tanh(torch.cat([x, t[:, None]], 1) @ w) @ w.T @ w
            shifted, viewed = h + 1, h.unsqueeze(1)  # tangents of both are those of h: which must outlive it
            a = torch.tanh(h)
            b = torch.sin(a) * a + torch.cos(shifted)
            late = (viewed.squeeze(1) * a).sum(1)
            return late + (torch.exp(-(b * b)) + torch.cos(t)[:, None]).sum(1) * torch.sin(2 * t)

    module = Reusing()
    field = load_model(burnish.export(module, DIM).data, torch.device("cpu"))
    assert isinstance(field, GraphField)
    assert len(field.nodes) < len(field.graph.nodes) - 3
    t, x, drift = points(3_000)
    sigma = torch.eye(DIM, dtype=torch.float64) * 0.4
    wanted = nested(module, t, x, drift, sigma)
    with torch.no_grad():
        whole = field.jet(t, x, drift, Diffusion(torch.tensor(0.4, dtype=torch.float64), "scalar"))
        object.__setattr__(field, "_breadth", 1_000)
        pieces = field.jet(t, x, drift, Diffusion(torch.tensor(0.4, dtype=torch.float64), "scalar"))
        empty = field.jet(t[:0], x[:0], drift[:0], Diffusion(torch.tensor(0.4, dtype=torch.float64), "scalar"))
    for part, piece, none, truth in zip(whole, pieces, empty, wanted, strict=True):
        torch.testing.assert_close(part, truth, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(piece, truth, rtol=1e-10, atol=1e-10)
        assert len(none) == 0
