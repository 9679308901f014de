"""May a job with a deadline be taken? Earliest deadline first meets all deadlines if the demand due by each fits."""

from __future__ import annotations

from collections.abc import Iterable

USABLE = 0.9
"""Part of the pool that may be promised: the rest is for forecasts that were too hopeful and workers that die."""

Due = tuple[float, float]
"""(seconds until the deadline, worker-seconds needed by then: the upper forecast)"""


def required_rate(due: Iterable[Due]) -> float:
    """Workers without which a deadline is missed: the maximum over all d of demand due by d / (d - now)."""
    rate, demand = 0.0, 0.0
    for deadline, seconds in sorted(due):
        demand += seconds
        if demand > 0:
            rate = max(rate, demand / deadline if deadline > 0 else float("inf"))
    return rate


def admissible(due: Iterable[Due], workers: float) -> bool:
    """Whether for all d: demand due by d <= 0.9 workers (d - now) (Liu & Layland 1973, for a fluid pool)."""
    return required_rate(due) <= USABLE * workers


def earliest(due: Iterable[Due], workers: float, seconds: float) -> float:
    """Seconds until the earliest deadline by which `seconds` more worker-seconds could be promised next to those `due`.

    At a deadline among those due, or where all that is due by then and this job's part fill the usable pool: the least
    of these candidates that is admissible. inf without workers.
    """
    jobs = sorted(due)
    if workers <= 0:
        return float("inf")
    candidates, demand = [seconds / (USABLE * workers)], seconds
    for deadline, more in jobs:
        demand += more
        candidates += [deadline, demand / (USABLE * workers)]
    found = [at for at in sorted(candidates) if admissible([*jobs, (at * (1 + 1e-9), seconds)], workers)]
    return found[0] if found else float("inf")


def spare(due: Iterable[Due], workers: float, deadline: float) -> float:
    """Worker-seconds that one more job could be promised by its `deadline`, next to those `due`; 0 where none.

    What a refusal tells the user: the tolerance that this much work reaches could be met.
    """
    jobs = sorted(due)
    demand, left = 0.0, USABLE * workers * max(deadline, 0.0)
    for at, seconds in jobs:
        demand += seconds
        if at >= deadline:
            left = min(left, USABLE * workers * at - demand)
    before = sum(seconds for at, seconds in jobs if at <= deadline)
    return max(0.0, min(left, USABLE * workers * max(deadline, 0.0) - before))
