"""Uploaded models give the bits of the module that they were exported from, and its derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import jacrev, vmap

import burnish
from burnish.exporting import ExportError
from burnish_workers.core.model_file import ModelRejected, inspect_model
from burnish_workers.engine.probing import probe
from burnish_workers.tensors.cards import save_card
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.graph import load_model
from burnish_workers.tensors.mlp import MLPField

from .model_files import MODELS, exported, inputs_of, make

CPU = torch.device("cpu")
DIM = 4


def called(name: str, module: torch.nn.Module, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    u = module(torch.cat([t[:, None], x], 1)) if inputs_of(name) == "tx" else module(t, x)
    return u.reshape(t.shape)


def points(rows: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(rows, generator=generator, dtype=dtype), torch.randn(rows, DIM, generator=generator, dtype=dtype)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_bits_of_the_module(name: str) -> None:
    module, field = make(name), load_model(exported(name), CPU)
    dtype = torch.float64 if name == "double" else torch.float32
    for rows in (1, 2, 100):
        t, x = points(rows, dtype)
        with torch.no_grad():
            assert torch.equal(field.value(t, x), called(name, module, t, x))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_gradient_and_generator(name: str) -> None:
    module, field = make(name).double(), load_model(exported(name), CPU)
    t, x = points(20, torch.float64)

    def one(t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return called(name, module, t[None], x[None])[0]

    by_t, slope = (vmap(jacrev(one, argnums=i))(t, x) for i in (0, 1))
    bend = vmap(jacrev(jacrev(one, argnums=1), argnums=1))(t, x).diagonal(dim1=1, dim2=2).sum(1)
    drift = torch.ones(20, DIM, dtype=torch.float64) / 3
    wanted = by_t + slope.sum(1) / 3 + 0.5 * 0.49 * bend
    exact = field.graph.dtype == "float64" if hasattr(field, "graph") else False
    cast = torch.float64 if exact else torch.float32
    jet = field.jet(t.to(cast), x.to(cast), drift.to(cast), Diffusion(torch.tensor(0.7, dtype=cast), "scalar"), None)
    tolerance = 1e-10 if exact else 1e-4
    for found, truth in ((jet.z, 0.7 * slope), (jet.generated, wanted)):
        assert (found - truth).abs().max() <= tolerance * truth.abs().max()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_probe_lets_it_pass(name: str) -> None:
    verdict = probe(exported(name))
    assert verdict.ok, verdict.message
    assert verdict.card["seconds_per_jet"] > 0
    assert verdict.card["curved"]


def test_a_tanh_network_as_safetensors(tmp_path) -> None:
    from safetensors.torch import load, save

    generator = torch.Generator().manual_seed(5)
    shapes = [(8, DIM + 1), (8, 8), (1, 8)]
    weights = tuple(torch.randn(*shape, generator=generator) for shape in shapes)
    biases = tuple(torch.randn(shape[0], generator=generator) for shape in shapes)
    field = MLPField(weights, biases, "t then x")
    save_card(field, tmp_path / "net.json", {})
    card = (tmp_path / "net.json").read_text()
    data = save(load((tmp_path / "net.safetensors").read_bytes()), {"burnish.card": card})
    found = inspect_model(data)
    assert (found.format, found.dim, found.card["parameters"]) == ("safetensors", DIM, 8 * 5 + 8 + 64 + 8 + 8 + 1)
    again = load_model(data, CPU)
    t, x = points(9, torch.float32)
    assert torch.equal(again.value(t, x), field.value(t, x))
    assert probe(data).ok


def test_the_same_module_gives_the_same_bytes() -> None:
    assert burnish.export(make("residual"), DIM).data == exported("residual")
    assert b"/" + b"home" not in exported("residual")
    assert b"stack_trace" not in exported("residual")


class Uses(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, t, x):
        return self.function(t, x)


def test_what_cannot_be_exported_is_named() -> None:
    with pytest.raises(ExportError, match=r"operator aten.sort"):
        burnish.export(Uses(lambda t, x: x.sort(dim=1).values[:, 0]), DIM)
    with pytest.raises(ExportError, match=r"torch.export does not take this module"):
        burnish.export(Uses(lambda t, x: t if x.sum().item() > 0 else -t), DIM)
    with pytest.raises(ExportError, match="not finite"):
        burnish.export(Uses(lambda t, x: torch.log(x[:, 0])), DIM)
    with pytest.raises(ExportError, match=r"does not take this module|shape"):
        burnish.export(Uses(lambda t, x: x), DIM)


WRONG = {
    "bad_gradient": lambda t, x: t + torch.where(x[:, 0] < 2.0, torch.sqrt(2.0 - x[:, 0]), 0.0),
    "bad_value": lambda t, x: torch.log(x[:, 0] + 0.98),
    "rows_interact": lambda t, x: x[:, 0] - x[:, 0].mean(),
    "too_hungry": lambda t, x: (x[:, None, :, None] * x[None, :, None, :]).expand(-1, -1, 4, 4).exp().sum((1, 2, 3)),
}


@pytest.mark.parametrize("reason", sorted(WRONG))
def test_the_probe_refuses(reason: str) -> None:
    data = burnish.export(Uses(WRONG[reason]), DIM).data
    assert inspect_model(data).dim == DIM
    verdict = probe(data)
    assert (verdict.ok, verdict.reason) == (False, reason), verdict.message


def laborious(t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """3e11 multiplications for a batch of 8192."""
    h = x.repeat(1, 125)
    for _ in range(150):
        h = h @ h.new_ones(500, 500) / 500
    return h.sum(1) + t


def test_the_probe_is_stopped() -> None:
    verdict = probe(exported("tanh"), wall=0.05)
    assert (verdict.ok, verdict.reason) == (False, "too_slow")
    assert probe(exported("tanh"), memory=2**28).reason == "too_hungry"
    verdict = probe(burnish.export(Uses(laborious), DIM).data, seconds=2)
    assert (verdict.ok, verdict.reason) == (False, "too_slow"), verdict.message
    assert probe(b"").reason == "not_a_model"


def test_truncated_files_do_not_load() -> None:
    data = exported("mixed")
    for end in np.linspace(0, len(data) - 1, 200).astype(int):
        with pytest.raises(ModelRejected):
            load_model(data[:end], CPU)
