"""Uploaded networks that give rows of numbers: a checked graph, walked node by node with torch's operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from burnish_workers.core.model_file import inspect_model
from burnish_workers.core.model_graph import Graph, Node
from burnish_workers.core.model_rejected import ModelRejected
from burnish_workers.tensors.graph import DTYPES, folded, run, weights_of
from burnish_workers.tensors.jets import attached


@dataclass(frozen=True)
class GraphNetwork:
    """u(t, x), or u(t, x, label), with k values a row. `dtype`: what the graph computes in, whatever it is given."""

    graph: Graph
    weights: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    dtype: torch.dtype

    @property
    def dim(self) -> int:
        """d."""
        return self.graph.dim

    @property
    def labelled(self) -> bool:
        """Whether it takes labels."""
        return self.graph.label is not None

    def __call__(self, t: Tensor, x: Tensor, label: Tensor | None = None) -> Tensor:
        """u: t (B,), x (B, d), label (B,) int64 -> (B, k). Raises ValueError where labels are missing or not taken."""
        if (label is not None) != self.labelled:
            raise ValueError(
                f"the network takes {'labels, and got none' if self.labelled else 'no labels, and got some'}"
            )
        known: dict[str, Any] = {**self.weights, self.graph.t: t.to(self.dtype), self.graph.x: x.to(self.dtype)}
        if self.graph.label is not None:
            known[self.graph.label] = label
        for node in self.nodes:
            run(node, known, x.device)
        return attached(known[self.graph.output].to(x.dtype), x)


def load_network(data: bytes, device: torch.device) -> GraphNetwork:
    """The network in an uploaded file. Raises ModelRejected, as at the door, and for a file that gives numbers."""
    archive = inspect_model(data).archive
    if archive is None or archive.graph.width is None:
        raise ModelRejected("bad_signature", "the model gives numbers u (B,), not rows of numbers (B, k)")
    known, nodes = folded(archive.graph, weights_of(archive, device), device)
    return GraphNetwork(archive.graph, known, nodes, DTYPES[archive.graph.dtype])
