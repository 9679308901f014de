"""Uploaded models at the door: looked through in pure Python, before anything that could run is near them.

Two formats: `.pt2` (torch.export, weights as raw bytes) and safetensors with an architecture card. Never pickles, never
TorchScript, never code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from burnish_workers.core import model_card
from burnish_workers.core.model_graph import Graph, read_graph
from burnish_workers.core.model_rejected import ModelRejected
from burnish_workers.core.model_weights import Weight, entries_of, read_weights
from burnish_workers.core.model_zip import read_archive

MODEL = "models/model.json"
_INERT = {
    "archive_format",
    "archive_version",
    "byteorder",
    ".data/version",
    ".data/serialization_id",
    "version",
    "data/weights/model_weights_config.json",
    "data/constants/model_constants_config.json",
    MODEL,
}
_SAMPLES = "data/sample_inputs/"


@dataclass(frozen=True)
class Archive:
    """A checked `.pt2`: the graph, where its weights lie, and the bytes they lie in."""

    graph: Graph
    weights: Mapping[str, Weight]
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class ModelFile:
    """A file that passed. `card`: what is told of it; `archive` or `tanh` (an architecture card) by its format."""

    format: Literal["pt2", "safetensors"]
    dim: int
    card: dict[str, Any]
    archive: Archive | None = None
    tanh: model_card.CardFile | None = None


def inspect_model(data: bytes) -> ModelFile:
    """Judge the bytes of a model. Raises ModelRejected with a named reason."""
    if data[:2] == b"PK":
        return _pt2(data)
    if model_card.looks_like(data):
        return _safetensors(data)
    raise ModelRejected("not_a_model", "neither a .pt2 archive nor safetensors; write the file with burnish.export")


def _given(graph: Graph) -> dict[str, Any]:
    """What a graph gives that is no plain number."""
    if graph.width is None:
        return {}
    return {"gives": "samples" if graph.samples else "vectors", "width": graph.width, "labels": graph.label is not None}


def _pt2(data: bytes) -> ModelFile:
    files = read_archive(data)
    if MODEL not in files:
        raise ModelRejected("not_a_model", f"the archive holds no {MODEL}; write the file with burnish.export")
    if files.get("byteorder", b"little").strip() != b"little":
        raise ModelRejected("wrong_version", "the weights are not little-endian")
    graph = read_graph(files[MODEL])
    weights = read_weights(files, graph)
    _only_known(files)
    parameters = sum(_elements(weight) for weight in weights.values())
    operators = sorted({node.operator.removeprefix("torch.ops.aten.") for node in graph.nodes})
    card = {
        "format": "pt2",
        "dim": graph.dim,
        "dtype": graph.dtype,
        "parameters": parameters,
        "nodes": len(graph.nodes),
        "operators": operators,
        **_given(graph),
    }
    return ModelFile("pt2", graph.dim, card, archive=Archive(graph, weights, files))


def _only_known(files: Mapping[str, bytes]) -> None:
    """A file that nobody reads has no business in a model."""
    known = _INERT | entries_of(files)
    for name, content in files.items():
        if name.startswith(_SAMPLES):
            if content:
                what = "the archive holds sample inputs, a pickle, which can run code"
                raise ModelRejected("pickle", f"{what}; write the file with burnish.export, which leaves them out")
        elif name not in known:
            kind = "pickle" if name.endswith((".pkl", ".pickle", ".pt", ".pth")) else "unexpected_entry"
            raise ModelRejected(kind, f"entry {name!r:.100} is not part of a model; write it with burnish.export")


def _safetensors(data: bytes) -> ModelFile:
    found = model_card.read_card(data)
    card = {
        "format": "safetensors",
        "dim": found.dim,
        "dtype": found.dtype,
        "parameters": found.parameters,
        "architecture": {
            name: found.card[name] for name in ("layers", "activation", "input_order") if name in found.card
        },
    }
    return ModelFile("safetensors", found.dim, card, tanh=found)


def _elements(weight: Weight) -> int:
    count = 1
    for n in weight.shape:
        count *= n
    return count


__all__ = ["Archive", "ModelFile", "ModelRejected", "inspect_model"]
