"""Valid files to begin with: what users bring, small."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import numpy as np
from safetensors.numpy import save

from tests.kinds.model_files import exported, unpacked

from .mutations import packed

FORMULAS = [
    "0.3",
    "u - u**3",
    "1 / (2 + 0.4 * norm2(x))",
    "log(0.5 * (1 + norm2(x)))",
    "where(u < 0, -u, exp(-t) * sum(sin(pi * x)))",
    "dot(x, z) / d + mean(tanh(i * x)) - max(u, t, x[1])",
    "(0.1 + i/d)*x - sqrt(abs(z)) * sigmoid(u) + min(x) * cos(e)",
    "where(sum(x) >= 1, x, z) ** 2",
]


def models() -> list[bytes]:
    """`.pt2` files of a few kilobytes, and one safetensors with a card."""
    names = ("fourier", "kernel", "layer norm", "mixed")
    return [packed(unpacked(exported(name, 2))) for name in names] + cards()[:1]


def cards() -> list[bytes]:
    """Tanh networks as safetensors with their cards."""
    return [_card([2, 3, 1], "float32"), _card([3, 4, 4, 1], "float64")]


def _card(layers: list[int], dtype: str) -> bytes:
    arrays = {}
    for i, (n, m) in enumerate(pairwise(layers)):
        arrays[f"layer{i}.weight"] = np.linspace(-1, 1, m * n, dtype=dtype).reshape(m, n)
        arrays[f"layer{i}.bias"] = np.zeros(m, dtype)
    known = {"format_version": 1, "dim": layers[0] - 1, "layers": layers, "activation": "tanh", "dtype": dtype}
    described = json.dumps({**known, "input_order": "x then t", "tensors": list(arrays)})
    return save(arrays, metadata={"burnish.card": described})


def arrays() -> list[bytes]:
    """One array as `.npy`, several as safetensors."""
    found = [save({"t": np.zeros(3), "x": np.arange(6, dtype=np.float32).reshape(3, 2)}), save({"n": np.arange(4)})]
    for dtype, shape in (("<f8", (3, 2)), ("<f4", (4,)), ("<i8", (1, 2, 3)), ("|u1", (5,)), ("|b1", (2, 2))):
        buffer = io.BytesIO()
        np.save(buffer, np.ones(shape, dtype, order="F" if dtype == "<f8" else "C"))
        found.append(buffer.getvalue())
    return found


def formulas() -> list[bytes]:
    return [text.encode() for text in FORMULAS]
