"""Usage as it is counted (a field for each day, kind and amount) and as it is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from burnish.wire import Consumption, DayUsage, Usage

SPENT = ("units", "seconds", "worker_seconds", "gpu_seconds")
PROMISES = ("promises_made", "promises_kept", "promises_broken")
AMOUNTS = ("jobs", *SPENT, *PROMISES)
_WHOLE = ("jobs", "units", *PROMISES)
_EPOCH = date(1970, 1, 1)


def usage_rows(counted: Mapping[str, str | float], today: int, days: int) -> list[DayUsage]:
    """`counted`: `<days since 1970>|<kind>|<amount>` -> how much. Rows of the last `days` days, newest first."""
    found: dict[tuple[int, str], dict[str, float]] = {}
    for name, amount in counted.items():
        day, kind, what = name.split("|")
        if today - days < int(day) <= today and what in AMOUNTS:
            found.setdefault((int(day), kind), {})[what] = float(amount)
    return [
        DayUsage(day=(_EPOCH + timedelta(days=day)).isoformat(), kind=kind, **_rounded(amounts))
        for (day, kind), amounts in sorted(found.items(), key=lambda item: (-item[0][0], item[0][1]))
    ]


def summed(rows: list[DayUsage]) -> Usage:
    """The rows and their total."""
    total = {name: sum(getattr(row, name) for row in rows) for name in AMOUNTS}
    return Usage(data=rows, total=Consumption.model_validate(_rounded(total)))


def _rounded(amounts: Mapping[str, float]) -> dict[str, Any]:
    return {name: round(amount) if name in _WHOLE else amount for name, amount in amounts.items()}
