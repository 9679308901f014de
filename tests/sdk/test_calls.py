"""What is sent: requests as values, and the sugar over them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from burnish import Budget, Burnish, SurrogateSpec, calls, settings, specify
from burnish.wire import UnknownSpec


def body(call: calls.Call) -> dict:
    return json.loads(call.request.body)


def test_create_sends_only_what_was_given() -> None:
    spec = SurrogateSpec(kind="surrogate", problem={"name": "p"}, points=[{"x": 0.5}], budget={"seconds": 3})
    assert body(calls.create(spec)) == {
        "kind": "surrogate",
        "problem": {"name": "p"},
        "points": [{"x": 0.5}],
        "budget": {"seconds": 3.0},
    }


def test_a_kind_newer_than_the_sdk_can_be_sent() -> None:
    assert body(calls.create({"kind": "oracle", "depth": 3})) == {"kind": "oracle", "depth": 3}
    assert body(calls.create(UnknownSpec(kind="oracle", depth=3))) == {"kind": "oracle", "depth": 3}


def test_keys_are_minted_once_per_call_and_differ_between_calls() -> None:
    first, second = calls.create({}), calls.create({})
    assert first.request.headers["Idempotency-Key"] == first.request.headers["Idempotency-Key"]
    assert first.request.headers["Idempotency-Key"] != second.request.headers["Idempotency-Key"]
    assert len(first.request.headers["Idempotency-Key"]) <= 255


def test_every_post_may_be_repeated() -> None:
    posts = [calls.create({}), calls.extend("j", Budget(seconds=1)), calls.cancel("j")]
    assert all(call.request.repeatable for call in posts)


def test_numbers_that_json_has_not_are_refused_here() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        calls.create({"seed": float("nan")})
    with pytest.raises(TypeError, match="a set cannot be written as JSON"):
        calls.create({"points": {1}})


def test_paths_are_quoted() -> None:
    assert calls.job("a/../b c").request.path == "/v1/jobs/a%2F..%2Fb%20c"
    assert calls.kind("x?y").request.path == "/v1/kinds/x%3Fy"
    with pytest.raises(ValueError, match="empty"):
        calls.job("")


def test_parameters_that_were_not_given_are_not_sent() -> None:
    assert calls.jobs().request.params == {}
    assert calls.jobs(5, "job_0", "running", "surrogate").request.params == {
        "limit": "5",
        "after": "job_0",
        "status": "running",
        "kind": "surrogate",
    }


def test_a_stream_resumes_by_last_event_id() -> None:
    assert "Last-Event-ID" not in calls.stream("j").headers
    assert calls.stream("j", after=7).headers["Last-Event-ID"] == "7"
    assert calls.stream("j").headers["Accept"] == "text/event-stream"


class Array:
    """What numpy and torch have in common."""

    def __init__(self, rows: list) -> None:
        self.rows = rows

    def tolist(self) -> list:
        return self.rows


@pytest.mark.parametrize(
    ("points", "t", "sent"),
    [
        ([0.5, 1.5], 0.1, [{"t": 0.1, "x": 0.5}, {"t": 0.1, "x": 1.5}]),
        ([[1.0, 2.0]], 0.0, [{"t": 0.0, "x": [1.0, 2.0]}]),
        ([[1.0], [2.0]], [0.1, 0.2], [{"t": 0.1, "x": [1.0]}, {"t": 0.2, "x": [2.0]}]),
        (Array([[1.0, 2.0]]), 0.3, [{"t": 0.3, "x": [1.0, 2.0]}]),
        ([Array([1.0, 2.0])], 0.3, [{"t": 0.3, "x": [1.0, 2.0]}]),
        ([{"t": 0.2, "x": 1.0}], 0.0, [{"t": 0.2, "x": 1.0}]),
        ({"t": {}, "x": {}}, 0.0, {"t": {}, "x": {}}),
    ],
)
def test_points_as_people_have_them(points, t, sent) -> None:
    assert specify.at(points, t) == sent


def test_as_many_times_as_points() -> None:
    with pytest.raises(ValueError, match="2 times for 1 points"):
        specify.at([0.5], [0.1, 0.2])


def test_surrogate_in_one_line(server, make) -> None:
    server.play(make.ok(make.job(), 202))
    with Burnish(server.url, api_key="k-1") as client:
        client.surrogate(problem="hjb", dim=7, surrogate="net", points=[[0.1] * 7], budget=Budget(seconds=5), seed=3)
        client.surrogate(
            problem={"dim": 1, "terminal": "x", "diffusion": "1", "horizon": 1.0}, points=[0.1], budget={"units": 9}
        )
    first, second = (json.loads(seen.body) for seen in server.seen)
    assert first == {
        "kind": "surrogate",
        "problem": {"name": "hjb", "dim": 7},
        "points": [{"t": 0.0, "x": [0.1] * 7}],
        "surrogate": {"name": "net"},
        "budget": {"seconds": 5.0},
        "seed": 3,
    }
    assert set(second) == {"kind", "problem", "points", "budget"}
    assert server.seen[0].headers["authorization"] == "Bearer k-1"
    assert server.seen[0].headers["user-agent"].startswith("burnish-python/")


def test_extending_by_nothing_is_refused() -> None:
    with Burnish() as client, pytest.raises(ValueError, match="the budget is empty"):
        client.extend("job_1")


def test_the_address_and_the_key_come_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("BURNISH_BASE_URL", "https://burnish.example/")
    monkeypatch.setenv("BURNISH_API_KEY", "secret")
    assert settings.base_url(None) == "https://burnish.example"
    assert settings.base_url("http://other") == "http://other"
    assert settings.headers(None)["Authorization"] == "Bearer secret"
    with pytest.raises(ValueError, match="must start with http"):
        settings.base_url("localhost:8000")


def test_the_wire_contract_brings_no_http_client() -> None:
    code = "import burnish.wire, sys; assert 'httpx2' not in sys.modules, 'httpx2'; import burnish; burnish.Burnish"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
