"""Plans, verification, resuming, deleting, usage: on both stores."""

from __future__ import annotations

import time
from typing import Any

import pytest

from burnish_workers.engine import inquiries

from .bad_specs import GOOD, spec
from .harness import QUICK, Service, blocks_of, messages, stranded


def refused(reply: Any, status: int, says: str) -> None:
    assert reply.status_code == status, reply.text
    assert says in reply.json()["detail"]


# --- plan -------------------------------------------------------------------------------------------------------------


def test_a_plan_is_what_the_job_then_is(service: Service) -> None:
    before = service.jobs()
    plan = service.client.post("/v1/plan", json=spec({"budget": {"units": 20_000}})).json()
    assert service.jobs() == before, "a plan that was told leaves no job behind"
    assert 20_000 <= plan["units"] < 20_000 * 1.2
    assert [look["blocks"] for look in plan["looks"]] == sorted({look["blocks"] for look in plan["looks"]})
    widths = [look["half_width"] for look in plan["looks"]]
    assert widths == sorted(widths, reverse=True)
    assert plan["half_width"] == widths[-1]
    job = service.run(plan["resolved"])
    last = job["last_refinement"]
    assert job["resolved"]["resolution"] == plan["resolved"]["resolution"]
    assert job["spent"]["units"] == plan["units"]
    assert last["blocks"] == plan["looks"][-1]["blocks"]
    width = (last["interval"]["upper"][0] - last["interval"]["lower"][0]) / 2
    assert plan["half_width"] / 2 < width < plan["half_width"] * 2


def test_a_plan_tells_what_a_tolerance_takes(service: Service) -> None:
    near = service.client.post("/v1/plan", json=spec({"budget": {"rel_tol": 0.05}})).json()
    assert near["goal"]["met"]
    assert near["goal"]["units"] <= near["units"]
    far = service.client.post("/v1/plan", json=spec({"budget": {"rel_tol": 1e-5, "units": 1000}})).json()
    assert not far["goal"]["met"]
    assert far["goal"]["units"] > 1e6


def test_a_plan_says_what_is_wrong_as_a_job_does(service: Service) -> None:
    reply = service.client.post("/v1/plan", json=spec({"level": 7}))
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["pointer"] == "/level"


def test_a_plan_that_takes_long_is_a_job(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiries.Inquiries.plan, "__defaults__", (0.0,))
    reply = service.client.post("/v1/plan", json=GOOD)
    assert reply.status_code == 202
    job = service.finished(reply.json()["id"])
    assert reply.headers["location"] == job["links"]["self"]
    assert (job["purpose"], job["status"]) == ("plan", "completed")
    assert job["plan"]["units"] > 0
    assert job["last_refinement"] is None


# --- verify -----------------------------------------------------------------------------------------------------------


def verify(service: Service, job: str, **body: Any) -> Any:
    return service.client.post(f"/v1/jobs/{job}/verify", json=body)


def test_blocks_reproduce(service: Service) -> None:
    job = service.run(QUICK)["id"]
    blocks = service.get(job)["last_refinement"]["blocks"]
    found = verify(service, job).json()
    assert (found["reproduced"], found["comparison"], found["of"]) == (True, "digest", blocks)
    assert len(found["blocks"]) == min(8, blocks)
    assert all(block["digest"] == block["expected"] for block in found["blocks"])
    assert [block["index"] for block in verify(service, job, indices=[1, 0]).json()["blocks"]] == [0, 1]
    assert len(verify(service, job, blocks=1).json()["blocks"]) == 1
    assert service.jobs()[0] == job, "a verification that was told leaves no job behind"


