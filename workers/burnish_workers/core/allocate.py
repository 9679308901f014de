"""Given one pool, who gets the next blocks? Pure: from what all live jobs need to slots per job.

With s^2 the variance of a replicate, c its worker-seconds, t the worker-seconds spent, w the weight and eps the
tolerance of a job, its deficit is u = w s^2 c/(eps^2 t); one more worker-second lowers the sum of deficits by m = u/t.

- Jobs with nothing but a budget: the next block to the largest m (1 + sqrt(2/(n-1))), after four blocks each; the
  factor is one standard error of a variance estimated from n. The optimum is t ~ sqrt(w s^2 c)/eps, and the level that
  the greedy rule fills up is t/(sqrt(w s^2 c)/eps): all of an interval's blocks are handed out at once by raising it.
- Jobs with a tolerance: the largest w/remaining first (shortest remaining first where weights are equal; Smith 1956).
- Jobs with a deadline: the earliest first, see `admission`.
- A fifth of the pool goes by fair share: every job is entitled to its part of that, and served as soon as it lags a
  block behind. So none is served slower than a fifth of its fair share, whatever the others are.

Refused jobs get no greedy slot, only their fair fifth and what nobody else can use. No slot stays free while a job
could use it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.admission import required_rate
from burnish_workers.core.demand import Needs

_Floats = NDArray[np.float64]
_Counts = NDArray[np.int64]

FAIR = 0.2
"""Part of the pool that goes by fair share: nobody is starved more than fivefold."""
YOUNG = 4
"""Blocks before which nothing is known of a job's variance."""
_LEAST = 1e-3
"""Worker-seconds below which two forecasts, or the lengths of two blocks, do not differ."""
TENANT_WEIGHT = 10.0
"""The weights of one tenant's jobs are scaled down where their sum exceeds this: many jobs are not many votes."""


@dataclass(frozen=True)
class Pool:
    """`slots`: blocks that may be in flight; `workers`: blocks that run at a time; `interval`: seconds per decision."""

    slots: int
    workers: int
    interval: float = 0.5


@dataclass(frozen=True, eq=False)
class Allocation:
    """`slots` per job, and the worker-seconds to which fair shares `entitled` each so far: carry them over."""

    slots: _Counts
    entitled: _Floats


def allocate(needs: Needs, pool: Pool, entitled: _Floats | None = None) -> Allocation:
    """Slots for the next interval, sum = min(pool.slots, sum of demands), each at most the job's demand.

    Args:
        needs: all live jobs, n of them.
        pool: what there is to share.
        entitled: that of the last decision, aligned with `needs`; nan for jobs that are new, None when all are.
    """
    slots = np.zeros(len(needs), dtype=np.int64)
    if len(needs) == 0:
        return Allocation(slots, np.zeros(0))
    weight = capped_weights(needs)
    entitled = _entitle(needs, pool, weight, np.full(len(needs), np.nan) if entitled is None else entitled)
    dated = np.isfinite(needs.deadline) & ~needs.barred
    held = _held_back(needs, pool, dated)
    slots += in_order(np.argsort(needs.deadline, kind="stable"), _room(needs, slots, dated), pool.slots - held)
    slots += _fair(needs, pool, entitled - needs.seconds, slots, held)
    young = ~dated & ~needs.barred & (needs.blocks < YOUNG)
    room = np.minimum(_room(needs, slots, young), np.maximum(YOUNG - needs.blocks - slots, 0))
    slots += in_order(np.lexsort((-weight, needs.blocks)), room, pool.slots - int(slots.sum()))
    slots += _greedy(needs, pool, weight, slots, ~dated & ~needs.barred)
    left, room = pool.slots - int(slots.sum()), needs.demand - slots
    slots += raise_level(weight, slots.astype(np.float64), room, 1.0, left)
    return Allocation(slots, entitled)


def capped_weights(needs: Needs) -> _Floats:
    """Weights, scaled down for a tenant whose jobs together weigh more than TENANT_WEIGHT. Shape (n,)."""
    total: dict[str, float] = defaultdict(float)
    for tenant, weight in zip(needs.tenants, needs.weight.tolist(), strict=True):
        total[tenant] += weight
    if len(total) == 1:
        return needs.weight
    scale = {tenant: min(1.0, TENANT_WEIGHT / weight) for tenant, weight in total.items()}
    return needs.weight * np.array([scale[tenant] for tenant in needs.tenants])


def raise_level(rate: _Floats, start: _Floats, room: _Counts, step: float, slots: int) -> _Counts:
    """Hand out `slots` one by one, each to the job with the lowest (start + k step)/rate that has room. Shape (n,).

    k counts what a job has got. Done at once, to within a slot per job: the level L at which the sum of
    clip((rate L - start)/step, 0, room) is `slots` is found among the breakpoints of that piecewise linear function;
    whole slots below it are given, and what is left goes to the lowest. O(n log n).
    """
    total = int(room.sum())
    if slots >= total:
        return room.copy()
    if slots <= 0:
        return np.zeros_like(room)
    rate = np.maximum(rate, 1e-12 * max(float(rate.max()), 1e-100))
    given = np.floor(fill(rate, start, room, step, slots)).astype(np.int64)
    while (rest := slots - int(given.sum())) > 0:
        level = np.where(given < room, (start + given * step) / rate, np.inf)
        given[np.argsort(level, kind="stable")[: min(rest, int((given < room).sum()))]] += 1
    if rest < 0:  # rounding took a fraction for a whole
        level = np.where(given > 0, (start + (given - 1) * step) / rate, -np.inf)
        given[np.argsort(-level, kind="stable")[:-rest]] -= 1
    return given


