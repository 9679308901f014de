"""What the workers of a pool run on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Device:
    """`workers` of one numeric class on one node, `up` of which answer; `gpus`: of each of them."""

    node: str
    numeric_class: str
    workers: int
    up: int
    gpus: float = 0.0


def devices_of(seats: Iterable[tuple[str, str, bool]], gpus: float = 0.0) -> tuple[Device, ...]:
    """The devices of workers that are told by (node, numeric class, whether it is up)."""
    found = list(seats)
    every = Counter((node, numeric_class) for node, numeric_class, _ in found)
    up = Counter((node, numeric_class) for node, numeric_class, answers in found if answers)
    return tuple(Device(*place, workers, up[place], gpus) for place, workers in sorted(every.items()))
