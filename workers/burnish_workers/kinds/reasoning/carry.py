"""The chains of a lane as they travel: JSON in an array of bytes, every float as it is."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from burnish_workers.core.estimator import Arrays
from burnish_workers.kinds.reasoning.state import Child, Level, State


@dataclass
class Chain:
    """`index`: which of the job's chains; `state`: None before the first finished answer; `log_evidence`: of its
    filter, for methods that go by it; `warm`: steps made since the first answer; `ladder`: the states of all rungs,
    where there are several temperatures."""

    index: int
    state: State | None = None
    log_evidence: float = -math.inf
    warm: int = 0
    ladder: tuple[State | None, ...] = ()

    def packed(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "state": None if self.state is None else _packed(self.state),
            "log_evidence": _out(self.log_evidence),
            "warm": self.warm,
            "ladder": [None if rung is None else _packed(rung) for rung in self.ladder],
        }

    @staticmethod
    def unpacked(index: int, content: dict[str, Any]) -> Chain:
        state = None if content["state"] is None else _unpacked(content["state"])
        ladder = tuple(None if rung is None else _unpacked(rung) for rung in content["ladder"])
        return Chain(index, state, float(content["log_evidence"]), content["warm"], ladder)


def carried(lane: int, chains: Sequence[Chain]) -> dict[str, Any]:
    """The carry of a lane: its chains."""
    text = json.dumps([chain.packed() for chain in chains], separators=(",", ":"), allow_nan=False)
    return {"lane": np.array([lane]), "chains": np.frombuffer(text.encode(), np.uint8).copy()}


def chains_of(carry: Arrays) -> tuple[int, list[Chain]]:
    """The inverse of `carried`: chain g of G in a lane is number lane G + g of the job."""
    lane, contents = int(carry["lane"][0]), json.loads(carry["chains"].tobytes())
    return lane, [Chain.unpacked(lane * len(contents) + g, content) for g, content in enumerate(contents)]


def _packed(state: State) -> list[Any]:
    levels = [[level.index, [[*_child(child)] for child in level.pool]] for level in state.levels]
    return [_out(state.root), levels, state.up]


def _child(child: Child) -> tuple[list[int], bool, float | str | None]:
    return list(child.step), child.leaf, None if child.log_value is None else _out(child.log_value)


def _unpacked(packed: list[Any]) -> State:
    root, levels, up = packed
    found = (Level(tuple(_read(*child) for child in pool), index) for index, pool in levels)
    return State(float(root), tuple(found), up)


def _read(step: list[int], leaf: bool, value: float | str | None) -> Child:
    return Child(tuple(step), leaf, None if value is None else float(value))


def _out(value: float) -> float | str:
    """JSON has no infinity."""
    return "-inf" if value == -math.inf else value
