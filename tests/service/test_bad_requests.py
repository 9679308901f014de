"""What is refused, and how: 4xx, a problem that names the field and the cure, and nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from ..kinds.bad_posteriors import CASES as POSTERIORS
from .bad_specs import BUDGETS, EXPRESSIONS, GOOD, NAMES, NUMBERS, RESOLUTIONS, Case, spec
from .harness import Service

JSON = {"Content-Type": "application/json"}
NOBODY = "job_00000000000000000000000000"


@pytest.fixture(scope="module")
def service(memory_service: Service) -> Iterator[Service]:
    yield memory_service
    assert memory_service.run(GOOD)["status"] == "completed"


@pytest.fixture(autouse=True)
def unharmed(service: Service) -> Iterator[None]:
    """Whatever was refused: no job was stored, and the service goes on."""
    before = service.jobs()
    yield
    assert service.jobs() == before
    assert service.client.get("/healthz").status_code == 200


def problem(reply: httpx2.Response, status: int, pointer: str | None = None, says: str = "") -> dict[str, Any]:
    """Check an answer to be a problem of RFC 9457."""
    assert reply.status_code == status, reply.text[:500]
    assert reply.headers["content-type"] == "application/problem+json"
    found = reply.json()
    assert found["type"]
    assert found["title"]
    assert found["status"] == status
    assert found["request_id"] == reply.headers["x-request-id"]
    assert says in found["detail"]
    assert len(reply.content) < 8_000
    if pointer is not None:
        assert found["errors"][0]["pointer"] == pointer, found
        assert found["errors"][0]["detail"] in found["detail"]
    return found


def post(service: Service, body: bytes, **headers: str) -> httpx2.Response:
    return service.client.post("/v1/jobs", content=body, headers={**JSON, **headers})


def _named(*tables: list[Case]) -> list[Any]:
    return [pytest.param(*case[1:], id=case[0]) for table in tables for case in table]


TABLES = _named(NAMES, NUMBERS, EXPRESSIONS, BUDGETS, RESOLUTIONS)


@pytest.mark.parametrize(("changes", "pointer", "says"), TABLES)
def test_wrong_specs(service: Service, changes: dict[str, Any], pointer: str, says: str) -> None:
    problem(post(service, json.dumps(spec(changes)).encode()), 422, pointer, says)


@pytest.mark.parametrize(("body", "pointer", "says"), _named(POSTERIORS))
def test_wrong_posteriors(service: Service, body: dict[str, Any], pointer: str, says: str) -> None:
    problem(post(service, json.dumps(body).encode()), 422, pointer, says)


def test_a_resolution_that_is_right_is_accepted(serve: Any) -> None:
    # Nobody runs jobs of that numeric class: it waits.
    job = serve().create(spec({"resolution.tail": 64}))
    assert job["resolved"]["resolution"]["numeric_class"] == "somewhere else"


def test_several_mistakes_are_told_at_once(service: Service) -> None:
    changes = {"level": 7, "seed": -1, "budget.units": 0}
    found = problem(post(service, json.dumps(spec(changes)).encode()), 422, says="(and 2 more)")
    assert {error["pointer"] for error in found["errors"]} == {"/level", "/seed", "/budget/units"}


BODIES = [
    ("empty", b"", 400, "it is empty"),
    ("not JSON", b"kind=surrogate", 400, "not JSON"),
    ("cut off", b'{"kind": "surrogate"', 400, "not JSON"),
    ("trailing", b"{} {}", 400, "not JSON"),
    ("array", b"[1]", 422, "got an array"),
    ("string", b'"surrogate"', 422, "got a string"),
    ("number", b"3", 422, "got a number"),
    ("null", b"null", 422, "got null"),
    ("deeply nested arrays", b"[" * 50_000 + b"]" * 50_000, 400, "nested too deeply"),
    ("deeply nested objects", b'{"a":' * 20_000 + b"1" + b"}" * 20_000, 400, "nested too deeply"),
    ("invalid UTF-8", b'{"kind": "\xff"}', 400, "UTF-8"),
    ("UTF-16", '{"kind": "surrogate"}'.encode("utf-16"), 400, "UTF-8"),
    ("byte order mark", b"\xef\xbb\xbf{}", 400, "not JSON"),
    ("lone surrogate", json.dumps({**GOOD, "metadata": {"a": "\ud800"}}).encode(), 400, "hex escape"),
    ("field given twice", b'{"kind": "surrogate", "kind": "correlated"}', 400, "'kind' is given more than once"),
    ("number of 5000 digits", b'{"seed": ' + b"9" * 5_000 + b"}", 400, "not JSON"),
]


@pytest.mark.parametrize(("body", "status", "says"), [pytest.param(*case[1:], id=case[0]) for case in BODIES])
def test_bodies_that_are_no_object(service: Service, body: bytes, status: int, says: str) -> None:
    problem(post(service, body), status, "", says)


@pytest.mark.parametrize("path", ["/v1/jobs", f"/v1/jobs/{NOBODY}/budget"])
def test_too_large_as_declared(service: Service, path: str) -> None:
    headers = {**JSON, "Content-Length": "200001"}
    reply = service.client.post(path, content=b"x" * 200_001, headers=headers)
    problem(reply, 413, "", "over 200000 bytes; send less")


def test_too_large_in_chunks(service: Service) -> None:
    reply = service.client.post("/v1/jobs", content=(b" " * 10_000 for _ in range(40)), headers=JSON)
    assert "content-length" not in reply.request.headers
    problem(reply, 413, "", "over 200000 bytes")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_other_media_types(service: Service, kind: str) -> None:
    reply = service.client.post("/v1/jobs", content=json.dumps(GOOD), headers={"Content-Type": kind})
    problem(reply, 415, "", "send `Content-Type: application/json`")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "application/merge-patch+json", "APPLICATION/JSON"]
)
def test_media_types_that_are_json(service: Service, kind: str) -> None:
    reply = service.client.post("/v1/jobs", content=b"{}", headers={"Content-Type": kind})
    problem(reply, 422, "/kind")


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_idempotency_keys_of_wrong_length(service: Service, key: str) -> None:
    reply = post(service, json.dumps(GOOD).encode(), **{"Idempotency-Key": key})
    problem(reply, 422, says=f"Idempotency-Key has {len(key)} characters; send 1 to 255")


PREFERENCES = [
    "wait",
    "wait=",
    "wait=soon",
    "wait=-1",
    "wait=1.5",
    "wait=\u00b2",
    "respond-async, wait=x",
    "wait=" + "9" * 99,
]


@pytest.mark.parametrize("prefer", PREFERENCES)
def test_preferences(service: Service, prefer: str) -> None:
    reply = service.client.post("/v1/jobs", json=GOOD, headers={b"Prefer": prefer.encode("latin-1")})
    problem(reply, 400, says="write wait=N with whole seconds N")


PARAMETERS = [
    ("/v1/jobs?status=done", "'completed'"),
    ("/v1/jobs?limit=0", "greater than or equal to 1"),
    ("/v1/jobs?limit=201", "less than or equal to 200"),
    ("/v1/jobs?limit=ten", "query limit: Input should be a valid integer"),
    ("/v1/jobs?after=" + "x" * 101, "at most 100"),
    ("/v1/jobs?kind=surogate", "did you mean 'surrogate'?"),
    (f"/v1/jobs/{NOBODY}/events?after=-1", "greater than or equal to 0"),
    (f"/v1/jobs/{NOBODY}/events?after=1e3", "valid integer"),
    (f"/v1/jobs/{NOBODY}/refinements?limit=1001", "less than or equal to 1000"),
    (f"/v1/jobs/{NOBODY}/ledger?after=-2", "greater than or equal to -1"),
]


@pytest.mark.parametrize(("path", "says"), PARAMETERS)
def test_parameters(service: Service, path: str, says: str) -> None:
    problem(service.client.get(path), 422, "", says)


@pytest.mark.parametrize("value", ["abc", "-1", "1.5", "\u00b2", "9" * 17, "evt_3"])
@pytest.mark.parametrize("what", ["events", "refinements"])
def test_last_event_ids(service: Service, what: str, value: str) -> None:
    headers = {b"Accept": b"text/event-stream", b"Last-Event-ID": value.encode("latin-1")}
    problem(service.client.get(f"/v1/jobs/{NOBODY}/{what}", headers=headers), 422, "", "send the `id:` of an event")


ROUTES = [("GET", ""), ("GET", "/events"), ("GET", "/refinements"), ("GET", "/ledger"), ("POST", "/cancel")]


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("POST", "/budget")])
@pytest.mark.parametrize("job", [NOBODY, "nonsense", "%00", "..%2f..", "\u00fc", "x" * 2_000])
def test_unknown_jobs(service: Service, method: str, path: str, job: str) -> None:
    body = {"json": {"units": 1}} if path == "/budget" else {}
    problem(service.client.request(method, f"/v1/jobs/{job}{path}", **body), 404)


def test_unknown_jobs_on_streams(service: Service) -> None:
    reply = service.client.get(f"/v1/jobs/{NOBODY}/events", headers={"Accept": "text/event-stream"})
    problem(reply, 404, says=f"there is no job '{NOBODY}'; GET /v1/jobs lists yours")


@pytest.mark.parametrize("path", ["/v1/job", "/v2/jobs", "/v1/jobs/a/b/c", "/nowhere"])
def test_unknown_paths(service: Service, path: str) -> None:
    problem(service.client.get(path), 404, says="see /openapi.json for what there is")


WRONG_METHODS = [("PUT", ""), ("DELETE", ""), ("PATCH", f"/{NOBODY}"), ("GET", f"/{NOBODY}/cancel")]


@pytest.mark.parametrize(("method", "path"), [*WRONG_METHODS, ("POST", f"/{NOBODY}/events")])
def test_wrong_methods(service: Service, method: str, path: str) -> None:
    reply = service.client.request(method, f"/v1/jobs{path}")
    problem(reply, 405)
    assert reply.headers["allow"]


def test_unknown_kinds(service: Service) -> None:
    problem(service.client.get("/v1/kinds/surogate"), 404, says="did you mean 'surrogate'?")


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "\u00fc"])
def test_request_ids_that_do_not_fit_are_replaced(service: Service, given: str) -> None:
    reply = service.client.get("/nowhere", headers={b"X-Request-Id": given.encode("latin-1")})
    assert problem(reply, 404)["request_id"].startswith("req_")
