"""From PyTorch modules to files: what people write is taken, what is not is named, and nothing of theirs changes."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import burnish
from burnish import exporting
from burnish.exporting import ExportError
from burnish_workers.core.model_file import inspect_model
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.graph import load_model

DIM = 3
CPU = torch.device("cpu")


class Uses(nn.Module):
    """A function of (t, x) and one matrix, which is kept in the file but not in the module's state."""

    matrix: Tensor

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor], Tensor], dtype: torch.dtype = torch.float32):
        super().__init__()
        self.function = function
        matrix = torch.randn(DIM, DIM, generator=torch.Generator().manual_seed(2), dtype=dtype)
        self.register_buffer("matrix", matrix, persistent=False)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.function(t, x, self.matrix)


class Tied(nn.Module):
    """Weights that share their numbers, whole and in part."""

    part: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.second.weight = self.first.weight
        self.table = nn.Parameter(torch.randn(6, DIM))
        self.register_buffer("part", self.table.data[2:4])

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x))).sum(1) + t + (x @ self.part.T).sum(1) + self.table.sum()


def net(*middle: nn.Module, wide: int = 8) -> nn.Sequential:
    return nn.Sequential(nn.Linear(DIM + 1, 8), *middle, nn.Linear(wide, 1))


def moved_statistics() -> nn.Module:
    """Batch normalisation that has seen data."""
    module = net(nn.BatchNorm1d(8), nn.Tanh())
    module(torch.randn(50, DIM + 1))
    return module


TAKEN: dict[str, Callable[[], nn.Module]] = {
    "a constant": lambda: Uses(lambda t, x, w: torch.full((x.shape[0],), 2.0) * t),
    "batch norm": moved_statistics,
    "bits of truth": lambda: Uses(lambda t, x, w: ((x > 0) & (x < 1)).float().sum(1) + ((x > 0) | (x < -1)).sum(1) * t),
    "capitals in einsum": lambda: Uses(lambda t, x, w: torch.einsum("BI,IJ->B", x, w)),
    "cosine": lambda: Uses(lambda t, x, w: functional.cosine_similarity(x, w[0][None], dim=1)),
    "diagonal": lambda: Uses(lambda t, x, w: torch.diagonal(x[:, :, None] * x[:, None, :], dim1=1, dim2=2).sum(1)),
    "double inside": lambda: Uses(lambda t, x, w: x.double().sin().sum(1).float()),
    "double matrix": lambda: Uses(lambda t, x, w: (x @ w).sum(1), torch.float64),
    "dropout": lambda: net(nn.Dropout(0.5), nn.Tanh()),
    "gated": lambda: net(nn.GLU(), wide=4),
    "in place": lambda: Uses(lambda t, x, w: (x * 2).add_(1).tanh_().sum(1)),
    "in place relu": lambda: net(nn.ReLU(inplace=True)),
    "largest": lambda: Uses(lambda t, x, w: x.max(dim=1).values),
    "norm": lambda: Uses(lambda t, x, w: torch.linalg.norm(x, dim=1)),
    "padded": lambda: Uses(lambda t, x, w: functional.pad(x, (1, 1)).square().sum(1)),
    "prelu": lambda: net(nn.PReLU()),
    "straight": lambda: Uses(lambda t, x, w: torch.logit(torch.sigmoid(x)).sum(1)),
    "tied": Tied,
    "transposed": lambda: Uses(lambda t, x, w: (w.T @ x.T).sum(0)),
    "weight norm": lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 8)), nn.Linear(8, 1)),
}


def build(name: str) -> tuple[nn.Module, exporting.Inputs]:
    torch.manual_seed(3)
    module = TAKEN[name]()
    return module, "tx" if isinstance(module, nn.Sequential) else "t,x"


def values(module: nn.Module, inputs: str, t: Tensor, x: Tensor) -> Tensor:
    with torch.no_grad():
        u = module.eval()(torch.cat([t[:, None], x], 1)) if inputs == "tx" else module(t, x)
    return u.reshape(t.shape)


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_what_people_write_is_taken(name: str) -> None:
    module, inputs = build(name)
    exported = burnish.export(module, DIM, inputs=inputs)
    field = load_model(exported.data, CPU)
    dtype = getattr(torch, exported.card["dtype"])
    generator = torch.Generator().manual_seed(4)
    t = torch.rand(33, generator=generator, dtype=dtype)
    x = 2 * torch.rand(33, DIM, generator=generator, dtype=dtype) - 1
    wanted = values(module, inputs, t, x)
    # Written as it was, the bits are the module's; what went through decompositions is rounded elsewhere.
    assert (field.value(t, x) - wanted).abs().max() <= 2e-6 * wanted.abs().max()
    jet = field.jet(t, x, torch.zeros_like(x), Diffusion(torch.tensor(1.0, dtype=dtype), "scalar"), generator)
    assert all(torch.isfinite(part).all() for part in jet)


