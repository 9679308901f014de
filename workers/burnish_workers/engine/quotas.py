"""Who asks, and how much of what they may have is left."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from burnish_workers.engine.refusals import Refusal
from burnish_workers.engine.tenants import DEFAULT, Quota

DAY = 86_400
SOON = 10
"""Seconds after which one of a tenant's jobs may have ended."""
MUCH_LATER = 3_600
"""Seconds after which a tenant may have deleted uploads: nobody waits for that."""


@dataclass(frozen=True)
class Limit:
    """`left` of `most`; `reset`: seconds until there is more, None where time alone brings nothing; `window`: seconds
    over which it is counted; `unit`: of what, where that is no number of requests. The draft of the headers registers
    concurrent-requests and content-bytes; units of jobs are neither, and have a name of ours."""

    name: str
    most: int
    left: int
    reset: int | None = None
    window: int | None = None
    unit: str | None = None


async def _unlimited() -> Quota:
    return Quota()


@dataclass(frozen=True)
class Caller:
    """Whoever sent one request. `operator`: sees what is the service's own, and the sums of all tenants.

    `limits`: what was found out about the quotas while the request was served, by name, to be told with the answer.
    """

    tenant: str = DEFAULT
    operator: bool = True
    quota: Callable[[], Awaitable[Quota]] = _unlimited
    limits: dict[str, Limit] = field(default_factory=dict[str, Limit])

    def note(self, limit: Limit) -> None:
        self.limits[limit.name] = limit

    def jobs(self, most: int, live: int) -> Limit:
        limit = Limit("jobs", most, max(0, most - live), unit="concurrent-requests")
        self.note(limit)
        return limit

    def units(self, most: int, spent: float, day_left: float) -> Limit:
        left = max(0, math.floor(most - spent))
        limit = Limit("units", most, left, math.ceil(day_left), DAY, unit="burnish-units")
        self.note(limit)
        return limit

    def bytes(self, most: int, kept: int) -> Limit:
        limit = Limit("bytes", most, max(0, most - kept), unit="content-bytes")
        self.note(limit)
        return limit


class OverQuota(Refusal):
    """429. `limit`: the one that was reached."""

    def __init__(self, limit: Limit, detail: str, retry_after: int):
        super().__init__(429, "Over quota", detail)
        self.limit, self.retry_after = limit, retry_after


def too_many_jobs(limit: Limit) -> OverQuota:
    detail = f"you have as many live jobs as you may, {limit.most}; wait until one ends, or cancel one"
    return OverQuota(limit, detail, SOON)


def too_many_units(limit: Limit) -> OverQuota:
    reset = limit.reset or DAY
    detail = f"your {limit.most} units of this day (UTC) are spent; new jobs are taken again in {reset} s"
    return OverQuota(limit, detail, reset)


def too_many_bytes(limit: Limit, size: int) -> OverQuota:
    detail = f"{size} bytes are more than the {limit.left} left of the {limit.most} that your uploads may take; "
    return OverQuota(limit, detail + "delete some (DELETE /v1/models/..., /v1/arrays/...)", MUCH_LATER)
