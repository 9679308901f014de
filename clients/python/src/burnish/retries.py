"""When to try again, and after how long: a pure policy, so that it can be read and tested without a network.

The pause before retry n = 0, 1, ... is drawn uniformly from [0, min(longest, first 2^n)] (full jitter: clients that
failed together do not come back together), and is never shorter than what `Retry-After` asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

TRANSIENT = frozenset({408, 429, 502, 503, 504})
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Retries:
    """`attempts` retries after the first try. All times in seconds.

    `longest_asked`: a `Retry-After` beyond this is not waited for: the error says when to come back instead.
    """

    attempts: int = 4
    first: float = 0.5
    longest: float = 8.0
    longest_asked: float = 60.0

    def pause(self, tried: int, *, draw: float, asked: float | None = None) -> float | None:
        """Seconds until the next try, or null to give up.

        `tried`: retries made so far. `draw`: a uniform number from [0, 1). `asked`: what `Retry-After` said.
        """
        if tried >= self.attempts or (asked or 0.0) > self.longest_asked:
            return None
        # The exponent is bounded because 2.0**1024 overflows, and a patient stream may count that far.
        jitter = draw * min(self.longest, self.first * 2.0 ** min(tried, 60))
        return max(jitter, asked or 0.0)


def worth_retrying(outcome: httpx2.Response | Exception, *, repeatable: bool) -> bool:
    """Whether the same request may succeed later, and may be sent twice.

    A 409 with `Retry-After` is our own first try still being worked on under the same idempotency key.
    """
    if not repeatable:
        return False
    if isinstance(outcome, Exception):
        return is_transient(outcome)
    if outcome.status_code == _CONFLICT:
        return "retry-after" in outcome.headers
    return outcome.status_code in TRANSIENT


def is_transient(error: Exception) -> bool:
    """Connections refused, cut, or silent for too long; not a wrong URL, nor an answer in the wrong format."""
    return isinstance(error, httpx2.NetworkError | httpx2.TimeoutException | httpx2.RemoteProtocolError)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds asked for by `Retry-After`, given as seconds or as an HTTP date; null where absent or unreadable."""
    text = headers.get("retry-after")
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())
