"""One trace from the request to the blocks, by way of the store; and logs that say whom they are about."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from burnish_service.settings import Settings
from burnish_service.telemetry import configure_logging
from burnish_workers.engine import tracing

from .harness import QUICK, Service

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.install(provider.get_tracer("burnish"))
    yield exporter
    tracing.install(None)


def named(spans: InMemorySpanExporter, name: str, **attributes: Any) -> list[ReadableSpan]:
    found = [span for span in spans.get_finished_spans() if span.name == name]
    return [span for span in found if attributes.items() <= dict(span.attributes or {}).items()]


def test_a_trace_leads_from_the_caller_to_the_blocks(service: Service, spans: InMemorySpanExporter) -> None:
    reply = service.post(QUICK, {"traceparent": CALLER, "x-request-id": "req-7"})
    job = service.finished(reply.json()["id"])
    (posted,) = named(spans, "POST request", request_id="req-7")
    (conducted,) = named(spans, "job", job_id=job["id"])
    blocks = [span for span in named(spans, "block") if span.context.trace_id == posted.context.trace_id]
    assert f"{posted.context.trace_id:032x}" == CALLER.split("-")[1]
    assert posted.parent is not None
    assert f"{posted.parent.span_id:016x}" == CALLER.split("-")[2]
    assert conducted.parent is not None
    assert conducted.parent.span_id == posted.context.span_id
    rows = service.client.get(f"/v1/jobs/{job['id']}/ledger").json()["data"]
    assert {block.attributes["index"] for block in blocks if block.attributes} == {row["index"] for row in rows}
    assert {block.parent.span_id for block in blocks if block.parent} == {conducted.context.span_id}


def test_jobs_without_a_caller_have_traces_of_their_own(service: Service, spans: InMemorySpanExporter) -> None:
    jobs = [service.finished(service.create(QUICK)["id"]) for _ in range(2)]
    traces = {named(spans, "job", job_id=job["id"])[0].context.trace_id for job in jobs}
    assert len(traces) == 2


def test_nothing_is_traced_unless_asked(service: Service) -> None:
    service.finished(service.create(QUICK)["id"])
    assert tracing.traceparent() is None


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    out = io.StringIO()
    before = structlog.get_config()
    configure_logging("INFO")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(out))
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    structlog.configure(**before)


def test_logs_name_the_job_and_the_request(serve: Callable[..., Service], logged: Callable[[], list[Any]]) -> None:
    service = serve()
    job = service.finished(service.post(QUICK, {"x-request-id": "req-8"}).json()["id"])
    lines = [line for line in logged() if line.get("job_id") == job["id"]]
    assert {"job.claimed", "job.completed"} <= {line["event"] for line in lines}
    assert {line["request_id"] for line in lines if line["event"] == "job.completed"} == {"req-8"}
    assert all(re.fullmatch(r"\d{4}-.*Z", line["timestamp"]) and line["level"] for line in lines)
    assert "job" not in {name for line in lines for name in line}


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://collector"])
def test_an_endpoint_that_is_none(endpoint: str) -> None:
    with pytest.raises(ValueError, match="http://collector:4318"):
        Settings(otlp_endpoint=endpoint)


def test_traces_need_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(otlp_endpoint="http://collector:4318").otlp_endpoint
    monkeypatch.setattr("burnish_service.settings.can_trace", lambda: False)
    with pytest.raises(ValueError, match=re.escape("burnish-server[otel]")):
        Settings(otlp_endpoint="http://collector:4318")
