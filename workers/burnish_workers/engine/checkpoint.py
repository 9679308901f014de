"""A checkpoint: the folded state of a job, as bytes without pickles."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from burnish_workers.core.estimator import State, flatten, unflatten


@dataclass(frozen=True)
class Checkpoint:
    """The fold over blocks 0..blocks-1."""

    blocks: int
    state: State

    def to_bytes(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, blocks=np.array(self.blocks), **flatten(self.state))
        return buffer.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> Checkpoint:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            named = {name: arrays[name] for name in arrays.files}
        blocks = int(named.pop("blocks"))
        return Checkpoint(blocks, unflatten(named))
