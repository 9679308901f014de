"""Architecture cards: a tanh MLP as safetensors plus the JSON that says what the tensors mean."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from burnish_workers.core.model_card import KEY
from burnish_workers.tensors.mlp import InputOrder, MLPField

FORMAT_VERSION = 1
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


class CardError(ValueError):
    """A card and its tensors do not describe a tanh MLP; the message says which entry and what it should be."""


def save_card(field: MLPField, path: Path, about: Mapping[str, object]) -> None:
    """Write `path` (.json) and the safetensors file of the same stem next to it.

    `about` is provenance (problem, how trained, seed, measured error), kept verbatim under "about".
    """
    payload = safetensors.torch.save(_named(field))
    file = path.with_suffix(".safetensors")
    file.write_bytes(payload)
    card = {
        **_described(field),
        "file": file.name,
        "sha256": hashlib.sha256(payload).hexdigest(),
        "about": dict(about),
    }
    path.write_text(json.dumps(card, indent=2) + "\n")


def card_bytes(field: MLPField, about: Mapping[str, object]) -> bytes:
    """One safetensors file with the card in its header: what can be uploaded. Equal fields give equal bytes."""
    card = {**_described(field), "about": dict(about)}
    return safetensors.torch.save(_named(field), metadata={KEY: json.dumps(card, sort_keys=True)})


def _described(field: MLPField) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "dim": field.dim,
        "layers": [field.dim + 1, *(len(bias) for bias in field.biases)],
        "activation": "tanh",
        "input_order": field.order,
        "dtype": str(field.weights[0].dtype).removeprefix("torch."),
        "tensors": list(_named(field)),
    }


def load_card(path: Path | str, device: torch.device | None = None) -> MLPField:
    """The field a card describes, after checking version, names, shapes, dtype and the sha256 of its tensors.

    Raises CardError for a card that contradicts itself or its tensors, FileNotFoundError where a file is missing.
    """
    path = Path(path)
    card = _read(path)
    return field_of(card, _payload(path, card), device)


def field_of(card: dict[str, Any], payload: bytes, device: torch.device | None = None) -> MLPField:
    """The field that a card and the bytes of its safetensors describe. Raises CardError."""
    layers, order, dtype = _architecture(card)
    tensors = _parse(payload)
    names = [f"layer{layer}.{part}" for layer in range(len(layers) - 1) for part in ("weight", "bias")]
    _expect(card, "tensors", names)
    if sorted(tensors) != sorted(names):
        raise CardError(f"the file should hold the tensors {sorted(names)}, it holds {sorted(tensors)}")
    for name, shape in zip(names, _shapes(layers), strict=True):
        _check_tensor(name, tensors[name], shape, dtype)
    field = MLPField(tuple(tensors[n] for n in names[::2]), tuple(tensors[n] for n in names[1::2]), order)
    return field.to(device=device)


def _named(field: MLPField) -> dict[str, Tensor]:
    pairs = enumerate(zip(field.weights, field.biases, strict=True))
    return {
        f"layer{layer}.{part}": tensor.detach().cpu().contiguous()
        for layer, pair in pairs
        for part, tensor in zip(("weight", "bias"), pair, strict=True)
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CardError(f"{path.name} is not JSON: {error}") from None
    if not isinstance(card, dict):
        raise CardError(f"{path.name} should hold a JSON object, it holds a {type(card).__name__}")
    return card


def _architecture(card: dict[str, Any]) -> tuple[list[int], InputOrder, torch.dtype]:
    _expect(card, "format_version", FORMAT_VERSION)
    _expect(card, "activation", "tanh")
    layers: Any = card.get("layers")
    order: Any = card.get("input_order")
    dtype: Any = card.get("dtype")
    if not isinstance(layers, list) or len(layers) < 3 or not all(type(n) is int and n > 0 for n in layers):
        raise CardError(f"'layers' should be at least three positive widths, input to output, got {layers!r}")
    if layers[-1] != 1:
        raise CardError(f"'layers' should end in 1 (u is a number), got {layers!r}")
    _expect(card, "dim", layers[0] - 1)
    if order not in get_args(InputOrder):
        raise CardError(f"'input_order' should be one of {list(get_args(InputOrder))}, got {order!r}")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise CardError(f"'dtype' should be one of {list(_DTYPES)}, got {dtype!r}")
    return layers, order, _DTYPES[dtype]


def _payload(path: Path, card: dict[str, Any]) -> bytes:
    name = card.get("file")
    if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
        raise CardError(f"'file' should name a .safetensors file next to the card, got {name!r}")
    payload = (path.parent / name).read_bytes()
    _expect(card, "sha256", hashlib.sha256(payload).hexdigest())
    return payload


def _parse(payload: bytes) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(payload)
    except safetensors.SafetensorError as error:
        raise CardError(f"the tensors are not valid safetensors: {error}") from None


def _shapes(layers: list[int]) -> list[tuple[int, ...]]:
    return [shape for i, o in itertools.pairwise(layers) for shape in ((o, i), (o,))]


def _check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    if tuple(tensor.shape) != shape or tensor.dtype != dtype:
        raise CardError(
            f"tensor {name!r} should be {dtype} of shape {shape}, it is {tensor.dtype} of {tuple(tensor.shape)}"
        )
    if not torch.isfinite(tensor).all():
        raise CardError(f"tensor {name!r} holds values that are not finite")


def _expect(card: dict[str, Any], entry: str, wanted: object) -> None:
    if card.get(entry) != wanted:
        raise CardError(f"{entry!r} should be {wanted!r}, the card says {card.get(entry)!r}")
