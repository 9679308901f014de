"""GET /v1/canaries and /metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from burnish_workers.engine.canary_table import KNOWN

from .harness import QUICK, Service, blocks_of, events, stranded

SPARSE = {"burnish_canary_calibration", "burnish_canary_coverage", "burnish_removed"}
"""Metrics without a sample until something has happened."""


def test_before_the_first(service: Service) -> None:
    view = service.client.get("/v1/canaries").json()
    assert view["every"] == 0.0
    assert [each["name"] for each in view["data"]] == [known.name for known in KNOWN]
    assert {(each["runs"], each["calibration"], each["failing"]) for each in view["data"]} == {(0, None, False)}


def test_metrics(service: Service) -> None:
    service.finished(service.create(QUICK)["id"])
    reply = service.client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = dict(line.rsplit(" ", 1) for line in reply.text.splitlines() if not line.startswith("#"))
    assert lines["burnish_workers"] == "2"
    assert float(lines["burnish_jobs_total"]) >= 1
    assert lines['burnish_canary_runs_total{canary="reasoning-tree",verdict="held"}'] == "0"
    assert lines['burnish_promises_total{state="kept"}'] == "0"
    assert lines['burnish_jobs_ended_total{kind="surrogate",status="crashed"}'] == "0", "an alert must see it grow"
    families = {family.name: family for family in text_string_to_metric_families(reply.text)}
    assert all(family.documentation and family.samples for name, family in families.items() if name not in SPARSE)
    told = {sample.name for family in families.values() for sample in family.samples}
    assert {name.split("{")[0] for name in lines} == told  # each belongs to a family with a type


def value(service: Service, line: str) -> float:
    """A sample of /metrics; 0 where there is none."""
    lines = dict(line.rsplit(" ", 1) for line in service.client.get("/metrics").text.splitlines() if line[0] != "#")
    return float(lines.get(line, 0))


def test_what_jobs_do_is_counted(service: Service) -> None:
    names = (
        'burnish_blocks_total{kind="correlated"}',
        'burnish_jobs_ended_total{kind="correlated",status="completed"}',
        'burnish_spent_total{tenant="default",kind="correlated",amount="units"}',
    )
    before = [value(service, name) for name in names]
    job = service.finished(service.create(QUICK)["id"])
    after = [value(service, name) for name in names]
    blocks = len(service.client.get(f"/v1/jobs/{job['id']}/ledger").json()["data"])
    assert [b - a for a, b in zip(before, after, strict=True)] == [blocks, 1, job["spent"]["units"]]


def test_live_jobs_by_status(service: Service) -> None:
    name = 'burnish_jobs_by_status{status="waiting_for_resources"}'
    before, job = value(service, name), service.create(stranded())
    until(lambda: value(service, name) == before + 1)
    service.client.post(job["links"]["cancel"])
    until(lambda: value(service, name) == before)


def test_open_streams_and_the_age_of_what_they_deliver(serve: Callable[..., Service], monkeypatch: Any) -> None:
    monkeypatch.setattr("burnish_service.attendance.BEAT", 0.1)
    service = serve()
    job = service.create(blocks_of(16, nap=0.1))
    with service.stream(job["links"]["events"]) as reply:
        heard = events(reply)
        assert next(heard).id == 1
        until(lambda: value(service, "burnish_open_streams") == 1)
        assert value(service, "burnish_fronts") == 1
        told = [event for event in heard if event.type == "refinement"]
    until(lambda: value(service, "burnish_open_streams") == 0)
    until(lambda: value(service, "burnish_delivery_seconds_count") == len(told))
    assert len(told) > 2
    assert 0 < value(service, "burnish_delivery_seconds_sum") < 5
    with service.stream(job["links"]["events"]) as reply:  # what is old already when it is asked for is not counted
        assert sum(event.type == "refinement" for event in events(reply)) == len(told)
    time.sleep(0.3)
    assert value(service, "burnish_delivery_seconds_count") == len(told)


def until(true: Callable[[], bool], patience: float = 20.0) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)
