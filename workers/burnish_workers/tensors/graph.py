"""Uploaded models as fields: a checked graph, walked node by node with torch's operators. Nothing in the file runs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from burnish.wire.operators import OPERATORS, SIZES
from burnish_workers.core.model_file import Archive, inspect_model
from burnish_workers.core.model_graph import Argument, Dtype, Graph, Node, Ref
from burnish_workers.core.model_rejected import ModelRejected
from burnish_workers.core.model_weights import Weight
from burnish_workers.tensors.cards import CardError, field_of
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.fields import Field
from burnish_workers.tensors.jets import Jet, attached, jet_of

_DTYPES = {name: getattr(torch, name) for name in ("int64", "int32", "float32", "float64", "bool")}
_SIZES = {f"_operator.{name}": getattr(operator, name) for name in ("add", "sub", "mul", "floordiv")}
_PLACE = frozenset({"device", "layout", "pin_memory", "memory_format", "requires_grad"})
"""Arguments that say where values lie: that is for the worker to decide."""


def load_model(data: bytes, device: torch.device) -> Field:
    """The field in an uploaded file. Raises ModelRejected, as at the door."""
    found = inspect_model(data)
    if found.archive is not None:
        return GraphField.of(found.archive, device)
    assert found.tanh is not None
    try:
        return field_of(found.tanh.card, data, device)
    except CardError as error:
        raise ModelRejected("bad_card", str(error)) from None


@dataclass(frozen=True)
class GraphField:
    """u(t, x) given by a graph of known operators.

    `weights`: by their names in the graph; `dtype`: what the graph computes in, whatever it is given.
    """

    graph: Graph
    weights: Mapping[str, Tensor]
    dtype: torch.dtype
    probes: int = 1

    @staticmethod
    def of(archive: Archive, device: torch.device) -> GraphField:
        entries = {weight.entry for weight in archive.weights.values()}
        storages = {entry: bytearray(archive.files[entry]) for entry in entries}
        weights = {name: _tensor(weight, storages).to(device) for name, weight in archive.weights.items()}
        return GraphField(archive.graph, weights, _DTYPES[archive.graph.dtype])

    @property
    def dim(self) -> int:
        """d."""
        return self.graph.dim

    def to(self, device: torch.device) -> GraphField:
        """The same on another device."""
        return replace(self, weights={name: weight.to(device) for name, weight in self.weights.items()})

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """u: t (B,), x (B, d) -> (B,)."""
        known: dict[str, Any] = {**self.weights, self.graph.t: t.to(self.dtype), self.graph.x: x.to(self.dtype)}
        for node in self.graph.nodes:
            _run(node, known, x.device)
        return attached(known[self.graph.output].to(x.dtype), x)

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """u, z, generated; see `jet_of`. The generator is needed only where there are many Brownian motions."""
        return jet_of(self.value, t, x, drift, diffusion, generator, self.probes)


def _run(node: Node, known: dict[str, Any], device: torch.device) -> None:
    """Add what a node gives to what is known."""
    target = _target(node.operator)
    if node.operator in SIZES:
        result = target(*(_given(value, known) for _, value in node.arguments))
    else:
        arguments = {name: _given(value, known) for name, value in node.arguments if name not in _PLACE}
        if any(name == "device" for name, _ in node.arguments):
            arguments["device"] = device
        result = target(**arguments)
    results = [result] if len(node.outputs) == 1 else list(result)
    for names, value in zip(node.outputs, results, strict=True):
        if isinstance(names, tuple):
            known.update(zip(names, value, strict=True))
        else:
            known[names] = value


def _target(name: str) -> Callable[..., Any]:
    """The operator of that name, from the list and from nowhere else."""
    if name not in OPERATORS:
        raise ValueError(f"operator {name!r} is not on the list")
    if name in SIZES:
        return _SIZES[name]
    family, overload = name.removeprefix("torch.ops.aten.").rsplit(".", 1)
    return getattr(getattr(torch.ops.aten, family), overload)


def _given(value: Argument, known: Mapping[str, Any]) -> Any:
    if isinstance(value, Ref):
        return known[value.name]
    if isinstance(value, Dtype):
        return _DTYPES[value.name]
    return [_given(item, known) for item in value] if isinstance(value, tuple) else value


def _tensor(weight: Weight, storages: Mapping[str, bytearray]) -> Tensor:
    """A copy of the weight's numbers: views of the file would keep all of it. Strides stay, for the same bits."""
    dtype = _DTYPES[weight.dtype]
    if 0 in weight.shape:
        return torch.empty(weight.shape, dtype=dtype)
    flat = torch.frombuffer(storages[weight.entry], dtype=dtype)
    return torch.as_strided(flat, weight.shape, weight.strides, weight.offset).clone()
