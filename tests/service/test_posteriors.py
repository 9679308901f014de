"""Kind `posterior` over HTTP: what the service says of it, a job and its files, replay and thinking longer."""

from __future__ import annotations

from typing import Any

from .harness import Service

JOB: dict[str, Any] = {
    "kind": "posterior",
    "prior": {"mixture": {"means": [[-2, 0], [2, 0]], "variance": 0.5}},
    "observation": {"operator": {"type": "matrix", "matrix": [[0.6, 0.8]]}, "y": [1.0], "sigma": 0.3},
    "chain": {"steps": 10},
    "particles": 32,
    "outputs": ["mean", "log_evidence", "samples"],
    "budget": {"units": 10_000},
    "seed": 7,
}


def test_what_the_service_says_of_it(memory_service: Service) -> None:
    info = memory_service.client.get("/v1/kinds/posterior").json()
    assert {"prior", "observation", "reward", "chain", "guidance"} <= set(info["spec"]["properties"])
    assert {example["kind"] for example in info["examples"]} == {"posterior"}
    catalogue = memory_service.client.get("/v1/catalogue").json()["data"]
    (digits,) = [entry for entry in catalogue if entry["type"] == "prior" and entry["name"] == "digits"]
    assert (digits["kind"], digits["details"]["shape"], digits["details"]["classes"]) == ("posterior", [1, 8, 8], 10)
    assert digits["details"]["calibrated"]


def test_from_the_post_to_the_files(memory_service: Service) -> None:
    job = memory_service.run(JOB)
    last = job["last_refinement"]
    assert [part["name"] for part in last["layout"]] == ["mean", "log_evidence"]
    (samples,) = last["artifacts"]
    reply = memory_service.client.get(samples["href"])
    assert (reply.status_code, len(reply.content)) == (200, samples["bytes"])


def test_replayed_it_gives_the_same_bits(memory_service: Service) -> None:
    first = memory_service.run(JOB)
    again = memory_service.run(first["resolved"])
    assert again["last_refinement"]["digest"] == first["last_refinement"]["digest"]
    found = memory_service.client.post(f"/v1/jobs/{first['id']}/verify", json={"blocks": 2})
    assert found.status_code in (200, 202), found.text


def test_thinking_longer(memory_service: Service) -> None:
    job = memory_service.run(JOB)
    reply = memory_service.client.post(f"/v1/jobs/{job['id']}/budget", json={"units": 10_000})
    assert reply.status_code in (200, 202), reply.text
    longer = memory_service.finished(job["id"])
    assert longer["last_refinement"]["blocks"] > job["last_refinement"]["blocks"]


def test_a_plan(memory_service: Service) -> None:
    plan = memory_service.client.post("/v1/plan", json=JOB)
    assert plan.status_code in (200, 202), plan.text