def fill(rate: _Floats, start: _Floats, room: _Counts, step: float, slots: int) -> _Floats:
    """clip((rate L - start)/step, 0, room) at the level L where its sum is `slots`."""
    enter, leave = start / rate, (start + room * step) / rate
    places = np.concatenate([enter, leave])
    slopes = np.concatenate([rate, -rate]) / step
    order = np.argsort(places, kind="stable")
    places, slope = places[order], np.cumsum(slopes[order])
    sums = np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(places))])
    at = min(int(np.searchsorted(sums, slots, side="right")) - 1, len(places) - 2)
    level = places[at] + (slots - sums[at]) / slope[at] if slope[at] > 0 else places[at]
    return np.clip((rate * level - start) / step, 0.0, room)


def _entitle(needs: Needs, pool: Pool, weight: _Floats, entitled: _Floats) -> _Floats:
    """Each job's part of the fair fifth of this interval on top of what it had; only who can use it gets it.

    Who got more by other rules owes no more than a block, so that it is soon served again when they pass it over.
    """
    entitled = np.where(np.isnan(entitled), needs.seconds, entitled)
    share = np.where(needs.demand > 0, weight, 0.0)
    entitled = entitled + FAIR * pool.workers * pool.interval * share / max(float(share.sum()), 1e-300)
    return np.maximum(entitled, needs.seconds - _block(needs, pool))


def _block(needs: Needs, pool: Pool) -> _Floats:
    """Worker-seconds that one more block takes; a guess before the first."""
    return np.where(needs.block_seconds > 0, np.maximum(needs.block_seconds, _LEAST), pool.interval)


def _held_back(needs: Needs, pool: Pool, dated: NDArray[np.bool_]) -> int:
    """Slots for fair shares that deadlines leave alone, unless they would be missed."""
    fair = math.ceil(FAIR * pool.slots)
    if not dated.any():
        return fair
    due = zip(needs.deadline[dated].tolist(), needs.upper[dated].tolist(), strict=True)
    urgent = min(required_rate(due) / max(pool.workers, 1), 1.0)
    return max(0, min(fair, pool.slots - math.ceil(urgent * pool.slots)))


def _fair(needs: Needs, pool: Pool, lag: _Floats, slots: _Counts, held: int) -> _Counts:
    """A slot for each block that a job lags behind its fair fifth, beside those that are in flight."""
    blocks = lag / _block(needs, pool)
    behind = np.floor(np.minimum(blocks, pool.slots))
    due = np.where(behind >= 1, needs.in_flight + behind, 0).astype(np.int64)
    due = np.clip(due - slots, 0, needs.demand - slots)
    return in_order(np.argsort(-blocks, kind="stable"), due, min(held, pool.slots - int(slots.sum())))


def _greedy(needs: Needs, pool: Pool, weight: _Floats, slots: _Counts, who: NDArray[np.bool_]) -> _Counts:
    """What is left, to those with a tolerance and those without by their weights, each kind by its own rule."""
    left = pool.slots - int(slots.sum())
    room = _room(needs, slots, who)
    aiming = ~np.isnan(needs.remaining)
    to_aim, to_gain = np.where(aiming, room, 0), np.where(aiming, 0, room)
    part = _split(left, (to_aim, to_gain), weight)
    urgency = np.where(to_aim > 0, weight / np.maximum(needs.remaining, _LEAST), -1.0)
    given = in_order(np.lexsort((-weight, -urgency)), to_aim, part)
    gain = np.sqrt(weight * needs.spread * (1 + np.sqrt(2 / np.maximum(needs.replicates - 1, 1.0))))
    step = pool.interval * pool.workers / max(pool.slots, 1)
    return given + raise_level(gain, needs.seconds + slots * step, to_gain, step, left - part)


def _split(left: int, rooms: tuple[_Counts, _Counts], weight: _Floats) -> int:
    """The first kind's part of `left`, by weight; what one kind cannot use goes to the other."""
    first, second = (int(room.sum()) for room in rooms)
    weights = [float(weight[room > 0].sum()) for room in rooms]
    wanted = round(left * weights[0] / sum(weights)) if sum(weights) > 0 else 0
    return min(first, max(wanted, left - second), left)


def _room(needs: Needs, slots: _Counts, who: NDArray[np.bool_]) -> _Counts:
    return np.where(who, needs.demand - slots, 0)


def in_order(order: NDArray[np.int64], room: _Counts, slots: int) -> _Counts:
    """All that the first in `order` has room for, then the second, until the slots are gone."""
    wanted = room[order]
    before = np.cumsum(wanted) - wanted
    given = np.zeros_like(room)
    given[order] = np.clip(slots - before, 0, wanted)
    return given


def by_weight(weights: dict[str, float], slots: int) -> dict[str, int]:
    """Slots in proportion to weights, when nothing else is known of the jobs."""
    if not weights:
        return {}
    names = sorted(weights)
    room = np.full(len(names), max(slots, 0), dtype=np.int64)
    given = raise_level(np.array([weights[name] for name in names]), np.zeros(len(names)), room, 1.0, max(slots, 0))
    return dict(zip(names, given.tolist(), strict=True))


def allowance(job: str, slots: int, shares: Mapping[str, int], in_flight: Mapping[str, int]) -> int:
    """Blocks that `job` may have in flight in a runner of so many `slots`, by the shares and what is in flight there.

    Up to its share while the runner has a free slot, and beyond it what no other job could claim. So the runner never
    issues beyond its slots, and none stays free between two decisions while one of its jobs could use it.
    """
    mine = in_flight.get(job, 0)
    free = slots - sum(in_flight.values())
    claims = sum(max(0, share - in_flight.get(other, 0)) for other, share in shares.items() if other != job)
    return mine + max(0, min(free, max(shares.get(job, 0) - mine, free - claims)))
