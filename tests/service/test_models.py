"""Uploading models: looked through at the door, tried on a worker, named by jobs that wait for the verdict."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest
import torch
from torch import nn

import burnish

from .harness import Service

DIM = 3
PROBLEM = {"dim": DIM, "horizon": 0.3, "diffusion": "1", "terminal": "exp(-norm2(x))"}
EXACT = (1 + 2 * 0.3) ** (-DIM / 2)
"""E exp(-|W_T|^2) at the origin."""


class Mean(nn.Module):
    """A value that depends on who else is asked for: the door cannot see it, the probe does."""

    def forward(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0] - x[:, 0].mean() + t


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(DIM + 1, 16), nn.Tanh(), nn.Linear(16, 1))


def put(service: Service, data: bytes) -> Any:
    return service.client.put(f"/v1/models/{hashlib.sha256(data).hexdigest()}", content=data)


def settled(service: Service, id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (found := service.client.get(f"/v1/models/{id}").json())["state"] == "checking":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def job_with(id: str) -> dict[str, Any]:
    points = [{"x": 0.0}]
    budget = {"units": 40_000}
    return {
        "kind": "surrogate",
        "problem": PROBLEM,
        "surrogate": {"model": id},
        "points": points,
        "budget": budget,
        "seed": 4,
    }


def test_a_job_waits_for_its_model_and_corrects_it(service: Service) -> None:
    reply = put(service, burnish.export(network(1), DIM, inputs="tx").data)
    assert (reply.status_code, reply.json()["state"]) == (202, "checking")
    id = reply.json()["id"]
    job = service.finished(service.create(job_with(id))["id"])
    assert job["status"] == "completed", job
    last = job["last_refinement"]
    assert last["interval"]["lower"][0] < EXACT < last["interval"]["upper"][0]
    found = settled(service, id)
    assert (found["state"], found["card"]["dim"], found["card"]["curved"]) == ("ready", DIM, True)
    again = service.run(job["resolved"])
    assert again["last_refinement"]["digest"] == last["digest"]
    verified = service.client.post(f"/v1/jobs/{job['id']}/verify", json={}).json()
    assert verified["reproduced"]
    assert service.client.delete(f"/v1/models/{id}").status_code == 409


def test_a_model_that_the_probe_rejects(service: Service) -> None:
    data = burnish.export(Mean(), DIM).data
    id = put(service, data).json()["id"]
    early = service.create(job_with(id))["id"]
    found = settled(service, id)
    assert (found["state"], found["problem"]["type"]) == ("rejected", "/problems/model-rejected/rows-interact")
    job = service.finished(early)
    assert (job["status"], job["resumable"]) == ("failed", False)
    assert "depends on the other points" in job["error"]["detail"]
    late = service.post(job_with(id))
    assert late.status_code == 422
    assert late.json()["errors"][0]["pointer"] == "/surrogate/model"


REFUSED = [
    ("nothing", b"", "not-a-model"),
    ("text", b"model", "not-a-model"),
    ("cut off", None, "corrupt"),
]


@pytest.mark.parametrize(("data", "reason"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_refused_at_the_door(service: Service, data: bytes | None, reason: str) -> None:
    data = burnish.export(network(2), DIM, inputs="tx").data[:-100] if data is None else data
    reply = put(service, data)
    assert reply.status_code == 422
    assert reply.json()["type"] == f"/problems/model-rejected/{reason}"


def test_a_model_of_another_dimension(service: Service) -> None:
    id = put(service, burnish.export(network(3), DIM, inputs="tx").data).json()["id"]
    reply = service.post({**job_with(id), "problem": {**PROBLEM, "dim": 5}})
    assert reply.status_code == 422
    assert "dim = 3, the problem has dim = 5" in reply.text
    listed = service.client.get("/v1/models", params={"limit": 200}).json()["data"]
    assert id in [file["id"] for file in listed]
    settled(service, id)
    assert service.client.delete(f"/v1/models/{id}").status_code == 204
