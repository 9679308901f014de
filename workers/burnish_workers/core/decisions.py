"""Decisions at looks: how the samples of later blocks are shared among the outputs of a job.

Let L_1 < L_2 < ... be the planned looks from a block count on that the resolution fixes. What the folded prefix says at
L_j is decided there and holds for the blocks from L_{j+1} up to L_{j+2}; the blocks before L_2 are shared evenly. So a
decision is a pure function of (resolved spec, seed, L_j), and no worker waits for one: while the blocks up to L_{j+1}
are folded, those beyond it can be issued already.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.schedule import Replicates, Schedule

Decision = Mapping[str, NDArray[Any]]
"""What a kind decided at a look, as named arrays; empty: samples are shared evenly."""

EVENLY: Decision = {}


@dataclass(frozen=True)
class Ahead:
    """What is decided upon, at a look.

    `then`: replicates per output when the decision begins to hold, by the decision `until_then` that holds before (from
    `now` on); `until`: when it ends. All are nominal: what an even share would give.
    """

    now: int
    then: int
    until: int
    until_then: Decision


@dataclass
class Decisions:
    """The decisions of a job so far, by the look at which they were made. `first`: looks before it decide nothing; None
    where nothing is ever decided."""

    schedule: Schedule
    count: Replicates
    first: int | None
    made: dict[int, Decision] = field(default_factory=dict[int, Decision])
    _looks: list[int] = field(default_factory=list[int])

    def ready(self, block: int) -> bool:
        """Whether it is decided how the samples of this block are shared."""
        source = self._source(block)
        return source is None or source in self.made

    def of(self, block: int) -> Decision:
        """What holds for a block that is `ready`."""
        source = self._source(block)
        return EVENLY if source is None else self.made[source]

    def room(self, block: int, most: int) -> int:
        """How many blocks from `block` on are ready, up to `most`."""
        if self.first is None:
            return most
        end = block + most
        while block < end and self.ready(block):
            block = min(end, self._next(block))
        return most - (end - block)

    def folded(self, blocks: int, decide: Callable[[Ahead], Decision]) -> None:
        """The prefix has grown to `blocks`: decide, if this is a look that decides."""
        if self.first is None or blocks < self.first or blocks in self.made:
            return
        self._reach(blocks)
        if blocks not in self._looks:
            return
        then = self._next(blocks)
        ahead = Ahead(self.count(blocks), self.count(then), self.count(self._next(then)), self.of(blocks))
        self.made[blocks] = decide(ahead)

    def _source(self, block: int) -> int | None:
        """The look that decided upon a block: the last but one of those at or before it."""
        if self.first is None:
            return None
        self._reach(block)
        passed = bisect_right(self._looks, block)
        return self._looks[passed - 2] if passed >= 2 else None

    def _next(self, blocks: int) -> int:
        """The first deciding look after `blocks`; far away where there is none."""
        self._reach(blocks)
        after = bisect_right(self._looks, blocks)
        return self._looks[after] if after < len(self._looks) else blocks + _NEVER

    def _reach(self, block: int) -> None:
        """Know all deciding looks up to one beyond `block`."""
        assert self.first is not None
        while not self._looks or self._looks[-1] <= block:
            look = self.schedule.next_look(max([self.first - 1, *self._looks[-1:]]))
            if look is None:
                return
            self._looks.append(look)


_NEVER = 2**40
"""Blocks: beyond any job."""


def catch_up(wanted: NDArray[np.float64], had: NDArray[np.float64], amount: float) -> NDArray[np.float64]:
    """Shares of the next `amount` samples that bring totals as close as can be to proportions `wanted`.

    wanted (m,) >= 0, had (m,) samples so far; the shares (m,) have mean 1: output i gets amount/m times its share.
    a_i = max(0, level w_i - h_i) with the level at which they add up to `amount` (water filling); no share is below
    LEAST or above MOST before they are scaled, so that no output is ever forgotten nor drowns the others.
    """
    m = len(wanted)
    weights = np.maximum(np.nan_to_num(wanted, nan=0.0, posinf=0.0), 0.0)
    if not weights.any():
        return np.ones(m)
    w = np.maximum(weights, 1e-9 * weights.max())
    w = w / w.sum()
    need = had / w  # the level at which an output begins to get any
    order = np.argsort(need, kind="stable")
    levels = (amount + np.cumsum(had[order])) / np.cumsum(w[order])
    # The level is right for the first k outputs if the next one would begin above it.
    k = int(np.flatnonzero(levels <= np.append(need[order][1:], np.inf))[0])
    given = np.maximum(0.0, levels[k] * w - had)
    shares = np.clip(given * m / amount, LEAST, MOST)
    return shares * m / shares.sum()


LEAST, MOST = 0.125, 16.0
"""Limits of a share, relative to an even one."""


def portion(shares: NDArray[np.float64], before: int, after: int) -> NDArray[np.int64]:
    """Samples of each output among the nominal ones numbered before .. after - 1.

    floor(w_i after + u_i) - floor(w_i before + u_i) with u_i spread over [0, 1) by the golden ratio: over many blocks
    each output gets its share to within one sample, and the outputs do not all get theirs in the same block. An even
    share is `after - before` exactly.
    """
    spread = np.modf(np.arange(1, len(shares) + 1) * GOLDEN)[0]
    return (np.floor(shares * after + spread) - np.floor(shares * before + spread)).astype(np.int64)


GOLDEN = 0.6180339887498949
