"""Whether there are API keys, remembered: for good once there are some, for a moment while there are none."""

from __future__ import annotations

from burnish_workers.engine.clock import Clock
from burnish_workers.engine.tenancy import Tenancy

MOMENT = 1.0
"""Seconds for which nobody who has no key is refused after somebody else has made the first one."""


class Openness:
    """Of one front. Keys that are revoked stay in the store, so that a service with keys never has none again."""

    def __init__(self, tenancy: Tenancy, clock: Clock) -> None:
        self._tenancy, self._clock = tenancy, clock
        self._keys, self._asked = False, float("-inf")

    async def has_keys(self, *, now: bool = False) -> bool:
        """Whether the store has keys, or had none less than a MOMENT ago; `now`: whether it has. Raises
        StoreUnavailable."""
        if self._keys:
            return True
        asked = self._clock.monotonic()
        if not now and asked < self._asked + MOMENT:
            return False
        self._keys = self._keys or await self._tenancy.count() > 0
        self._asked = max(self._asked, asked)  # when the question was put: what the store answers may be older by then
        return self._keys

    def close(self) -> None:
        """This front has made a key."""
        self._keys = True
