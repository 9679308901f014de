"""The weights of a `.pt2` file: raw little-endian bytes and where in them each tensor lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from burnish_workers.core.model_graph import DTYPES, Graph
from burnish_workers.core.model_json import a_text, an_object, parse_json, shown
from burnish_workers.core.model_rejected import ModelRejected

MOST_ELEMENTS = 8 * 2**20
_CONFIGS = {
    "parameter": ("data/weights", "model_weights_config.json"),
    "constant": ("data/constants", "model_constants_config.json"),
}


@dataclass(frozen=True)
class Weight:
    """A view of the bytes of an entry: element i, j, ... lies at offset + i strides[0] + j strides[1] + ... ."""

    entry: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


def read_weights(files: Mapping[str, bytes], graph: Graph) -> dict[str, Weight]:
    """Where the weights of a graph lie, by their names in the graph. Raises ModelRejected."""
    configs = {kind: _config(files, f"{folder}/{name}") for kind, (folder, name) in _CONFIGS.items()}
    found: dict[str, Weight] = {}
    for name, (kind, own) in graph.weights.items():
        if own not in configs[kind]:
            raise ModelRejected("bad_graph", f"{kind} {own!r:.60} has no weights in the archive")
        found[name] = _weight(configs[kind][own], _CONFIGS[kind][0], files, own)
    # Many weights may be views of one entry, which is looked through once all the same.
    for entry, dtype in sorted({(weight.entry, weight.dtype) for weight in found.values()}):
        _check_numbers(files[entry], dtype, entry)
    total = sum(int(np.prod(weight.shape)) for weight in found.values())
    if total > MOST_ELEMENTS:
        raise ModelRejected("too_large", f"the model has {total} numbers; at most {MOST_ELEMENTS} are accepted")
    return found


def entries_of(files: Mapping[str, bytes]) -> set[str]:
    """The entries that the weights' own lists name."""
    listed: set[str] = set()
    for folder, name in _CONFIGS.values():
        for meta in _config(files, f"{folder}/{name}").values():
            listed.add(f"{folder}/{a_text(an_object(meta).get('path_name'))}")
    return listed


def _config(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    if name not in files:
        return {}
    return an_object(an_object(parse_json(files[name], name)).get("config"))


def _weight(given: Any, folder: str, files: Mapping[str, bytes], own: str) -> Weight:
    try:
        path, pickled, meta = given["path_name"], given["use_pickle"], given["tensor_meta"]
        shape = tuple(_count(size["as_int"]) for size in meta["sizes"])
        strides = tuple(_count(stride["as_int"]) for stride in meta["strides"])
        offset, number = _count(meta["storage_offset"]["as_int"]), meta["dtype"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelRejected("bad_graph", f"weight {own!r:.60} is not described whole ({error!s:.60})") from None
    if pickled is not False:
        raise ModelRejected("pickle", f"weight {own!r:.60} is pickled, which can run code; use burnish.export")
    entry = f"{folder}/{a_text(path)}"
    if entry not in files:
        raise ModelRejected("bad_graph", f"the bytes of weight {own!r:.60} are not in the archive")
    if type(number) is not int or number not in DTYPES:
        raise ModelRejected("bad_graph", f"weight {own!r:.60} is of type number {shown(number)}")
    weight = Weight(entry, DTYPES[number], shape, strides, offset)
    _check(weight, files[entry], own)
    return weight


def _check(weight: Weight, data: bytes, own: str) -> None:
    size = np.dtype(weight.dtype).itemsize
    if len(weight.shape) != len(weight.strides) or len(weight.shape) > 8 or len(data) % size:
        raise ModelRejected("wrong_size", f"shape, strides and bytes of weight {own!r:.60} do not fit together")
    last = weight.offset + sum((n - 1) * stride for n, stride in zip(weight.shape, weight.strides, strict=True))
    elements = 1
    for n in weight.shape:
        elements *= n
    if elements > MOST_ELEMENTS:
        raise ModelRejected("too_large", f"weight {own!r:.60} has {elements} numbers")
    if elements and last >= len(data) // size:
        raise ModelRejected(
            "wrong_size", f"weight {own!r:.60} reaches to number {last}, its bytes hold {len(data) // size}"
        )


def _check_numbers(data: bytes, dtype: str, entry: str) -> None:
    if dtype.startswith("float") and not np.isfinite(np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))).all():
        raise ModelRejected("not_finite", f"{entry[:100]} holds NaN or infinity")
    if dtype == "bool" and (np.frombuffer(data, np.uint8) > 1).any():
        raise ModelRejected("corrupt", f"{entry[:100]} holds bytes that are neither true nor false")


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**40:
        raise ValueError(f"{shown(value)} is no count")
    return value