def test_a_running_job_is_verified_too(service: Service) -> None:
    job = service.create(blocks_of(400, 0.05))["id"]
    deadline = time.monotonic() + 20
    while not service.get(job)["last_refinement"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert verify(service, job, blocks=1).json()["reproduced"]
    service.client.post(f"/v1/jobs/{job}/cancel")


def test_what_cannot_be_verified(service: Service) -> None:
    waiting = service.create(stranded())["id"]
    refused(verify(service, waiting), 409, "no folded block yet")
    service.client.post(f"/v1/jobs/{waiting}/cancel")
    refused(verify(service, "job_none"), 404, "no job")
    job = service.run(QUICK)["id"]
    reply = verify(service, job, indices=[0, 10_000])
    refused(reply, 422, "block 10000 is not among the")
    assert reply.json()["errors"][0]["pointer"] == "/indices/1"
    refused(verify(service, job, blocks=1, indices=[1]), 422, "not both")
    refused(verify(service, job, blocks=0), 422, "/blocks")


# --- resume and delete ------------------------------------------------------------------------------------------------


def test_a_crashed_job_is_resumed(service: Service) -> None:
    crashed = service.run(blocks_of(16, fail_at=100))
    assert (crashed["status"], crashed["resumable"]) == ("crashed", True)
    resumed = service.client.post(f"/v1/jobs/{crashed['id']}/resume")
    assert resumed.status_code == 200
    assert resumed.json()["error"] is None
    again = service.finished(crashed["id"])
    assert again["status"] == "crashed", "the cause is still there"
    starts = [e["data"]["status"] for e in service.events(crashed["id"]) if e["type"] == "status"]
    assert starts.count("queued") == 2


def test_only_crashed_jobs_are_resumed(service: Service) -> None:
    job = service.run(QUICK)["id"]
    refused(service.client.post(f"/v1/jobs/{job}/resume"), 409, "completed; only crashed jobs are resumed")
    refused(service.client.post("/v1/jobs/job_none/resume"), 404, "no job")


def test_delete(service: Service) -> None:
    live = service.create(stranded())["id"]
    refused(service.client.delete(f"/v1/jobs/{live}"), 409, "cancel it first")
    service.client.post(f"/v1/jobs/{live}/cancel")
    service.finished(live)
    assert service.client.delete(f"/v1/jobs/{live}").status_code == 204
    assert service.client.get(f"/v1/jobs/{live}").status_code == 404
    assert service.client.get(f"/v1/jobs/{live}/events").status_code == 404
    refused(service.client.delete(f"/v1/jobs/{live}"), 404, "no job")
    assert live not in service.jobs()


# --- usage ------------------------------------------------------------------------------------------------------------


def test_usage(service: Service) -> None:
    def units() -> tuple[int, int]:
        rows = service.client.get("/v1/usage").json()["data"]
        mine = [row for row in rows if row["kind"] == "correlated"]
        return sum(row["units"] for row in mine), sum(row["jobs"] for row in mine)

    before = units()
    job = service.run(QUICK)
    service.client.delete(f"/v1/jobs/{job['id']}")
    after = units()
    assert (after[0] - before[0], after[1] - before[1]) == (job["spent"]["units"], 1)
    total = service.client.get("/v1/usage", params={"days": 1}).json()["total"]
    assert total["units"] >= after[0] - before[0]
    assert service.client.get("/v1/usage", params={"days": 0}).status_code == 422


# --- latest -----------------------------------------------------------------------------------------------------------


def test_latest_leaves_out_what_a_newer_refinement_says_better(service: Service) -> None:
    job = service.run(blocks_of(32))["id"]
    whole = service.events(job)
    refinements = [event["sequence"] for event in whole if event["type"] == "refinement"]
    assert len(refinements) > 3
    latest = service.events(job, latest=True)
    assert [e for e in latest if e["type"] == "refinement"] == [e for e in whole if e["sequence"] == refinements[-1]]
    assert [e for e in latest if e["type"] != "refinement"] == [e for e in whole if e["type"] != "refinement"]
    path = f"/v1/jobs/{job}/events?latest=1"
    with service.stream(path) as reply:
        heard = [message for message in messages(reply) if message.id is not None]
    assert [message.id for message in heard] == [event["sequence"] for event in latest]
    with service.stream(path, after=refinements[-1]) as reply:
        assert [message.type for message in messages(reply) if message.id is not None] == ["completed"]
