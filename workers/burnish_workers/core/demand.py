"""What a live job wants of the pool: all that the allocation knows of it, one job as a record, many as columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_Counts = NDArray[np.int64]

LEAST_WEIGHT, MOST_WEIGHT = 0.1, 10.0


@dataclass(frozen=True)
class Need:
    """One job.

    Attributes:
        id, runner, tenant: who, where it is conducted, and for whom.
        demand: blocks that it could have in flight now, those that are included.
        in_flight: blocks that are with workers.
        weight: of the user, in [0.1, 10].
        blocks: K, folded.
        replicates: n, on which s^2 rests.
        seconds: t, worker-seconds spent, what is in flight included.
        block_seconds: mean worker-seconds of a block; 0 before the first.
        spread: s^2 c/eps^2 of the worst output: worker-seconds after which its standard error would be eps, where s is
            the deviation of a replicate, c its worker-seconds and eps the tolerance; without a tolerance eps is s.
        remaining: worker-seconds to the tolerance by the forecast; None for a job without one.
        upper: the upper end of that forecast, for jobs with a deadline.
        deadline: seconds from now; None without one.
        barred: refused (no honest interval) or limited by its floor: more work buys nothing that can be certified.
        waiting: blocks that came back and are not folded yet.
    """

    id: str
    runner: str
    demand: int
    tenant: str = ""
    in_flight: int = 0
    weight: float = 1.0
    blocks: int = 0
    replicates: int = 0
    seconds: float = 0.0
    block_seconds: float = 0.0
    spread: float = 0.0
    remaining: float | None = None
    upper: float | None = None
    deadline: float | None = None
    barred: bool = False
    waiting: int = 0


@dataclass(frozen=True, eq=False)
class Needs:
    """Many jobs as columns of length n; `remaining` is nan where there is no tolerance, `deadline` inf without one."""

    ids: list[str]
    runners: list[str]
    tenants: list[str]
    demand: _Counts
    in_flight: _Counts
    weight: _Floats
    blocks: _Counts
    replicates: _Floats
    seconds: _Floats
    block_seconds: _Floats
    spread: _Floats
    remaining: _Floats
    upper: _Floats
    deadline: _Floats
    barred: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    @staticmethod
    def of(needs: Sequence[Need]) -> Needs:
        """Jobs in columns."""

        def floats(values: list[float]) -> _Floats:
            return np.array(values, dtype=np.float64)

        def counts(values: list[int]) -> _Counts:
            return np.array(values, dtype=np.int64)

        upper = [need.remaining if need.upper is None else need.upper for need in needs]
        return Needs(
            ids=[need.id for need in needs],
            runners=[need.runner for need in needs],
            tenants=[need.tenant for need in needs],
            demand=np.maximum(counts([need.demand for need in needs]), 0),
            in_flight=counts([need.in_flight for need in needs]),
            weight=np.clip(floats([need.weight for need in needs]), LEAST_WEIGHT, MOST_WEIGHT),
            blocks=counts([need.blocks for need in needs]),
            replicates=floats([need.replicates for need in needs]),
            seconds=floats([need.seconds for need in needs]),
            block_seconds=floats([need.block_seconds for need in needs]),
            spread=floats([need.spread for need in needs]),
            remaining=floats([math.nan if need.remaining is None else need.remaining for need in needs]),
            upper=floats([0.0 if value is None else value for value in upper]),
            deadline=floats([math.inf if need.deadline is None else need.deadline for need in needs]),
            barred=np.array([need.barred for need in needs], dtype=np.bool_),
        )
