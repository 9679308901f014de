"""Rules by which a pool may be shared: by gain, as `allocate` does, and two plain ones to compare it with.

Under each of them deadlines come first, so that promises hold, and no slot stays free while a job could use it. The
plain rules know neither weights nor forecasts nor variances.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.allocate import Allocation, Pool, allocate, fill, in_order, raise_level
from burnish_workers.core.demand import Needs

_Counts = NDArray[np.int64]

Sharing = Literal["gain", "equal", "fifo"]


class Rule(Protocol):
    """As `allocate`: `carried` are the `entitled` of the last decision, nan for jobs that are new."""

    def __call__(self, needs: Needs, pool: Pool, carried: NDArray[np.float64] | None, /) -> Allocation: ...


def equally(needs: Needs, pool: Pool, carried: NDArray[np.float64] | None = None) -> Allocation:
    """Equal shares of what is there; what a job cannot use goes to the others in equal shares.

    Shares are fractions of slots: what a job is owed after rounding, less than a slot, is carried over.
    """
    dated = _dated(needs, pool)
    left, room = pool.slots - int(dated.sum()), needs.demand - dated
    owed = np.zeros(len(needs)) if carried is None else np.nan_to_num(carried)
    even = np.ones(len(needs))
    part = room.astype(np.float64) if left >= room.sum() else fill(even, 0.0 * even, room, 1.0, left)
    given = raise_level(even, -(part + owed), room, 1.0, left)
    return Allocation(dated + given, np.clip(owed + part - given, -1.0, 1.0))


def first_come(needs: Needs, pool: Pool, carried: NDArray[np.float64] | None = None) -> Allocation:
    """All that the oldest job can use, then the next: ids sort by time of creation."""
    dated = _dated(needs, pool)
    order = np.argsort(np.array(needs.ids), kind="stable")
    given = in_order(order, needs.demand - dated, pool.slots - int(dated.sum()))
    return Allocation(dated + given, np.full(len(needs), np.nan))


RULES: Mapping[Sharing, Rule] = {"gain": allocate, "equal": equally, "fifo": first_come}


def _dated(needs: Needs, pool: Pool) -> _Counts:
    """Slots of jobs that were promised a deadline, the earliest first."""
    dated = np.isfinite(needs.deadline) & ~needs.barred
    return in_order(np.argsort(needs.deadline, kind="stable"), np.where(dated, needs.demand, 0), pool.slots)
