"""What was spent, day by day."""

from __future__ import annotations

from burnish.wire.base import Received


class Consumption(Received):
    """Amounts as in `Spent`; `jobs` counts those created, `promises_*` tolerances by a deadline: made, kept, broken."""

    jobs: int = 0
    units: int = 0
    seconds: float = 0.0
    worker_seconds: float = 0.0
    gpu_seconds: float = 0.0
    promises_made: int = 0
    promises_kept: int = 0
    promises_broken: int = 0


class DayUsage(Consumption):
    """One UTC day of one kind of jobs."""

    day: str
    kind: str


class Usage(Received):
    """Days newest first, and their sum."""

    data: list[DayUsage]
    total: Consumption
