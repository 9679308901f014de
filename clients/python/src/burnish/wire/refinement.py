"""One refined answer: a full snapshot, never a delta. A slow reader may skip any: the last one is enough."""

from __future__ import annotations

from typing import Any

from burnish.wire.base import Received
from burnish.wire.budget import Spent
from burnish.wire.estimate import Estimate, Interval, Refused
from burnish.wire.forecast import Forecast


class Refinement(Received):
    """The answer after `blocks` blocks.

    `interval` is null between looks and where it is refused. `digest` is the sha256 of the canonical (blocks, estimate,
    interval, refused, diagnostics): by the law it is the same for the same (resolved spec, seed, blocks), whatever
    workers computed it.
    """

    sequence: int = 0
    job_id: str = ""
    blocks: int
    replicates: int
    final: bool = False
    estimate: Estimate
    interval: Interval | None = None
    refused: Refused | None = None
    digest: str
    forecast: Forecast | None = None
    spent: Spent
    diagnostics: dict[str, Any] = {}
