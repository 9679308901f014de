"""What a file can cost the process at the door: small files that would become large are refused before they do."""

from __future__ import annotations

import json
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import torch

from burnish_workers.core import model_json, model_weights, model_zip
from burnish_workers.core.model_file import ModelRejected, inspect_model
from burnish_workers.tensors.graph import load_model

from .model_files import exported, packed, unpacked

MODEL, CONFIG = "model/models/model.json", "model/data/weights/model_weights_config.json"
MOST = 64 * 2**20
"""Bytes that judging a file of a few MiB may take at once."""


def crowded() -> bytes:
    """A directory of 400,000 entries of no name."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, *[0] * 15)
    start = b"PK\3\4" + b"\0" * 26
    directory = entry * 400_000
    return start + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 6_784, 6_784, len(directory), len(start), 0)


def deflated(name: str, text: bytes) -> bytes:
    """A file that unpacks hundredfold and no more: noise makes up for the rest."""
    noise = random.Random(1).randbytes(len(text) // 80)
    files = {**unpacked(exported("tanh")), name: text, "model/data/weights/weight_0": noise}
    return packed(files, zipfile.ZIP_DEFLATED)


COSTLY: dict[str, tuple[Callable[[], bytes], str]] = {
    "a directory": (crowded, "zip_bomb"),
    "a graph": (lambda: deflated(MODEL, b"[" + b"{}," * 5_000_000 + b"{}]"), "too_large"),
    "a list of weights": (lambda: deflated(CONFIG, b"[" + b"{}," * 5_000_000 + b"{}]"), "too_large"),
    "entries": (lambda: packed({f"model/{i}": b"" for i in range(model_zip.MOST_ENTRIES + 1)}), "zip_bomb"),
}


@pytest.mark.parametrize("name", sorted(COSTLY))
def test_refused_before_it_is_large(name: str) -> None:
    make, reason = COSTLY[name]
    data = make()
    tracemalloc.start()
    try:
        with pytest.raises(ModelRejected) as refused:
            inspect_model(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.reason == reason
    assert peak < MOST
    assert len(str(refused.value)) < 1_000


def shared(views: int) -> bytes:
    """Many weights that are views of one entry."""
    files = unpacked(exported("tanh"))
    program = json.loads(files[MODEL])
    own = next(iter(json.loads(files[CONFIG])["config"]))
    for i in range(views):
        spec = {"parameter": {"arg": {"name": f"view_{i}"}, "parameter_name": own}}
        program["graph_module"]["signature"]["input_specs"].insert(0, spec)
        program["graph_module"]["graph"]["inputs"].insert(0, {"as_tensor": {"name": f"view_{i}"}})
    return packed({**files, MODEL: json.dumps(program).encode()})


def test_an_entry_is_looked_through_and_copied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []
    check = model_weights._check_numbers
    monkeypatch.setattr(model_weights, "_check_numbers", lambda d, t, e: seen.append((e, t)) or check(d, t, e))
    field: Any = load_model(shared(500), torch.device("cpu"))
    assert len(field.weights) == 500 + 12
    assert len(seen) == len(set(seen)) == 12


@pytest.mark.parametrize("depth", [100, 500, 900, 10_000])
def test_deep_values_are_named_shortly(depth: int) -> None:
    """As deep as JSON may be, and a message that quotes it is deeper still."""
    files = unpacked(exported("tanh"))
    program = json.loads(files[MODEL])
    program["graph_module"]["graph"]["nodes"][0]["inputs"][0]["arg"] = "here"
    text = json.dumps(program).encode().replace(b'"here"', b"[" * depth + b"]" * depth)
    config = files[CONFIG].replace(b'"weight_0"', b"[" * depth + b"]" * depth, 1)
    for name, content in ((MODEL, text), (CONFIG, config)):
        with pytest.raises(ModelRejected) as refused:
            inspect_model(packed({**files, name: content}))
        assert (refused.value.reason, len(str(refused.value)) < 300) == ("bad_graph", True)


def test_the_largest_graph_fits_into_the_text() -> None:
    files = unpacked(exported("residual"))
    nodes = len(json.loads(files[MODEL])["graph_module"]["graph"]["nodes"])
    assert 5_000 * len(files[MODEL]) / nodes < model_json.MOST_TEXT


def with_bool(numbers: bytes) -> bytes:
    """The first weight as truth values."""
    files = unpacked(exported("tanh"))
    config = json.loads(files[CONFIG])
    weight = next(iter(config["config"].values()))
    weight["tensor_meta"].update(dtype=12, sizes=[{"as_int": len(numbers)}], strides=[{"as_int": 1}])
    name = f"model/data/weights/{weight['path_name']}"
    return packed({**files, CONFIG: json.dumps(config).encode(), name: numbers})


def test_truth_values_are_zeros_and_ones() -> None:
    assert inspect_model(with_bool(b"\0\1\1")).dim == 4
    with pytest.raises(ModelRejected) as refused:
        inspect_model(with_bool(b"\0\1\2"))
    assert refused.value.reason == "corrupt"
