"""Trying an uploaded network that gives rows of numbers: its values, and their gradient in x. For `probe`, in its
process."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from burnish_workers.core.model_rejected import ModelRejected
from burnish_workers.tensors.networks import GraphNetwork

ROWS = 257
ALONE = 5
"""Rows that are also computed by themselves."""
APART = 1e-4
"""Relative difference up to which a row may change with its neighbours: batches round differently."""
BOXES = (1.0, 0.1, 4.0)
LABELS = (-1, 10)
"""No class, and nine of those there may be."""


def try_network(network: GraphNetwork) -> dict[str, Any]:
    """The card. Raises ModelRejected."""
    began = time.perf_counter()
    given = _points(network, BOXES[0])
    with torch.no_grad():
        whole = _values(network, given)
        seconds = time.perf_counter() - began
        order = torch.arange(ROWS).flip(0)
        shuffled = _values(network, [each[order] for each in given]).flip(0)
        alone = _values(network, [each[:ALONE] for each in given])
    scale = whole.abs().max() + 1e-6
    if max((shuffled - whole).abs().max(), (alone - whole[:ALONE]).abs().max()) > APART * scale:
        raise ModelRejected("rows_interact", "the value at a point depends on the other points of its batch")
    for box in BOXES:
        if not torch.isfinite(_slope(network, _points(network, box))).all():
            raise ModelRejected("bad_gradient", f"gradients within {box:g} of the origin are not finite")
    return {"seconds_per_row": seconds / ROWS}


def _points(network: GraphNetwork, box: float) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    t = torch.rand(ROWS, generator=generator)
    x = box * (2 * torch.rand(ROWS, network.dim, generator=generator) - 1)
    labels = torch.randint(*LABELS, (ROWS,), generator=generator)
    return [t, x, labels] if network.labelled else [t, x]


def _values(network: GraphNetwork, given: list[Tensor]) -> Tensor:
    x, u = given[1], network(*given)
    wanted = (len(x), network.graph.width)
    if tuple(u.shape) != wanted:
        what = f"for x of shape {tuple(x.shape)} the model gives shape {tuple(u.shape)}"
        raise ModelRejected("bad_value", f"{what}; the file says {wanted}")
    if not torch.isfinite(u).all():
        raise ModelRejected("bad_value", f"{int((~torch.isfinite(u)).sum())} of {u.numel()} values are not finite")
    return u


def _slope(network: GraphNetwork, given: list[Tensor]) -> Tensor:
    t, x, *labels = given
    x = x.requires_grad_()
    return torch.autograd.grad(network(t, x, *labels).sum(), x)[0]
