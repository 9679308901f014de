"""Uploaded models as fields: a checked graph, walked node by node with torch's operators. Nothing in the file runs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
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
from burnish_workers.tensors.duals import Diagonal, Dual
from burnish_workers.tensors.fields import Field
from burnish_workers.tensors.forward import forward_jet
from burnish_workers.tensors.jets import Jet, attached
from burnish_workers.tensors.rules import RULES
from burnish_workers.tensors.rules.axes import moved_to

DTYPES = {name: getattr(torch, name) for name in ("int64", "int32", "float32", "float64", "bool")}
_SIZES = {f"_operator.{name}": getattr(operator, name) for name in ("add", "sub", "mul", "floordiv")}
_PLACE = frozenset({"device", "layout", "pin_memory", "memory_format", "requires_grad"})
"""Arguments that say where values lie: that is for the worker to decide."""


def load_model(data: bytes, device: torch.device) -> Field:
    """The field in an uploaded file. Raises ModelRejected, as at the door."""
    found = inspect_model(data)
    if found.archive is not None:
        if found.archive.graph.width is not None:
            raise ModelRejected("bad_signature", "the model gives rows (B, k); a field gives numbers u (B,)")
        return GraphField.of(found.archive, device)
    assert found.tanh is not None
    try:
        return field_of(found.tanh.card, data, device)
    except CardError as error:
        raise ModelRejected("bad_card", str(error)) from None


@dataclass(frozen=True)
class GraphField:
    """u(t, x) given by a graph of known operators.

    `weights`: by their names in the graph, and what nodes make of weights alone; `nodes`: the others; `dtype`: what
    the graph computes in, whatever it is given.
    """

    graph: Graph
    weights: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    dtype: torch.dtype

    @staticmethod
    def of(archive: Archive, device: torch.device) -> GraphField:
        known, nodes = folded(archive.graph, weights_of(archive, device), device)
        return GraphField(archive.graph, known, nodes, DTYPES[archive.graph.dtype])

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
        for node in self.nodes:
            run(node, known, x.device)
        return attached(known[self.graph.output].to(x.dtype), x)

    def carry(self, t: Dual, x: Dual) -> Dual:
        """u with its tangents and its generator, by the rule of each operator."""
        known: dict[str, Any] = {name: Dual(weight) for name, weight in self.weights.items()}
        known |= {self.graph.t: moved_to(t, self.dtype), self.graph.x: moved_to(x, self.dtype)}
        for node, last in zip(self.nodes, self._last_uses, strict=True):
            run_dual(node, known, x.value.device, last)
        return known[self.graph.output]

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """u, z, generated, all exact; see `forward_jet`. Draws nothing from the generator."""
        return forward_jet(self, t, x, drift, diffusion)

    @property
    def breadth(self) -> int:
        """Most entries of a tangent for one sample and one direction."""
        return self._breadth

    @cached_property
    @torch.no_grad()
    def _breadth(self) -> int:
        """From a pass over two samples."""
        like = next(iter(self.weights.values()), None)
        x = torch.zeros(2, self.dim, dtype=self.dtype, device=None if like is None else like.device)
        t = Dual(x[:, 0], None, torch.ones_like(x[:, 0]))
        known: dict[str, Any] = {name: Dual(weight) for name, weight in self.weights.items()}
        known |= {self.graph.t: t, self.graph.x: Dual(x, Diagonal(torch.ones_like(x)), x)}
        widest = 1
        for node in self.nodes:
            run_dual(node, known, x.device, frozenset())
            widest = max(widest, *(_entries(known[name]) // 2 for name in names_of(node)))
        return -(-widest // self.dim)

    @cached_property
    def _last_uses(self) -> tuple[frozenset[str], ...]:
        """For each node the names that no later one looks at."""
        seen = {self.graph.output}
        uses: list[frozenset[str]] = []
        for node in reversed(self.nodes):
            own = {name for _, value in node.arguments for name in _references(value)}
            uses.append(frozenset(own - seen))
            seen |= own
        return tuple(reversed(uses))


def weights_of(archive: Archive, device: torch.device) -> dict[str, Tensor]:
    """The weights of a file by their names in its graph."""
    entries = {weight.entry for weight in archive.weights.values()}
    storages = {entry: bytearray(archive.files[entry]) for entry in entries}
    return {name: _tensor(weight, storages).to(device) for name, weight in archive.weights.items()}


def _entries(value: Any) -> int:
    tangents = value.tangents if isinstance(value, Dual) else None
    return tangents.entries.numel() if isinstance(tangents, Diagonal) else 0 if tangents is None else tangents.numel()


def folded(
    graph: Graph, weights: Mapping[str, Tensor], device: torch.device
) -> tuple[dict[str, Tensor], tuple[Node, ...]]:
    """What nodes make of weights alone, once and for all, and the nodes that are left."""
    known: dict[str, Any] = dict(weights)
    left: list[Node] = []
    for node in graph.nodes:
        if all(name in known for _, value in node.arguments for name in _references(value)):
            run(node, known, device)
        else:
            left.append(node)
    return known, tuple(left)


def _references(value: Argument) -> Iterator[str]:
    if isinstance(value, Ref):
        yield value.name
    elif isinstance(value, tuple):
        for item in value:
            yield from _references(item)


def run(node: Node, known: dict[str, Any], device: torch.device) -> None:
    """Add what a node gives to what is known."""
    _keep(node, _called(node, known, device), known)


def _called(node: Node, known: Mapping[str, Any], device: torch.device) -> Any:
    target = _target(node.operator)
    if node.operator in SIZES:
        return target(*(_given(value, known) for _, value in node.arguments))
    arguments = {name: _given(value, known) for name, value in node.arguments if name not in _PLACE}
    if any(name == "device" for name, _ in node.arguments):
        arguments["device"] = device
    return target(**arguments)


def run_dual(node: Node, known: dict[str, Any], device: torch.device, last: frozenset[str]) -> None:
    """The same with tangents and generators. `last`: names that are not needed afterwards."""
    names = [name for _, value in node.arguments for name in _references(value)]
    given = {name: known[name] for name in names}
    values = {name: dual.value if isinstance(dual, Dual) else dual for name, dual in given.items()}
    result = _called(node, values, device)
    if _is_real(result) and any(isinstance(dual, Dual) and not dual.constant for dual in given.values()):
        for name, dual in given.items():
            # Its memory may be written over only by the one who looks at it last.
            if isinstance(dual, Dual) and dual.own and (name not in last or names.count(name) > 1):
                given[name] = replace(dual, own=False)
        arguments = {name: _given(value, given) for name, value in node.arguments if name not in _DROPPED}
        result = RULES[node.operator](result, **arguments)
    for name in last:
        known.pop(name, None)
    _keep(node, result, known)
    made = list(names_of(node))
    for name in made:
        if isinstance(known[name], Tensor):
            known[name] = Dual(known[name])
    places = {_place(known[name]) for name in made} - {None}
    for name in names:
        # What a view looks at is written over by nobody.
        if name in known and isinstance(dual := known[name], Dual) and dual.own and _place(dual) in places:
            known[name] = replace(dual, own=False)


def _place(given: Any) -> int | None:
    """Where its tangents lie in memory."""
    tangents = given.tangents if isinstance(given, Dual) else None
    return tangents.untyped_storage().data_ptr() if isinstance(tangents, Tensor) else None


_DROPPED = _PLACE | {"device"}


def _is_real(result: Any) -> bool:
    first = result if isinstance(result, Tensor) else result[0] if isinstance(result, (list, tuple)) else None
    return first is not None and first.is_floating_point()


def names_of(node: Node) -> Iterator[str]:
    """What the node gives, by name."""
    for names in node.outputs:
        yield from (names,) if isinstance(names, str) else names


def _keep(node: Node, result: Any, known: dict[str, Any]) -> None:
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
        return DTYPES[value.name]
    return [_given(item, known) for item in value] if isinstance(value, tuple) else value


def _tensor(weight: Weight, storages: Mapping[str, bytearray]) -> Tensor:
    """A copy of the weight's numbers: views of the file would keep all of it. Strides stay, for the same bits."""
    dtype = DTYPES[weight.dtype]
    if 0 in weight.shape:
        return torch.empty(weight.shape, dtype=dtype)
    flat = torch.frombuffer(storages[weight.entry], dtype=dtype)
    return torch.as_strided(flat, weight.shape, weight.strides, weight.offset).clone()
