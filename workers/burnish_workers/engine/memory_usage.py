"""What was spent, as `MemoryStore` counts it: by tenant, and for all together."""

from __future__ import annotations

from collections.abc import Callable

from burnish.wire import DayUsage
from burnish_workers.engine.records import JobRecord
from burnish_workers.engine.usage import usage_rows

DAY = 86_400.0


class MemoryUsage:
    """`wall`: seconds since 1970."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._counted: dict[str | None, dict[str, float]] = {}
        self._units: dict[tuple[str, int], float] = {}

    def spend(self, record: JobRecord, amount: str, more: float) -> None:
        day = int(self._wall() // DAY)
        field = f"{day}|{record.kind}|{amount}"
        for who in (None, record.tenant) if more else ():
            counted = self._counted.setdefault(who, {})
            counted[field] = counted.get(field, 0.0) + more
        if amount == "units":
            self._units[record.tenant, day] = self._units.get((record.tenant, day), 0.0) + more

    def rows(self, days: int, tenant: str | None) -> list[DayUsage]:
        """Those of a tenant; None: of all together."""
        return usage_rows(self._counted.get(tenant, {}), int(self._wall() // DAY), days)

    def today(self, tenant: str) -> tuple[float, float]:
        """Units spent, and the seconds that are left of the day."""
        now = self._wall()
        return self._units.get((tenant, int(now // DAY)), 0.0), DAY - now % DAY
