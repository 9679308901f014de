"""Jobs that assimilate observations: what a kind says of them, and what a block is told of the one that it takes in.

Block i of a job with L lanes takes observation number i div L into lane i mod L, so that it can be issued only once
that observation is known. The answer after K blocks is a pure function of (resolved spec, seed, observations so far,
K): when they came, and whether with the spec or later, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.wire import Observation
from burnish.wire.observations import plain
from burnish_workers.core.decisions import Decision

OBSERVATION, NUMBER = "observation", "number"
"""Names under which a block finds the observation (dy,), float64 with nan for what was not seen, and its number ()."""

Components = list[float | None] | None
"""An observation as it is kept: null for nothing seen, whole or in a component."""


@dataclass(frozen=True)
class Feed:
    """The observations of a job, as its kind sees them.

    `given`: those that the posted spec brings, which the kind's `check` has read; `expected`: how many there will be
    with those that are posted later, None until one is marked the last; `read`: observation number j as float64 (dy,),
    nan where nothing was seen. It raises SpecError, its pointer relative to the observation, for one that does not fit.
    """

    given: Sequence[Observation]
    read: Callable[[Components, int], NDArray[np.float64]]
    expected: int | None = None

    @property
    def foreseen(self) -> int:
        """Observations that a plan can count on: as many as are expected, else as are known; at least one."""
        return max(1, len(self.given) if self.expected is None else self.expected)

    def array(self, observation: Observation, number: int) -> NDArray[np.float64]:
        """An observation as it was sent, read. Raises SpecError, and ValueError for an array that is no vector."""
        return self.read(plain(observation), number)


def told(observation: NDArray[np.float64], number: int) -> Decision:
    """What a block is told of the observation that it takes in."""
    return {OBSERVATION: observation, NUMBER: np.array(number, dtype=np.int64)}


def kept(observation: NDArray[np.float64]) -> Components:
    """An observation as it is kept and shown: equal arrays are kept as equal texts, however they were sent."""
    if np.isnan(observation).all():
        return None
    return [None if np.isnan(value) else float(value) + 0.0 for value in observation]
