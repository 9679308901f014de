"""Events as they are written to streams, made once for all readers of a job."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

from fastapi.sse import format_sse_event

from burnish.wire import Event

_MOST = 4 << 20
"""Bytes: half a minute of the events of dozens of jobs. Readers who have fallen behind are all elsewhere in them, and
must not cost more than others, or they stay behind."""


class Lines:
    """The newest events that streams of this process have sent."""

    def __init__(self, most: int = _MOST) -> None:
        self._made: OrderedDict[tuple[str, int, str], bytes] = OrderedDict()
        self._most, self._size = most, 0

    def of(self, job: str, event: Event) -> bytes:
        """An event never changes; only that of a job that was deleted and drawn again could, at another time."""
        key = (job, event.sequence, event.at)
        if (made := self._made.get(key)) is not None:
            self._made.move_to_end(key)
            return made
        made = self._made[key] = line(event, event.data)
        self._size += len(made)
        while self._size > self._most and len(self._made) > 1:
            self._size -= len(self._made.popitem(last=False)[1])
        return made


def line(event: Event, data: dict[str, Any]) -> bytes:
    """With the time `at` in its data, where SSE has no place for it."""
    text = json.dumps({**data, "at": event.at}, separators=(",", ":"), allow_nan=False)
    return format_sse_event(data_str=text, event=event.type, id=str(event.sequence))
