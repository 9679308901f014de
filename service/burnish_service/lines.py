"""Events as they are written to streams, made once for all readers of a job."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

from fastapi.sse import format_sse_event

from burnish.wire import Event

_KEPT = 256
"""Events, each of at most 64 KB."""


class Lines:
    """The newest events that streams of this process have sent."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._made: OrderedDict[tuple[str, int, str], bytes] = OrderedDict()
        self._kept = kept

    def of(self, job: str, event: Event) -> bytes:
        """An event never changes; only that of a job that was deleted and drawn again could, at another time."""
        key = (job, event.sequence, event.at)
        made = self._made.pop(key, None)
        if made is None:
            made = line(event, event.data)
        self._made[key] = made
        while len(self._made) > self._kept:
            self._made.popitem(last=False)
        return made


def line(event: Event, data: dict[str, Any]) -> bytes:
    """With the time `at` in its data, where SSE has no place for it."""
    text = json.dumps({**data, "at": event.at}, separators=(",", ":"), allow_nan=False)
    return format_sse_event(data_str=text, event=event.type, id=str(event.sequence))
