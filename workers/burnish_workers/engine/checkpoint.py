"""A checkpoint: the folded state of a job, as bytes without pickles."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from burnish_workers.core.estimator import State, flatten, unflatten
from burnish_workers.engine.lanes import Carry

_CARRY = "@carry"


def lanes_at(job: str, blocks: int) -> str:
    """The artifact in which the carries at a look are kept for as long as the job is, to verify from."""
    return f"{job}/lanes-{blocks}.npz"


@dataclass(frozen=True)
class Checkpoint:
    """The fold over blocks 0..blocks-1, and the carry of the last block of each lane by its index."""

    blocks: int
    state: State
    carries: dict[int, Carry] = field(default_factory=dict[int, Carry])

    def to_bytes(self) -> bytes:
        buffer = io.BytesIO()
        carried = {f"{_CARRY}/{i}/{name}": array for i, carry in self.carries.items() for name, array in carry.items()}
        np.savez(buffer, allow_pickle=False, blocks=np.array(self.blocks), **flatten(self.state), **carried)
        return buffer.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> Checkpoint:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            named = {name: arrays[name] for name in arrays.files}
        blocks = int(named.pop("blocks"))
        carries: dict[int, dict[str, Any]] = {}
        for name in [name for name in named if name.startswith(f"{_CARRY}/")]:
            _, index, own = name.split("/", 2)
            carries.setdefault(int(index), {})[own] = named.pop(name)
        return Checkpoint(blocks, unflatten(named), dict[int, Carry](carries))
