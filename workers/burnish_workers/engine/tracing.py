"""Spans of what happens to a job, from the request to its blocks, for an OpenTelemetry collector where there is one.

Nothing is done, and nothing imported, until a tracer is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TRACER: Any = None


def install(tracer: Any) -> None:
    """`tracer`: of OpenTelemetry; None: none any more."""
    global _TRACER
    _TRACER = tracer


@contextmanager
def span(name: str, *, parent: str | None = None, **attributes: str | int | float) -> Iterator[None]:
    """A span around what is done inside, and in tasks begun inside. `parent`: a W3C `traceparent`; without one, the
    span that this is inside of."""
    if _TRACER is None:
        yield
        return
    with _TRACER.start_as_current_span(name, context=_context(parent), attributes=attributes):
        yield


def traceparent() -> str | None:
    """The span that this is inside of, to be handed on to another process; None without one."""
    if _TRACER is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def _context(parent: str | None) -> Any:
    if parent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})
