"""Models as users bring them, and their files."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

import burnish


class Residual(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.first, self.last = nn.Linear(dim + 1, 24), nn.Linear(24, 1)
        self.blocks = nn.ModuleList(nn.Linear(24, 24) for _ in range(3))

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        h = self.first(torch.cat([t[:, None], x], 1))
        for block in self.blocks:
            h = h + nn.functional.silu(block(h)) / 3
        return self.last(h)


class Normalised(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim + 1, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.net(torch.cat([t[:, None], x], 1)).squeeze(-1)


class Fourier(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(dim + 1, 16))
        self.last = nn.Linear(32, 1)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        angles = torch.cat([t[:, None], x], 1) @ self.frequencies
        return self.last(torch.cat([angles.sin(), angles.cos()], -1))[:, 0]


class Kernel(nn.Module):
    """The mean of a Gaussian process: a sum of squared exponentials."""

    def __init__(self, dim: int):
        super().__init__()
        self.centres, self.weights = nn.Parameter(torch.randn(40, dim + 1)), nn.Parameter(torch.randn(40))

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        at = torch.cat([t[:, None], x], 1)
        squares = ((at[:, None, :] - self.centres) ** 2).sum(-1)
        return torch.exp(-0.5 * squares) @ self.weights


class Mixed(nn.Module):
    """Sizes, splits, constants and comparisons."""

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        first, rest = x.split([1, x.shape[1] - 1], dim=1)
        grown = torch.stack([first.squeeze(1), rest.sum(1), t], dim=1).pow(2).mean(dim=1)
        gate = torch.where(x[:, 0] > 10.0, x.new_zeros(x.shape[0]), torch.softmax(x, 1)[:, 1])
        return grown + gate * torch.clamp(t, 0.0, 2.0) + torch.einsum("bi,bi->b", x, torch.tanh(x)) + 0.5


def tanh_net(dim: int) -> nn.Module:
    widths = [dim + 1, *[50] * 5]
    hidden = [layer for n, m in pairwise(widths) for layer in (nn.Linear(n, m), nn.Tanh())]
    return nn.Sequential(*hidden, nn.Linear(50, 1))


MODELS: dict[str, Callable[[int], nn.Module]] = {
    "double": lambda dim: tanh_net(dim).double(),
    "fourier": Fourier,
    "kernel": Kernel,
    "layer norm": Normalised,
    "mixed": lambda dim: Mixed(),
    "residual": Residual,
    "tanh": tanh_net,
}


def make(name: str, dim: int = 4) -> nn.Module:
    torch.manual_seed(7)
    return MODELS[name](dim).eval()


def inputs_of(name: str) -> Any:
    return "tx" if name in ("tanh", "double") else "t,x"


@cache
def exported(name: str, dim: int = 4) -> bytes:
    return burnish.export(make(name, dim), dim, inputs=inputs_of(name)).data


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_graph(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The file with its graph changed."""
    files = unpacked(data)
    program = json.loads(files["model/models/model.json"])
    change(program)
    return packed({**files, "model/models/model.json": json.dumps(program).encode()})


def with_config(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The file with the description of its weights changed."""
    files, name = unpacked(data), "model/data/weights/model_weights_config.json"
    config = json.loads(files[name])
    change(config["config"])
    return packed({**files, name: json.dumps(config).encode()})
