"""GET /v1/cluster: who has what of the pool."""

from __future__ import annotations

import time
from typing import Any

from .harness import Service, blocks_of


def test_an_idle_pool(service: Service) -> None:
    view = service.client.get("/v1/cluster").json()
    assert (view["workers"], view["workers_wanted"], view["lacking"]) == (2, 2, None)
    (runner,) = view["runners"]
    assert runner["leads"]


def test_a_job_and_its_share(service: Service) -> None:
    job = service.create(blocks_of(400, 0.05, weight=2.0))["id"]

    def mine() -> dict[str, Any] | None:
        jobs = service.client.get("/v1/cluster").json()["jobs"]
        return next((each for each in jobs if each["id"] == job and each["slots"] and each["blocks"]), None)

    deadline = time.monotonic() + 20
    while (found := mine()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found["weight"] == 2.0
    assert 1 <= found["slots"] <= 4
    assert found["demand"] >= found["in_flight"]
    service.client.post(f"/v1/jobs/{job}/cancel")
    service.finished(job)
    deadline = time.monotonic() + 20
    while job in [each["id"] for each in service.client.get("/v1/cluster").json()["jobs"]]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
