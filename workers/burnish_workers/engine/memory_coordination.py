"""The twin of `RedisCoordination` in one process."""

from __future__ import annotations

import time
from collections.abc import Callable

from burnish_workers.engine.coordination import Exchange, Overview, Report, Share


class MemoryCoordination:
    """`now` is the clock of reports and of the leadership, in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._reports: dict[str, tuple[float, Report]] = {}
        self._shares: dict[str, Share] = {}
        self._fronts: dict[str, tuple[float, int]] = {}
        self._leader, self._until, self._epoch = "", 0.0, 0

    async def exchange(self, report: Report, ttl: float, lease: float) -> Exchange:
        now = self._now()
        self._reports[report.runner] = (now + ttl, report)
        self._reports = {name: kept for name, kept in self._reports.items() if kept[0] > now}
        if self._until <= now:
            self._epoch += 1
            self._leader = report.runner
        leads = self._leader == report.runner
        if leads:
            self._until = now + lease
        reports = tuple(self._reports[name][1] for name in sorted(self._reports))
        return Exchange(
            epoch=self._epoch if leads else None,
            share=self._shares.get(report.runner),
            loads={kept.runner: len(kept.needs) for kept in reports},
            reports=reports if leads else (),
        )

    async def publish(self, epoch: int, shares: dict[str, Share]) -> bool:
        if epoch != self._epoch:
            return False
        self._shares = dict(shares)
        return True

    async def overview(self) -> Overview:
        now = self._now()
        live = tuple(self._reports[name][1] for name in sorted(self._reports) if self._reports[name][0] > now)
        fronts = {name: streams for name, (until, streams) in self._fronts.items() if until > now}
        return Overview(self._leader, live, dict(self._shares), fronts)

    async def attend(self, front: str, streams: int, ttl: float) -> None:
        now = self._now()
        self._fronts = {name: kept for name, kept in self._fronts.items() if kept[0] > now}
        self._fronts[front] = (now + ttl, streams)

    async def leave(self, runner: str) -> None:
        self._reports.pop(runner, None)
        if self._leader == runner:
            self._until = 0.0