@pytest.mark.parametrize("inputs", ["t,x", "tx", "x,t", "xt"])
@pytest.mark.parametrize("dim", [1, 2, 4, 16])
def test_the_order_of_inputs(inputs: exporting.Inputs, dim: int) -> None:
    class Ordered(nn.Module):
        def forward(self, *given: Tensor) -> Tensor:
            t, x = given if inputs == "t,x" else given[::-1]
            return t * x.square().sum(1)

    class Joined(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            t, x = (z[:, :1], z[:, 1:]) if inputs == "tx" else (z[:, -1:], z[:, :-1])
            return t * x.square().sum(1, keepdim=True)

    module = Ordered() if "," in inputs else Joined()
    field = load_model(burnish.export(module, dim, inputs=inputs).data, CPU)
    assert field.dim == dim
    generator = torch.Generator().manual_seed(1)
    t, x = torch.rand(7, generator=generator), torch.rand(7, dim, generator=generator)
    assert torch.equal(field.value(t, x), t * x.square().sum(1))


def test_nothing_of_the_caller_changes() -> None:
    module = net(nn.Dropout(0.5), nn.BatchNorm1d(8))
    module.train()
    module[1].eval()
    before = [part.training for part in module.modules()], torch.get_rng_state()
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    burnish.export(module, DIM, inputs="tx")
    assert [part.training for part in module.modules()] == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert all(torch.equal(value, weights[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_the_file(tmp_path: Any) -> None:
    exported = burnish.export(net(nn.Tanh()), DIM, inputs="tx", path=tmp_path / "net.pt2")
    data = (tmp_path / "net.pt2").read_bytes()
    assert exported.data == data == exported.save(tmp_path / "again.pt2").read_bytes()
    assert exported.id == "sha256:" + hashlib.sha256(data).hexdigest()
    assert (exported.card["dim"], exported.card["dtype"]) == (DIM, "float32")
    assert set(exported.card["largest_difference"]) == {"value", "gradient", "Laplacian"}
    assert inspect_model(data).dim == DIM
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("model/data/sample_inputs/model.pt") == b""


REFUSED: dict[str, tuple[Callable[[Tensor, Tensor, Tensor], Tensor], str]] = {
    "cdist": (lambda t, x, w: torch.exp(-torch.cdist(x, w)).sum(1), "derivatives cannot be taken"),
    "near ones": (
        lambda t, x, w: x.cumprod(1).sum(1),
        r"operator aten.cumprod.default .*near ones are prod.default, prod.dim_int;",
    ),
    "no curvature": (lambda t, x, w: (x[:, :1] * 0).norm(dim=1) + t, "the Laplacian of the module is not finite at 16"),
    "not finite": (lambda t, x, w: torch.log(x[:, 0]), r"the value of the module is not finite at \d+ of 16 points"),
    "random": (lambda t, x, w: t + torch.rand_like(t), r"operator aten.rand"),
    "taken from places": (
        lambda t, x, w: x[:, [0, 2]].sum(1),
        r"operator aten.index.Tensor .*self\.function\(t, x, self\.matrix\)",
    ),
    "who else is there": (lambda t, x, w: t if x.sum().item() > 0 else -t, "torch.export does not take this module"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_taken_is_named(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(ExportError, match=message) as refused:
        burnish.export(Uses(function), DIM)
    assert len(str(refused.value)) < 1_500


def test_an_error_leaves_the_module_as_it_was() -> None:
    module = Uses(REFUSED["random"][0]).train()
    with pytest.raises(ExportError):
        burnish.export(module, DIM)
    assert module.training


def test_an_unknown_order() -> None:
    with pytest.raises(ValueError, match="known: 't,x', 'x,t', 'tx', 'xt'"):
        burnish.export(net(), DIM, inputs="x")  # pyright: ignore[reportArgumentType]


def test_another_version_of_the_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_SCHEMA", 9)
    with pytest.raises(ExportError, match="writes graphs of schema 8, the service reads 9"):
        burnish.export(net(), DIM, inputs="tx")


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ExportError, match="needs PyTorch: pip install torch"):
        burnish.export(None, DIM)
