"""Blocks in lanes: block i is step i div L of lane i mod L and goes on from what the step before left, the carry.

Memoryless jobs have no lanes: their blocks need nothing of each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from burnish_workers.core.decisions import EVENLY, Decision
from burnish_workers.core.keys import Key, block_key, lane_key
from burnish_workers.core.schedule import Replicates
from burnish_workers.engine.fleet import BlockTask, JobCode

Carry = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a block stands: its key, the key with which its lane begins (None where there are none), its replicates."""

    key: Key
    lane: Key | None
    start: int
    replicates: int


def block_task(
    code: JobCode, place: Place, numeric_class: str | None, carry: Carry, decision: Decision = EVENLY
) -> BlockTask:
    """The block that stands there, to be run."""
    return BlockTask(code, place.key, place.start, place.replicates, numeric_class, carry, place.lane, decision)


@dataclass(frozen=True)
class Layout:
    """How the blocks of a job are laid out. `lanes`: L, None for memoryless jobs."""

    seed: int
    count: Replicates
    lanes: int | None = None

    def place(self, index: int) -> Place:
        """In a lane, replicates are counted from the lane's own beginning."""
        lane, step = (0, index) if self.lanes is None else (index % self.lanes, index // self.lanes)
        key = block_key(self.seed, lane, index)
        start = self.count(step)
        first = None if self.lanes is None else lane_key(self.seed, lane)
        return Place(key, first, start, self.count(step + 1) - start)

    def before(self, index: int) -> int | None:
        """The block whose carry this one needs; None where it needs none."""
        return None if self.lanes is None or index < self.lanes else index - self.lanes


@dataclass
class Carries:
    """What blocks left to the next of their lanes, from the last of each lane in the prefix on."""

    layout: Layout
    known: dict[int, Carry] = field(default_factory=dict[int, Carry])

    def ready(self, index: int) -> bool:
        """Whether this block can be issued."""
        before = self.layout.before(index)
        return before is None or before in self.known

    def into(self, index: int) -> Carry:
        """What the block goes on from; nothing at the beginning of a lane, and for memoryless jobs."""
        before = self.layout.before(index)
        return {} if before is None else self.known[before]

    def land(self, index: int, carry: Carry) -> None:
        if self.layout.lanes is not None:
            self.known[index] = carry

    def folded(self, blocks: int) -> None:
        """The prefix has grown to `blocks`: what no block beyond it can need is forgotten."""
        if self.layout.lanes is not None:
            self.known.pop(blocks - self.layout.lanes - 1, None)

    def at(self, blocks: int) -> dict[int, Carry]:
        """Those at the end of a prefix: the last of each lane."""
        lanes = self.layout.lanes or 0
        return {index: carry for index, carry in self.known.items() if blocks - lanes <= index < blocks}
