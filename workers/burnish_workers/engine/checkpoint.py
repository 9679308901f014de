"""A checkpoint: the folded state of a job, as bytes without pickles."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from burnish_workers.core.decisions import Decision
from burnish_workers.core.estimator import State, flatten, unflatten
from burnish_workers.engine.lanes import Carry
from burnish_workers.engine.schema import SCHEMA, check_version

_CARRY, _DECISION, _SCHEMA = "@carry", "@decision", "@schema"


def lanes_at(job: str, blocks: int | None = None) -> str:
    """The artifact in which the carries at a look are kept for as long as the job is, to verify from; None: how the
    names of all of them begin."""
    return f"{job}/lanes-" if blocks is None else f"{job}/lanes-{blocks}.npz"


@dataclass(frozen=True)
class Checkpoint:
    """The fold over blocks 0..blocks-1, the carry of the last block of each lane by its index, and what was decided at
    looks by the looks."""

    blocks: int
    state: State
    carries: dict[int, Carry] = field(default_factory=dict[int, Carry])
    decisions: dict[int, Decision] = field(default_factory=dict[int, Decision])

    def to_bytes(self) -> bytes:
        buffer = io.BytesIO()
        more = {**_flat(_CARRY, self.carries), **_flat(_DECISION, self.decisions)}
        more[_SCHEMA] = np.array(SCHEMA)
        np.savez(buffer, allow_pickle=False, blocks=np.array(self.blocks), **flatten(self.state), **more)
        return buffer.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> Checkpoint:
        """Raises StoredByNewer. Those of version 1 carry no number, and are read as they are."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            named = {name: arrays[name] for name in arrays.files}
        check_version(int(named.pop(_SCHEMA, 1)), "the checkpoint")
        blocks = int(named.pop("blocks"))
        carries, decisions = _taken(_CARRY, named), _taken(_DECISION, named)
        return Checkpoint(blocks, unflatten(named), dict[int, Carry](carries), dict[int, Decision](decisions))


def _flat(under: str, numbered: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{under}/{i}/{name}": array for i, arrays in numbered.items() for name, array in arrays.items()}


def _taken(under: str, named: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The inverse of `_flat`; takes what it finds out of `named`."""
    found: dict[int, dict[str, Any]] = {}
    for name in [name for name in named if name.startswith(f"{under}/")]:
        _, index, own = name.split("/", 2)
        found.setdefault(int(index), {})[own] = named.pop(name)
    return found
