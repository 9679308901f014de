"""Truth canaries: small jobs with known answers that the service runs on itself."""

from __future__ import annotations

from burnish.wire.base import Received


class Canary(Received):
    """How one known answer fared, since the store began.

    `runs`: jobs that ended; `held`: of them those whose intervals held, all outputs jointly; `missed`: those whose did
    not; `refused`: those without an interval; `broken`: those that failed or crashed. `level`: of the runs with an
    interval so many should hold. `calibration`: the mean of the half-width that was reached over the one that was
    forecast at half the work, null before the first. `failing`: so many misses would come by chance less than once in a
    thousand.
    """

    name: str
    kind: str
    level: float
    runs: int = 0
    held: int = 0
    missed: int = 0
    refused: int = 0
    broken: int = 0
    calibration: float | None = None
    failing: bool = False


class Canaries(Received):
    """`every`: seconds between two runs; 0: the service runs none."""

    every: float
    data: list[Canary]
