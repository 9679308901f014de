"""Times of the wire, which are ISO 8601, as OpenAI's API writes them."""

from __future__ import annotations

from datetime import datetime


def seconds_of(moment: str) -> int:
    """Unix time in seconds."""
    return int(datetime.fromisoformat(moment).timestamp())
