"""A tanh MLP as one safetensors file: the architecture card is in its header, under `burnish.card`."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from burnish_workers.core.model_graph import MOST_DIM
from burnish_workers.core.model_json import a_list, an_integer, an_object, shown
from burnish_workers.core.model_rejected import ModelRejected

KEY = "burnish.card"
_SIZES = {"F32": ("float32", 4), "F64": ("float64", 8)}
_LONGEST_HEADER = 2**20
_KNOWN: dict[str, tuple[Any, ...]] = {
    "activation": ("tanh",),
    "dtype": ("float32", "float64"),
    "format_version": (1,),
    "input_order": ("x then t", "t then x"),
}


@dataclass(frozen=True)
class CardFile:
    """What the card says. `parameters`: how many numbers the tensors hold."""

    card: dict[str, Any]
    dim: int
    dtype: str
    parameters: int


def looks_like(data: bytes) -> bool:
    """Whether the bytes may be safetensors: a length and then an object."""
    return len(data) > 9 and data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def read_card(data: bytes) -> CardFile:
    """Raises ModelRejected."""
    try:
        return _read(data)
    except ModelRejected as error:
        raise (_bad(str(error)) if error.reason == "bad_graph" else error) from None


def _read(data: bytes) -> CardFile:
    length = int.from_bytes(data[:8], "little")
    if length > _LONGEST_HEADER:
        raise _bad(f"the header has {length} bytes")
    header = _json(data[8 : 8 + length], "the header")
    described = an_object(header.pop("__metadata__", {})).get(KEY)
    if not isinstance(described, str):
        raise ModelRejected("not_a_model", f"safetensors need an architecture card as JSON in the metadata {KEY!r}")
    card = _json(described, "the card")
    layers, dtype = _architecture(card)
    wanted = {f"layer{i}.{part}": shape for i, part, shape in _shapes(layers)}
    if card.get("tensors") != list(wanted):
        raise _bad(f"'tensors' should be {list(wanted)!s:.200}, the card says {shown(card.get('tensors'))}")
    if set(header) != set(wanted):
        raise _bad(f"the tensors should be {sorted(wanted)!s:.200}, they are {sorted(header)!s:.200}")
    end = 0
    for name, meta in sorted(header.items(), key=lambda item: _start(item[1])):
        end = _tensor(name, meta, wanted[name], dtype, end)
    if end != len(data) - 8 - length:
        raise ModelRejected("wrong_size", f"the tensors need {end} bytes, the file holds {len(data) - 8 - length}")
    if not np.isfinite(np.frombuffer(data, f"<f{4 if dtype == 'float32' else 8}", offset=8 + length)).all():
        raise ModelRejected("not_finite", "the tensors hold NaN or infinity")
    return CardFile(card, layers[0] - 1, dtype, sum(math.prod(shape) for shape in wanted.values()))


def _architecture(card: dict[str, Any]) -> tuple[list[int], str]:
    layers = [an_integer(n) for n in a_list(card.get("layers"))]
    if not 3 <= len(layers) <= 64 or min(layers) < 1:
        raise _bad(f"'layers' should be at least three positive widths, input to output, got {shown(layers)}")
    if not 1 <= layers[0] - 1 <= MOST_DIM:
        raise _bad(f"x has {layers[0] - 1} coordinates; 1 to {MOST_DIM} are accepted")
    if layers[-1] != 1 or card.get("dim") != layers[0] - 1:
        what = f"got {shown(layers)} with dim {shown(card.get('dim'))}"
        raise _bad(f"'layers' should begin with dim + 1 and end in 1, {what}")
    for name, known in _KNOWN.items():
        if card.get(name) not in known:
            raise _bad(f"{name!r} should be {' or '.join(map(repr, known))}, got {shown(card.get(name))}")
    return layers, card["dtype"]


def _shapes(layers: list[int]) -> list[tuple[int, str, list[int]]]:
    pairs = enumerate(itertools.pairwise(layers))
    return [(i, part, shape) for i, (n, m) in pairs for part, shape in (("weight", [m, n]), ("bias", [m]))]


def _start(meta: Any) -> int:
    offsets = [an_integer(n) for n in a_list(an_object(meta).get("data_offsets"))]
    if len(offsets) != 2:
        raise _bad("a tensor has no data_offsets")
    return offsets[0]


def _tensor(name: str, meta: dict[str, Any], shape: list[int], dtype: str, start: int) -> int:
    """Check one tensor that must begin at `start`; where it ends."""
    kind = meta.get("dtype")
    if not isinstance(kind, str) or kind not in _SIZES or _SIZES[kind][0] != dtype or meta.get("shape") != shape:
        raise _bad(
            f"tensor {name!r} should be {dtype} of shape {shape}, it is {shown(kind)} of {shown(meta.get('shape'))}"
        )
    first, last = meta["data_offsets"]
    if first != start or last - first != math.prod(shape) * _SIZES[kind][1]:
        raise ModelRejected("wrong_size", f"tensor {name!r} lies at {first}..{last}, not where its shape puts it")
    return last


def _json(text: bytes | str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
    except (ValueError, RecursionError) as error:
        raise _bad(f"{what} is not JSON: {error!s:.100}") from None
    if not isinstance(found, dict):
        raise _bad(f"{what} is no object")
    return an_object(found)


def _bad(why: str) -> ModelRejected:
    return ModelRejected("bad_card", why)
