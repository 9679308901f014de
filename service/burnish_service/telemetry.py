"""Structured logs, one JSON object a line on standard error; and traces, where there is a collector for them."""

from __future__ import annotations

import importlib.util
import logging
import sys

import structlog

from burnish_workers.engine import tracing

_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


def configure_logging(level: str) -> None:
    """JSON lines from `level` on, with the job or the request that they are about."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def can_trace() -> bool:
    """Whether what sends traces is installed (extra `otel`)."""
    try:
        return importlib.util.find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:
        return False


def configure_tracing(endpoint: str, role: str) -> None:
    """Send spans to the collector at `endpoint`, in batches that no job waits for; nothing without one.

    `role` is what this process is: `front` or `runner`. The tracer is our own: the global one is left to others.
    """
    if not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "burnish", "burnish.role": role}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    tracing.install(provider.get_tracer("burnish"))
