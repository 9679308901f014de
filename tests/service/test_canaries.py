"""GET /v1/canaries and /metrics."""

from __future__ import annotations

from burnish_workers.engine.canary_table import KNOWN

from .harness import QUICK, Service


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
    kinds = {line.split()[2]: line.split()[3] for line in reply.text.splitlines() if line.startswith("# TYPE")}
    assert {name.split("{")[0] for name in lines} <= kinds.keys()
    assert all(kinds[name] == "counter" for name in kinds if name.endswith("_total"))
