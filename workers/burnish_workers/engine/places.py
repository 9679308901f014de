"""Whether the nodes of a cluster have room for the workers of a pool."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def short_of(nodes: Sequence[Mapping[str, float]], each: Mapping[str, float], workers: int) -> str | None:
    """What the nodes lack for so many workers, in words; None where they have room. Pure.

    `each`: what one worker asks for by name of resource. Shares of a GPU are of one GPU: three workers with 0.4 do not
    share it.
    """
    wanted = {name: amount for name, amount in each.items() if amount}
    none = [f"{amount:g} {name}" for name, amount in wanted.items() if not any(_room(n, name, amount) for n in nodes)]
    if none:
        return f"no node of the cluster has {' and '.join(none)} for a worker"
    room = sum(min((_room(node, *part) for part in wanted.items()), default=workers) for node in nodes)
    asked = " and ".join(f"{amount:g} {name}" for name, amount in wanted.items())
    return None if room >= workers else f"the cluster has room for {room} of {workers} workers with {asked} each"


def _room(node: Mapping[str, float], name: str, amount: float) -> int:
    """How many such amounts a node has."""
    has = node.get(name, 0.0)
    if name == "GPU" and amount < 1:
        return math.floor(has) * math.floor(1 / amount + 1e-9)
    return math.floor(has / amount + 1e-9)
