"""Creating, reading, extending and cancelling jobs, on both stores."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import httpx2
import pytest

from burnish.wire import Job
from burnish_workers.engine.fleet import numeric_class_here

from .bad_specs import GOOD
from .harness import QUICK, Service, blocks_of, stranded


def slow(blocks: int = 400, nap: float = 0.05) -> dict[str, Any]:
    """A job of about ten seconds."""
    return blocks_of(blocks, nap)


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def begun(service: Service, job: str) -> dict[str, Any]:
    """The job once it has said something."""
    deadline = time.monotonic() + 20
    while (found := service.get(job))["last_refinement"] is None:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def test_create(service: Service) -> None:
    reply = service.post(GOOD)
    assert reply.status_code == 202
    job = reply.json()
    assert reply.headers["location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert (job["status"], job["resolved"], job["last_refinement"]) == ("queued", None, None)
    assert job["spec"]["level"] == 0.95, "defaults are echoed"
    done = service.finished(job["id"])
    assert (done["status"], done["stopped_by"]) == ("completed", "units")
    assert done["resolved"]["resolution"]["estimator"] == "linearised"
    assert done["last_refinement"]["final"] is True
    assert done["finished_at"] >= done["started_at"] >= done["created_at"]
    assert Job.model_validate(done).done


def test_a_seed_is_drawn_and_echoed(service: Service) -> None:
    unseeded = {name: value for name, value in GOOD.items() if name != "seed"}
    seeds = {service.create(unseeded)["spec"]["seed"] for _ in range(3)}
    assert len(seeds) == 3


def test_a_job_is_replayed_from_its_own_json(service: Service) -> None:
    first = service.run(GOOD)
    again = service.run(first["resolved"])
    assert again["id"] != first["id"]
    assert again["last_refinement"]["digest"] == first["last_refinement"]["digest"]


def test_the_same_key_and_body_make_one_job(service: Service) -> None:
    headers = key()
    first, again = service.post(QUICK, headers), service.post(QUICK, headers)
    assert first.json()["id"] == again.json()["id"]
    assert "idempotent-replayed" not in first.headers
    assert again.status_code == 202
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]


def test_the_same_key_with_another_body_is_refused(service: Service) -> None:
    headers = key()
    service.post(QUICK, headers)
    before = service.jobs()
    conflict = service.post({**QUICK, "seed": 2}, headers)
    assert conflict.status_code == 422
    assert conflict.json()["title"] == "Idempotency conflict"
    assert "send a new key" in conflict.json()["detail"]
    assert service.jobs() == before


def test_one_key_used_at_once_by_many_makes_one_job(service: Service) -> None:
    headers = key()
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: service.post(QUICK, headers), range(8)))
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert sum("idempotent-replayed" not in reply.headers for reply in replies) == 1


def test_prefer_wait_answers_with_the_finished_job(service: Service) -> None:
    reply = service.post(QUICK, {"Prefer": "respond-async, wait=20"})
    assert (reply.status_code, reply.json()["status"]) == (202, "completed")
    assert reply.headers["preference-applied"] == "wait=20"


def test_prefer_wait_is_no_longer_than_asked(service: Service) -> None:
    reply = service.post(slow(), {"Prefer": "wait=1"})
    assert reply.json()["status"] in ("queued", "resolving", "running")
    service.client.post(f"/v1/jobs/{reply.json()['id']}/cancel")


def test_wait_of_zero_is_no_wait(service: Service) -> None:
    reply = service.post(QUICK, {"Prefer": "wait=0"})
    assert reply.status_code == 202
    assert "preference-applied" not in reply.headers


def test_post_streams_at_once_if_asked(service: Service) -> None:
    with service.client.stream("POST", "/v1/jobs", json=QUICK, headers={"Accept": "text/event-stream"}) as reply:
        assert reply.status_code == 202
        assert reply.headers["location"].startswith("/v1/jobs/job_")
        assert reply.headers["cache-control"] == "no-cache"
        assert reply.headers["content-type"].startswith("text/event-stream")
        text = reply.read().decode()
    assert text.index("id: 1\n") < text.index("event: refinement") < text.index("event: completed")


def test_get(service: Service) -> None:
    job = service.run(QUICK)
    reply = service.client.get(job["links"]["self"])
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == job


def test_lists_are_paged_newest_first(serve: Callable[..., Service]) -> None:
    service = serve()
    made = [service.create({**QUICK, "seed": i})["id"] for i in range(7)]
    pages, after = [], None
    while True:
        page = service.client.get("/v1/jobs", params={"limit": 3, **({"after": after} if after else {})}).json()
        pages.append([job["id"] for job in page["data"]])
        if not page["has_more"]:
            break
        after = page["next"]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert page["next"] is None
    assert list(chain(*pages)) == sorted(made, reverse=True)


def test_lists_are_filtered(service: Service) -> None:
    ours = service.run(QUICK)["id"]
    other = service.run(GOOD)["id"]

    def ids(**params: Any) -> set[str]:
        reply = service.client.get("/v1/jobs", params={"limit": 200, **params})
        return {job["id"] for job in reply.json()["data"]}

    assert {ours, other} <= ids()
    assert {ours, other} & ids(kind="correlated") == {ours}
    assert {ours, other} & ids(kind="surrogate", status="completed") == {other}
    assert not {ours, other} & ids(status="cancelled")


def test_think_longer_after_completion(service: Service) -> None:
    job = service.run(GOOD)
    reply = service.client.post(job["links"]["budget"], json={"units": 6000}, headers=key())
    assert reply.status_code == 200
    assert reply.json()["spec"]["budget"]["units"] == 8000
    longer = service.finished(job["id"])
    assert (longer["status"], longer["stopped_by"]) == ("completed", "units")
    before, after = job["last_refinement"], longer["last_refinement"]
    assert after["blocks"] > before["blocks"]
    assert longer["spent"]["units"] >= 8000
    types = [event["type"] for event in service.events(job["id"])]
    assert types.count("completed") == 2
    blocks = [e["data"]["blocks"] for e in service.events(job["id"]) if e["type"] == "refinement"]
    assert blocks == sorted(blocks), "goes on from the frontier"


def test_an_extension_counts_once_for_each_key(service: Service) -> None:
    job, headers = service.create(slow()), key()
    budgets = [service.client.post(job["links"]["budget"], json={"units": 16}, headers=headers) for _ in range(3)]
    assert {reply.json()["spec"]["budget"]["units"] for reply in budgets} == {400 * 16 + 16}
    other = service.client.post(job["links"]["budget"], json={"units": 32}, headers=headers)
    assert other.status_code == 422
    service.client.post(job["links"]["cancel"])


def test_a_limit_that_the_job_did_not_have_counts_from_now(service: Service) -> None:
    job = service.run(QUICK)
    reply = service.client.post(job["links"]["budget"], json={"seconds": 100, "units": 1})
    budget = reply.json()["spec"]["budget"]
    assert budget["seconds"] == pytest.approx(100 + job["spent"]["seconds"])
    assert budget["units"] == 257
    service.client.post(job["links"]["cancel"])


def test_a_budget_cannot_grow_beyond_what_is_allowed(service: Service) -> None:
    job = service.run({**QUICK, "budget": {"units": 256, "seconds": 604_000}})
    reply = service.client.post(job["links"]["budget"], json={"seconds": 1000})
    assert reply.status_code == 422
    (error,) = reply.json()["errors"]
    assert error["pointer"] == "/seconds"
    assert "605000" in error["detail"]
    assert "604800" in error["detail"]


@pytest.mark.parametrize(("more", "pointer"), [({}, ""), ({"unit": 3}, "/unit"), ({"units": "3"}, "/units")])
def test_bad_extensions(service: Service, more: dict[str, Any], pointer: str) -> None:
    job = service.run(QUICK)
    reply = service.client.post(job["links"]["budget"], json=more)
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["pointer"] == pointer
    assert service.get(job["id"]) == job


def test_a_failed_job_takes_no_more_budget(service: Service) -> None:
    job = service.run({**QUICK, "fail_at": 40})
    reply = service.client.post(job["links"]["budget"], json={"units": 16})
    assert reply.status_code == 409
    assert reply.headers["content-type"] == "application/problem+json"
    assert f"ended as '{job['status']}'" in reply.json()["detail"]


def test_cancel_a_running_job_and_again(service: Service) -> None:
    job = service.create(slow())
    seen = begun(service, job["id"])["last_refinement"]
    assert service.client.post(job["links"]["cancel"]).status_code == 200
    cancelled = service.finished(job["id"])
    assert (cancelled["status"], cancelled["stopped_by"]) == ("cancelled", "cancelled")
    assert cancelled["last_refinement"]["blocks"] >= seen["blocks"], "the last refinement is kept"
    assert service.client.post(job["links"]["cancel"]).json() == cancelled
    assert service.events(job["id"])[-1]["type"] == "cancelled"


def test_cancel_a_queued_job(service: Service) -> None:
    job = service.create(stranded())
    service.client.post(job["links"]["cancel"])
    cancelled = service.finished(job["id"])
    assert (cancelled["status"], cancelled["last_refinement"]) == ("cancelled", None)


def test_cancel_a_finished_job_changes_nothing(service: Service) -> None:
    job = service.run(QUICK)
    reply = service.client.post(job["links"]["cancel"])
    assert (reply.status_code, reply.json()) == (200, job)


def test_a_cancelled_job_may_think_longer(service: Service) -> None:
    job = service.create(slow(nap=0.01))
    begun(service, job["id"])
    service.client.post(job["links"]["cancel"])
    blocks = service.finished(job["id"])["last_refinement"]["blocks"]
    more = service.client.post(job["links"]["budget"], json={"seconds": 0.5})
    assert more.json()["status"] == "queued"
    longer = service.finished(job["id"])
    assert (longer["status"], longer["stopped_by"]) == ("completed", "seconds")
    assert longer["last_refinement"]["blocks"] > blocks


def test_the_ledger_has_a_row_for_each_block(service: Service) -> None:
    job = service.run(GOOD)
    pages, after = [], -1
    while True:
        page = service.client.get(f"/v1/jobs/{job['id']}/ledger", params={"limit": 3, "after": after}).json()
        pages.append(page["data"])
        if not page["has_more"]:
            break
        after = page["next"]
    rows = list(chain(*pages))
    assert [row["index"] for row in rows] == list(range(job["last_refinement"]["blocks"]))
    assert len({row["digest"] for row in rows}) == len(rows)
    assert {(row["attempts"], row["numeric_class"]) for row in rows} == {(1, numeric_class_here("cpu"))}


def test_request_ids_are_echoed_or_minted(service: Service) -> None:
    given = service.client.get("/v1/jobs", headers={"X-Request-Id": "mine.1:2-3_4"})
    assert given.headers["x-request-id"] == "mine.1:2-3_4"
    minted = {service.client.get("/v1/jobs").headers["x-request-id"] for _ in range(3)}
    assert len(minted) == 3
    assert all(value.startswith("req_") for value in minted)
    refused = service.client.get("/v1/jobs/none", headers={"X-Request-Id": "mine"})
    assert refused.json()["request_id"] == "mine"


def test_kinds_and_catalogue(service: Service) -> None:
    kinds = {kind["name"]: kind for kind in service.client.get("/v1/kinds").json()["data"]}
    assert kinds["surrogate"]["examples"]
    assert service.client.get("/v1/kinds/surrogate").json() == kinds["surrogate"]
    names = {entry["name"] for entry in service.client.get("/v1/catalogue").json()["data"]}
    assert {"hjb-log", "viscous-burgers", "viscous-burgers-pinn-d20"} <= names


def test_jobs_share_the_pool(serve: Callable[..., Service]) -> None:
    service = serve()
    specs = [{**slow(100, nap=0.01), "seed": i, "weight": weight} for i, weight in enumerate((1.0, 1.0, 4.0, 0.5))]
    jobs = [service.create(spec)["id"] for spec in specs]
    ended = [service.finished(job) for job in jobs]
    assert {job["status"] for job in ended} == {"completed"}
    assert max(job["started_at"] for job in ended) < min(job["finished_at"] for job in ended), "all ran at once"


def test_reading_needs_no_body_type(service: Service) -> None:
    job = service.create(slow())
    with httpx2.Client(base_url=service.url) as plain:
        assert plain.post(job["links"]["cancel"]).status_code == 200
