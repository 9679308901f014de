"""Errors: the right one, with everything that the service said, in words that help."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from burnish import (
    Burnish,
    BurnishError,
    Conflict,
    NotFound,
    Rejected,
    ServiceError,
    StatusError,
    TooManyRequests,
    Unauthorised,
    UnexpectedAnswer,
    errors,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, Unauthorised),
        (403, Unauthorised),
        (404, NotFound),
        (409, Conflict),
        (413, Rejected),
        (418, Rejected),
        (422, Rejected),
        (429, TooManyRequests),
        (500, ServiceError),
        (503, ServiceError),
        (599, ServiceError),
    ],
)
def test_each_status_has_its_error(server, make, status: int, kind: type[StatusError]) -> None:
    server.play(make.problem(status, "what happened"))
    with Burnish(server.url, max_retries=0) as client, pytest.raises(kind, match="what happened") as caught:
        client.get("job_1")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.problem.status, caught.value.request_id) == (status, status, "req_7")


def test_every_wrong_field_is_printed_with_its_cure(server, make) -> None:
    wrong = [
        {"pointer": "/problem/name", "detail": "no problem 'viscous-burger'; did you mean 'viscous-burgers'?"},
        {"pointer": "/points/3/t", "detail": "t = 0.7 is outside [0, 0.5)"},
        {"pointer": "", "detail": "no budget"},
    ]
    server.play(make.problem(422, "3 fields are wrong.", wrong))
    with Burnish(server.url) as client, pytest.raises(Rejected) as caught:
        client.submit({})
    assert str(caught.value) == snapshot("""\
422 Bad: 3 fields are wrong.
  /problem/name: no problem 'viscous-burger'; did you mean 'viscous-burgers'?
  /points/3/t: t = 0.7 is outside [0, 0.5)
  (the whole body): no budget
  request id: req_7\
""")


def test_what_the_detail_says_already_is_not_said_twice(server, make) -> None:
    server.play(make.problem(422, "/points: none", [{"pointer": "/points", "detail": "none"}]))
    with Burnish(server.url) as client, pytest.raises(Rejected) as caught:
        client.submit({})
    assert str(caught.value) == "422 Bad: /points: none\n  request id: req_7"


@pytest.mark.parametrize("body", [b"<html><h1>Bad\n gateway</h1></html>", b'{"detail": "no"}', b"\xff\xfe", b""])
def test_an_error_that_a_proxy_wrote_is_still_an_error(server, make, body: bytes) -> None:
    server.play(make.Answer(502, body, {"X-Request-Id": "req_9"}))
    with Burnish(server.url, max_retries=0) as client, pytest.raises(ServiceError, match="502 Bad Gateway") as caught:
        client.get("job_1")
    assert caught.value.request_id == "req_9"


@pytest.mark.parametrize("body", [b"<html>", b'{"id": "job_1"}', b"[]", b""])
def test_an_answer_of_somebody_else_is_named(server, make, body: bytes) -> None:
    server.play(make.Answer(200, body, {"Content-Type": "text/html"}))
    with (
        Burnish(server.url) as client,
        pytest.raises(UnexpectedAnswer, match=r"GET /v1/jobs/job_1 .200, text/html. is not"),
    ):
        client.get("job_1")


def test_the_tree_is_the_one_drawn() -> None:
    drawn = {line.strip(" |`-").split(" ")[0] for line in errors.__doc__.splitlines() if "--" in line}
    built = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, BurnishError)}
    assert drawn | {"BurnishError"} == built


def test_every_error_carries_status_problem_and_request_id() -> None:
    for error in (
        errors.Unreachable("x"),
        errors.StreamGap(1, 4),
        errors.WaitTimeout("x"),
        errors.from_job("j", "failed", None),
    ):
        assert (error.status, error.problem, error.request_id) == (None, None, None)


def test_a_wait_that_times_out_is_a_timeout_error() -> None:
    assert issubclass(errors.WaitTimeout, TimeoutError)
