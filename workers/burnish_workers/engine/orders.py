"""What the user may change while a job runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from burnish.wire import Budget


@dataclass
class Orders:
    """Kept up to date by the dispatcher's heartbeat."""

    budget: Budget
    version: int
    cancelled: bool = False
    leaving: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def update(self, budget: Budget, version: int, cancelled: bool) -> None:
        if (version, cancelled) != (self.version, self.cancelled):
            self.budget, self.version, self.cancelled = budget, version, cancelled
            self.changed.set()

    def leave(self) -> None:
        """Stop where a checkpoint can be left: another runner goes on from there."""
        self.leaving = True
        self.changed.set()
