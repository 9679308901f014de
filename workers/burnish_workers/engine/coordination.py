"""Port: what the runners tell each other, so that one of them can share the pool among all jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from burnish_workers.core.demand import Need


@dataclass(frozen=True)
class Report:
    """What a runner's jobs need now. `runner` names one life of one runner: a new life has a new name."""

    runner: str
    needs: tuple[Need, ...]


@dataclass(frozen=True)
class Share:
    """A runner's part of a decision: its slots, and how it is to split them. `decision` tells decisions apart."""

    decision: str
    slots: int
    jobs: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Exchange:
    """What a runner learns when it reports.

    `epoch`: of its leadership, None when another runner leads; `share`: its part of the last decision, None when it was
    not in it; `loads`: jobs held by each live runner, itself included; `reports`: of all live runners, for a leader.
    """

    epoch: int | None
    share: Share | None
    loads: dict[str, int]
    reports: tuple[Report, ...] = ()


@dataclass(frozen=True)
class Overview:
    """How things stand, for those who only look: live runners' reports, and the shares that `leader` wrote last.

    `fronts`: the event streams that each live front has open.
    """

    leader: str
    reports: tuple[Report, ...]
    shares: dict[str, Share]
    fronts: dict[str, int] = field(default_factory=dict[str, int])


class Coordination(Protocol):
    """All methods raise `StoreUnavailable` when the others cannot be reached."""

    async def exchange(self, report: Report, ttl: float, lease: float) -> Exchange:
        """Report, and learn how things stand.

        The report counts as alive for `ttl` seconds. Who finds nobody leading leads, for `lease` seconds from each of
        its exchanges, under an epoch that no other leadership has.
        """
        ...

    async def publish(self, epoch: int, shares: dict[str, Share]) -> bool:
        """Replace the shares of all runners; False, and nothing written, when a later epoch leads (fenced)."""
        ...

    async def overview(self) -> Overview:
        """How things stand."""
        ...

    async def attend(self, front: str, streams: int, ttl: float) -> None:
        """Say that a front is there, for `ttl` seconds, and how many event streams it has open."""
        ...

    async def leave(self, runner: str) -> None:
        """Forget the runner, and give its leadership up, at once."""
        ...
