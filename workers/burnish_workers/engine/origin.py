"""Where a job came from: the request that posted it. Kept with the job, for its logs and its trace."""

from __future__ import annotations

from contextvars import ContextVar

ORIGIN: ContextVar[dict[str, str] | None] = ContextVar("origin", default=None)
"""`request_id`, and `traceparent` (W3C) where requests are traced, of the request that is being answered."""
