"""GET /v1/cluster: who has what of the pool."""

from __future__ import annotations

import time
from typing import Any

from burnish_workers.engine.api_keys import minted
from burnish_workers.engine.fleet import numeric_class_here

from .harness import Service, blocks_of, in_memory, serving


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


def test_devices_are_those_of_the_workers(service: Service) -> None:
    (device,) = service.client.get("/v1/cluster").json()["devices"]
    assert (device["workers"], device["up"]) == (2, 2)
    assert device["numeric_class"] == numeric_class_here("cpu")
    assert device["node"], "whoever may use an open service runs it"


def test_a_tenant_sees_its_own_jobs_and_no_node() -> None:
    keys, operator = {name: minted() for name in ("acme", "bolt")}, minted()
    listed = [*(f"{name}={key.text}" for name, key in keys.items()), f"ops:admin+read={operator.text}"]
    with serving(in_memory(api_keys=",".join(listed))) as closed:

        def view(key: str) -> dict[str, Any]:
            return closed.client.get("/v1/cluster", headers={"Authorization": f"Bearer {key}"}).json()

        for key in keys.values():
            closed.create(blocks_of(4000, 0.05), Authorization=f"Bearer {key.text}")
        deadline = time.monotonic() + 30
        while len(view(operator.text)["jobs"]) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert {job["tenant"] for job in view(operator.text)["jobs"]} == {"acme", "bolt"}
        assert view(operator.text)["devices"][0]["node"]
        mine = view(keys["acme"].text)
        assert {job["tenant"] for job in mine["jobs"]} == {"acme"}
        assert [(each["workers"], each["node"]) for each in mine["devices"]] == [(2, None)]
        assert sum(runner["jobs"] for runner in mine["runners"]) == 2
