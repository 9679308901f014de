"""What a front says of itself to the others: that it is there, the streams it has open, how old what it delivers is."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from burnish.wire import Event
from burnish_workers.engine.coordination import Coordination
from burnish_workers.engine.counts import AGES, Counts
from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.store import FrontStore

BEAT = 3.0
"""Seconds between two reports; a front that has been silent for three of them is gone."""


@dataclass
class Attendance:
    """Of one front. `streams`: event streams that it has open now."""

    front: str = field(default_factory=lambda: f"front-{secrets.token_hex(8)}")
    streams: int = 0
    counts: Counts = field(default_factory=Counts)

    @contextlib.contextmanager
    def stream(self) -> Iterator[None]:
        """While a stream is open."""
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    def delivered(self, event: Event, since: str, now: str) -> None:
        """A refinement is handed `now` to a reader who has been there `since` then. Older ones it asked for late."""
        if event.type == "refinement" and event.at >= since:
            age = datetime.fromisoformat(now) - datetime.fromisoformat(event.at)
            self.counts.observe("delivery", max(age.total_seconds(), 0.0), AGES)

    async def run(self, coordination: Coordination, store: FrontStore) -> None:
        """Report, for ever."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                await coordination.attend(self.front, self.streams, 3 * BEAT)
            await self.counts.flush(store)
            await asyncio.sleep(BEAT)
