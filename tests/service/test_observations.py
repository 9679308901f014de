"""Observations over HTTP on both stores: taken, refused, listed, and answered at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from burnish.wire import Array
from burnish_workers.engine.fleet import numeric_class_here
from burnish_workers.testing_feed import resolved_tracking, seen

from .harness import QUICK, Service, events

ONES = seen(6)


def fed(*observations: Any, **more: Any) -> dict[str, Any]:
    return resolved_tracking(observations, resolution={"numeric_class": numeric_class_here("cpu")}, **more)


@pytest.fixture
def job(service: Service) -> Iterator[str]:
    """A job that brings two observations and waits for the third."""
    made = service.create(fed(*ONES[:2]))["id"]
    waiting(service, made)
    yield made
    service.client.post(f"/v1/jobs/{made}/cancel")


def waiting(service: Service, job: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while (found := service.get(job))["status"] != "waiting_for_observations":
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def send(service: Service, job: str, body: Any) -> Any:
    return service.client.post(f"/v1/jobs/{job}/observations", json=body)


def refused(service: Service, job: str, body: Any, status: int) -> dict[str, Any]:
    reply = send(service, job, body)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), reply.text
    return reply.json()


def test_one_by_one_and_the_same_again(service: Service, job: str) -> None:
    found = service.get(job)
    assert found["observations"] == {"count": 2, "last": False, "expected": None, "closed": False, "assimilated": 2}
    assert found["links"]["observations"] == f"/v1/jobs/{job}/observations"
    first = send(service, job, {"index": 2, "y": ONES[2]})
    assert first.status_code == 200
    assert (first.json()["job_id"], first.json()["replayed"], first.json()["observations"]["count"]) == (job, False, 3)
    for body in ({"index": 2, "y": ONES[2]}, {"index": 0, "y": ONES[0]}, {"from": 1, "observations": ONES[1:3]}):
        again = send(service, job, body)
        assert (again.status_code, again.json()["replayed"], again.json()["observations"]["count"]) == (200, True, 3)
    array = Array.pack([1], ONES[2]).model_dump()
    assert send(service, job, {"index": 2, "y": array}).json()["replayed"], "equal numbers, however they are sent"


def test_what_does_not_follow_on_is_refused(service: Service, job: str) -> None:
    send(service, job, {"index": 2, "y": ONES[2]})
    differs = refused(service, job, {"index": 2, "y": [9.0]}, 409)
    assert str(ONES[2][0]) in differs["detail"]
    assert "[9.0]" in differs["detail"]
    assert differs["type"] == "/problems/observation-differs"
    given = refused(service, job, {"index": 1, "y": [9.0]}, 409)
    assert str(ONES[1][0]) in given["detail"], "those of the spec are compared too"
    gap = refused(service, job, {"index": 7, "y": [1.0]}, 409)
    assert "index 3, got 7" in gap["detail"]
    assert "cannot be the last" in refused(service, job, {"index": 1, "y": ONES[1], "last": True}, 409)["detail"]
    assert service.get(job)["observations"]["count"] == 3


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"index": 2, "y": [1.0, 2.0]}, "/y", "observation 2 has 2 numbers; y has 1"),
        ({"index": 2, "y": [1e7]}, "/y/0", "at most 1e+06"),
        ({"from": 2, "observations": [[1.0], [], [1.0]]}, "/observations/1", "observation 3 has 0 numbers"),
        ({"index": 2, "y": ["1.0"]}, "/y/0", "valid number"),
        ({"index": 2, "y": 1.0}, "/y", "valid array"),
        ({"index": 2.5, "y": [1.0]}, "/index", "integer"),
        ({"index": -1, "y": [1.0]}, "/index", "greater than or equal to 0"),
        ({"y": [1.0]}, "", "give index and y, or from and observations"),
        ({"index": 2}, "", "give index and y"),
        ({"index": 2, "y": [1.0], "from": 2}, "", "give index and y"),
        ({"from": 2, "observations": []}, "", "observations is empty"),
        ({"from": 2, "observations": [[1.0]], "lst": True}, "/lst", "did you mean 'last'"),
        ({"index": 2, "y": {"shape": [1, 1], "dtype": "float64", "data": "AAAAAAAAAAA="}}, "/y", "is a vector"),
    ],
)
def test_bad_observations(service: Service, job: str, body: Any, pointer: str, words: str) -> None:
    problem = refused(service, job, body, 422)
    assert problem["errors"][0]["pointer"] == pointer
    assert words in problem["detail"]
    assert service.get(job)["observations"]["count"] == 2


def test_not_a_number_is_refused(service: Service, job: str) -> None:
    for text in (b'{"index": 2, "y": [NaN]}', b'{"index": 2, "y": [1e999]}'):
        reply = service.client.post(
            f"/v1/jobs/{job}/observations", content=text, headers={"Content-Type": "application/json"}
        )
        assert reply.status_code == 422, reply.text
        assert reply.json()["errors"][0]["pointer"] == "/y/0"


def test_jobs_that_take_none(service: Service, job: str) -> None:
    assert refused(service, "job_none", {"index": 0, "y": [1.0]}, 404)["title"] == "Not found"
    assert service.client.get("/v1/jobs/job_none/observations").status_code == 404
    other = service.run(QUICK)
    assert other["observations"] is None
    assert other["links"]["observations"] is None
    assert "assimilates no observations" in refused(service, other["id"], {"index": 0, "y": [1.0]}, 409)["detail"]
    assert service.client.get(f"/v1/jobs/{other['id']}/observations").status_code == 409
    service.client.post(f"/v1/jobs/{job}/cancel")
    service.finished(job)
    assert "is cancelled" in refused(service, job, {"index": 2, "y": ONES[2]}, 409)["detail"]
    assert send(service, job, {"index": 1, "y": ONES[1]}).json()["replayed"], "what it has can be sent again"


def test_the_last_one_ends_it(service: Service, job: str) -> None:
    sent = send(service, job, {"from": 2, "observations": [ONES[2], None], "last": True})
    assert (sent.json()["observations"]["last"], sent.json()["observations"]["closed"]) == (True, True)
    done = service.finished(job)
    assert (done["status"], done["stopped_by"], done["last_refinement"]["observation"]) == (
        "completed",
        "observations",
        3,
    )
    assert done["last_refinement"]["final"] is True
    assert "is completed" in refused(service, job, {"index": 4, "y": ONES[4]}, 409)["detail"]
    whole = service.run(fed(*ONES[:3], None, expected=4))
    assert whole["last_refinement"]["digest"] == done["last_refinement"]["digest"]
    assert "is completed" in refused(service, whole["id"], {"index": 4, "y": ONES[4]}, 409)["detail"]


def test_no_more_than_expected(service: Service) -> None:
    job = service.create(fed(ONES[0], expected=3))["id"]
    assert "expects 3" in refused(service, job, {"from": 1, "observations": ONES[1:4]}, 409)["detail"]
    send(service, job, {"from": 1, "observations": ONES[1:3]})
    done = service.finished(job)
    assert (done["stopped_by"], done["observations"]["assimilated"]) == ("observations", 3)


def test_a_job_without_any_cannot_be_closed(service: Service) -> None:
    job = service.create(fed())["id"]
    problem = refused(service, job, {"from": 0, "observations": [], "last": True}, 422)
    assert problem["errors"][0]["pointer"] == "/last"
    service.client.post(f"/v1/jobs/{job}/cancel")


def test_listed_in_pages(service: Service, job: str) -> None:
    send(service, job, {"from": 2, "observations": [ONES[2], None, ONES[4]]})
    whole = service.client.get(f"/v1/jobs/{job}/observations").json()
    assert whole == {"data": [*ONES[:3], None, ONES[4]], "start": 0, "has_more": False, "next": None}
    found: list[Any] = []
    after: int | None = -1
    while after is not None:
        page = service.client.get(f"/v1/jobs/{job}/observations", params={"after": after, "limit": 2}).json()
        assert page["start"] == len(found)
        found, after = found + page["data"], page["next"]
    assert found == whole["data"]
    assert service.client.get(f"/v1/jobs/{job}/observations", params={"limit": 0}).status_code == 422


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"budget": {"units": 100, "abs_tol": 0.1}}, "/budget/abs_tol"),
        ({"budget": {"units": 100, "rel_tol": 0.1}}, "/budget/rel_tol"),
        ({"interval": "open"}, "/interval"),
        ({"interval": "bounded", "bounds": [0.0, 1.0]}, "/interval"),
        ({"observations": [[1.0], [1.0, 2.0]]}, "/observations/1"),
        ({"expected": 1, "observations": ONES[:2]}, "/expected"),
        ({"resolution": {**fed()["resolution"], "each": None}}, "/resolution/each"),
        ({"resolution": {**fed()["resolution"], "each": 4}}, "/resolution"),
    ],
)
def test_bad_specs(service: Service, change: dict[str, Any], pointer: str) -> None:
    reply = service.post({**fed(), **change})
    assert reply.status_code == 422, reply.text
    assert reply.json()["errors"][0]["pointer"] == pointer


def test_no_tolerance_later_either(service: Service, job: str) -> None:
    reply = service.client.post(f"/v1/jobs/{job}/budget", json={"abs_tol": 0.1})
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/abs_tol")


def test_a_stream_sees_the_wait_and_what_it_was_for(service: Service) -> None:
    """waiting_for_observations, an observation is posted, and its refinement is there within 0.3 s."""
    job = service.create(fed(*ONES[:2]))["id"]
    heard: list[str] = []
    delays: list[float] = []
    asked, sent = threading.Event(), 0.0
    with service.stream(f"/v1/jobs/{job}/events") as reply:
        number = 2
        for event in events(reply):
            heard.append(event.data["status"] if event.type == "status" else event.type)
            if event.type == "status" and event.data["status"] == "waiting_for_observations":
                assert not asked.is_set(), "it waits while one is there"
                assert event.data["detail"] == f"observation {number} is not known yet"
                time.sleep(0.05)
                asked.set()
                sent = time.monotonic()
                body = {"index": number, "y": ONES[number], "last": number == 5}
                threading.Thread(target=send, args=(service, job, body)).start()
            elif event.type == "refinement" and event.data["observation"] == number:
                delays.append(time.monotonic() - sent)
                assert event.data["blocks"] == (number + 1) * 8
                assert event.data["interval"]["kind"] == "alpha_spending"
                asked.clear()
                number += 1
    assert heard[-1] == "completed"
    assert heard.count("waiting_for_observations") == len(delays) == 4
    assert heard.count("refinement") == 6
    assert sorted(delays)[2] < 0.3, delays
