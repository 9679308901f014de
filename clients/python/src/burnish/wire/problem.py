"""RFC 9457 problem details: what every error of the service looks like."""

from __future__ import annotations

from pydantic import Field

from burnish.wire.base import Received


class FieldError(Received):
    """One thing wrong with a request: where (an RFC 6901 JSON pointer into the body) and what to do about it."""

    pointer: str
    detail: str


class Problem(Received):
    """`application/problem+json`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list[FieldError])
    request_id: str | None = None
