"""What a job says while it runs; `sequence` counts 1, 2, 3, ... without gaps and is the SSE `id:`."""

from __future__ import annotations

from typing import Any, Literal

from burnish.wire.base import Received

EventType = Literal["status", "progress", "refinement", "completed", "failed", "crashed", "cancelled"]
TERMINAL_EVENTS = frozenset({"completed", "failed", "crashed", "cancelled"})


class Event(Received):
    """One event. `data` is a Refinement for `refinement`, `{"status": ...}` for `status`, the job for terminal ones."""

    sequence: int
    type: EventType
    at: str
    data: dict[str, Any]


class EventPage(Received):
    """Events in order; ask again with `after=next` when `has_more`."""

    data: list[Event]
    has_more: bool
    next: int | None
