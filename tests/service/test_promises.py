"""A tolerance by a deadline: promised and kept, or refused with what could be met."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from .harness import Service


def by(seconds: float) -> str:
    """The moment so many seconds from now."""
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return at.isoformat().replace("+00:00", "Z")


def job(abs_tol: float | None, seconds: float, **more: Any) -> dict[str, Any]:
    budget = {"deadline": by(seconds), **({} if abs_tol is None else {"abs_tol": abs_tol})}
    return {"kind": "correlated", "budget": budget, "seed": 5, "nap": 0.004, **more}


def counted(service: Service, name: str) -> int:
    return service.client.get("/v1/usage").json()["total"][name]


def test_promised_and_kept(service: Service) -> None:
    made, kept = counted(service, "promises_made"), counted(service, "promises_kept")
    taken = service.create(job(0.3, 90))
    promise = taken["promise"]
    assert promise["state"] == "open"
    assert promise["abs_tol"] == 0.3
    assert promise["worker_seconds"] > 0
    assert taken["resolved"]["resolution"]["extensible"] is True
    done = service.finished(taken["id"])
    assert done["stopped_by"] == "tolerance"
    assert done["promise"]["state"] == "kept"
    interval = done["last_refinement"]["interval"]
    assert (interval["upper"][0] - interval["lower"][0]) / 2 <= 0.3
    assert counted(service, "promises_made") == made + 1
    assert counted(service, "promises_kept") == kept + 1
    metrics = service.client.get("/metrics").text.splitlines()
    assert f'burnish_promises_total{{state="made"}} {made + 1}' in metrics
    assert f'burnish_promises_total{{state="kept"}} {kept + 1}' in metrics


def test_refused_with_what_could_be_met(service: Service) -> None:
    made = counted(service, "promises_made")
    reply = service.post(job(0.002, 20))
    assert reply.status_code == 409, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert problem["type"] == "/problems/deadline-cannot-be-met"
    offered = problem["reachable"]["abs_tol"]
    assert 0.002 < offered < 10
    assert problem["reachable"]["rel_tol"] is None
    assert f"abs_tol {offered:g}" in problem["detail"]
    assert problem["earliest"] > by(20)
    assert counted(service, "promises_made") == made, "nothing was promised"
    assert service.client.get("/v1/jobs", params={"status": "running"}).json()["data"] == []


def test_one_promise_leaves_less_for_the_next(memory_service: Service) -> None:
    """What one job may take by a deadline is not promised to another; cancelling it frees its part."""
    service = memory_service
    # Naps of 0.2 s outweigh whatever else the machine does: pilots agree.
    alone = service.post(job(0.002, 20, nap=0.2)).json()["reachable"]["abs_tol"]
    first = service.create(job(2.0 * alone, 20, nap=0.2))
    beside = service.post(job(0.002, 20, nap=0.2)).json()["reachable"]
    assert beside is None or beside["abs_tol"] >= alone
    service.client.post(f"/v1/jobs/{first['id']}/cancel")
    assert service.finished(first["id"])["promise"]["state"] in ("withdrawn", "kept")


def test_the_same_request_twice_is_one_promise(service: Service) -> None:
    spec = job(0.5, 60)
    made = counted(service, "promises_made")
    first = service.post(spec, {"Idempotency-Key": f"promise-{spec['budget']['deadline']}"})
    again = service.post(spec, {"Idempotency-Key": f"promise-{spec['budget']['deadline']}"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    assert counted(service, "promises_made") == made + 1
    other = service.post(job(0.5, 61), {"Idempotency-Key": f"promise-{spec['budget']['deadline']}"})
    assert other.status_code == 422


def test_a_deadline_alone_is_a_clock(memory_service: Service) -> None:
    taken = memory_service.create(job(None, 4, nap=0.05))
    assert taken["promise"] is None
    done = memory_service.finished(taken["id"])
    assert done["stopped_by"] == "deadline"
    assert done["last_refinement"]["blocks"] > 1
    assert done["finished_at"] < by(2)


@pytest.mark.parametrize(
    ("deadline", "said"),
    [(by(-5), "has passed"), ("soon", "no moment"), ("2031-01-01", "no moment"), ("2031-01-01T00:00:00", "no moment")],
    ids=["past", "word", "date", "no-zone"],
)
def test_no_such_deadline(memory_service: Service, deadline: str, said: str) -> None:
    reply = memory_service.post({"kind": "correlated", "budget": {"deadline": deadline, "units": 100}})
    assert reply.status_code == 422
    (error,) = reply.json()["errors"]
    assert error["pointer"] == "/budget/deadline"
    assert said in error["detail"]


def test_another_tolerance_withdraws_the_promise(memory_service: Service) -> None:
    taken = memory_service.create(job(0.2, 60, nap=0.02))
    reply = memory_service.client.post(f"/v1/jobs/{taken['id']}/budget", json={"abs_tol": 0.6})
    assert reply.status_code == 200
    done = memory_service.finished(taken["id"])
    assert done["promise"]["state"] in ("withdrawn", "kept")


def test_limits_that_end_the_job_before(memory_service: Service) -> None:
    spec = job(0.01, 600)
    spec["budget"]["units"] = 64
    reply = memory_service.post(spec)
    assert reply.status_code == 409
    assert "other limits" in reply.json()["detail"]
