"""Coordination on Redis or Valkey: every runner's report with an expiry, one leader, the shares it wrote last."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from burnish_workers.core.demand import Need
from burnish_workers.engine.coordination import Exchange, Overview, Report, Share
from burnish_workers.engine.encoding import to_json
from burnish_workers.engine.redis_link import RedisLink


class RedisCoordination:
    """Over one link, which may serve other ports too. What it writes is soft: lost with the server, it is said anew."""

    def __init__(self, link: RedisLink) -> None:
        self._run, self._keys = link.run, link.keys

    async def exchange(self, report: Report, ttl: float, lease: float) -> Exchange:
        keys = self._keys
        touched = [keys.leader, keys.runners, keys.reports, keys.loads, keys.shares]
        answer = await self._run(
            "coordination_exchange", touched, report.runner, _written(report), len(report.needs), ttl, lease
        )
        epoch, share, loads, reports = answer
        held = {runner: int(load) for runner, load in zip(loads[::2], loads[1::2], strict=True)}
        read = sorted((_read(text) for text in reports), key=lambda each: each.runner)
        return Exchange(epoch or None, Share(**json.loads(share)) if share else None, held, tuple(read))

    async def publish(self, epoch: int, shares: dict[str, Share]) -> bool:
        words = [text for runner, share in shares.items() for text in (runner, to_json(asdict(share)))]
        return bool(await self._run("coordination_publish", [self._keys.leader, self._keys.shares], epoch, *words))

    async def overview(self) -> Overview:
        keys = self._keys
        touched = [keys.leader, keys.runners, keys.reports, keys.shares, keys.fronts, keys.streams]
        leader, reports, shares, fronts = await self._run("coordination_overview", touched)
        pairs = zip(shares[::2], shares[1::2], strict=True)
        split = {runner: Share(**json.loads(share)) for runner, share in pairs}
        read = sorted((_read(text) for text in reports), key=lambda each: each.runner)
        there = {front: int(streams) for front, streams in zip(fronts[::2], fronts[1::2], strict=True)}
        return Overview(leader, tuple(read), split, there)

    async def attend(self, front: str, streams: int, ttl: float) -> None:
        await self._run("coordination_attend", [self._keys.fronts, self._keys.streams], front, streams, ttl)

    async def leave(self, runner: str) -> None:
        keys = self._keys
        await self._run("coordination_leave", [keys.leader, keys.runners, keys.reports, keys.loads], runner)


_DEFAULTS = {each.name: each.default for each in fields(Need)}


def _written(report: Report) -> str:
    """Only what differs from the defaults: names that a reader of another version does not know do not stop it."""
    rows = [
        {name: value for name, default in _DEFAULTS.items() if (value := getattr(need, name)) != default}
        for need in report.needs
    ]
    return to_json([report.runner, rows])


def _read(text: str) -> Report:
    runner, rows = json.loads(text)
    return Report(runner, tuple(_need(row) for row in rows))


def _need(row: dict[str, Any]) -> Need:
    return Need(**{name: value for name, value in row.items() if name in _DEFAULTS})
