"""Uploading arrays, naming them in a job, and taking them away again."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import pytest

from .harness import Service

PROBLEM = {"dim": 2, "horizon": 0.3, "diffusion": "sqrt(2)", "terminal": "sum(x**2)"}
EXACT = 2 * 2 * 0.3
"""E|X_T|^2 from 0: 2 d T."""


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array))
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def put(service: Service, data: bytes, type: str = "array") -> Any:
    return service.client.put(f"/v1/{type}s/{digest(data)}", content=data)


def spec(id: str) -> dict[str, Any]:
    return {"kind": "surrogate", "problem": PROBLEM, "points": {"array": id}, "budget": {"units": 20_000}, "seed": 3}


def refused(reply: Any, status: int, says: str) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert says in reply.text
    return reply.json()


def test_points_by_reference(service: Service) -> None:
    data = npy([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]])
    reply = put(service, data)
    assert reply.status_code == 201
    file = reply.json()
    assert (file["state"], file["bytes"]) == ("ready", len(data))
    assert file["card"] == {"arrays": {"array": {"shape": [3, 2], "dtype": "float64"}}}
    job = service.run(spec(file["id"]))
    assert job["status"] == "completed", job
    interval = job["last_refinement"]["interval"]
    for i, square in enumerate((0.0, 1.0, 5.0)):
        assert interval["lower"][i] < EXACT + square < interval["upper"][i]
    assert job["spec"]["points"] == {"array": file["id"]}


def test_times_in_the_first_column(service: Service) -> None:
    file = put(service, npy([[0.2, 0.0, 0.0]])).json()
    job = service.run(spec(file["id"]))
    interval = job["last_refinement"]["interval"]
    assert interval["lower"][0] < 2 * 2 * 0.1 < interval["upper"][0]


def test_the_answer_is_that_of_points_in_the_spec(service: Service) -> None:
    file = put(service, npy([[0.5, 0.25]])).json()
    by_reference = service.run(spec(file["id"]))
    resolved = {**by_reference["resolved"], "points": [{"t": 0.0, "x": [0.5, 0.25]}]}
    in_place = service.run(resolved)
    assert in_place["last_refinement"]["estimate"] == by_reference["last_refinement"]["estimate"]
    assert in_place["last_refinement"]["digest"] == by_reference["last_refinement"]["digest"]


def test_sent_twice(service: Service) -> None:
    data = npy(np.ones((2, 2)))
    assert put(service, data).json() == put(service, data).json()
    listed = [file["id"] for file in service.client.get("/v1/arrays", params={"limit": 200}).json()["data"]]
    assert listed.count(digest(data)) == 1
    assert service.client.get(f"/v1/arrays/{digest(data)}").json()["id"] == digest(data)


def test_pages(service: Service) -> None:
    for number in range(5):
        put(service, npy(np.full((1, 2), number + 0.125)))
    seen: list[str] = []
    after = None
    while True:
        page = service.client.get("/v1/arrays", params={"limit": 2, **({"after": after} if after else {})}).json()
        seen += [file["id"] for file in page["data"]]
        after = page["next"]
        if not page["has_more"]:
            break
    assert len(seen) == len(set(seen)) >= 5


def test_in_use_until_its_jobs_are_deleted(service: Service) -> None:
    id = put(service, npy(np.full((1, 2), 0.75))).json()["id"]
    job = service.run(spec(id))["id"]
    refused(service.client.delete(f"/v1/arrays/{id}"), 409, job)
    assert service.client.delete(f"/v1/jobs/{job}").status_code == 204
    assert service.client.delete(f"/v1/arrays/{id}").status_code == 204
    refused(service.client.get(f"/v1/arrays/{id}"), 404, "GET /v1/arrays lists them")
    refused(service.client.delete(f"/v1/arrays/{id}"), 404, id[:20])
    found = refused(service.post(spec(id)), 422, "PUT /v1/arrays/")
    assert found["errors"][0]["pointer"] == "/points/array"


WRONG_POINTS = [
    ("flat", np.zeros(4), "must be (m, 2)"),
    ("wide", np.zeros((4, 5)), "must be (m, 2)"),
    ("late", np.full((3, 3), 0.3), "outside [0, T)"),
    ("many", np.zeros((10_001, 2)), "1..10000 points"),
]


@pytest.mark.parametrize(("array", "says"), [pytest.param(*case[1:], id=case[0]) for case in WRONG_POINTS])
def test_arrays_that_are_no_points(service: Service, array: Any, says: str) -> None:
    refused(service.post(spec(put(service, npy(array)).json()["id"])), 422, says)


def test_refused_uploads(service: Service) -> None:
    good = npy(np.ones(3))
    refused(service.client.put(f"/v1/arrays/{digest(b'other')}", content=good), 422, digest(good))
    refused(service.client.put("/v1/arrays/sha256:12", content=good), 422, "64 lower-case hexadecimal digits")
    refused(put(service, b"not an array"), 422, "neither .npy nor safetensors")
    refused(put(service, npy(np.array([np.nan]))), 422, "NaN")
    refused(put(service, npy(np.zeros(30_000))), 413, "over 200000 bytes")
    unknown = {"array": "sha256:" + "0" * 64}
    refused(service.post({**spec("x"), "points": unknown}), 422, "no array")
    refused(service.post({**spec("x"), "points": {"array": "12"}}), 422, "/points/")
    refused(
        service.post({**spec("x"), "points": [{"x": 0.0}], "surrogate": {"model": "sha256:" + "0" * 64}}),
        422,
        "no model",
    )
