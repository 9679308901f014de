"""When to try again: the pure policy, then the client on a real port."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnish import AsyncBurnish, Burnish, Rejected, Retries, ServiceError, TooManyRequests, Unreachable, calls
from burnish.retries import TRANSIENT, retry_after, worth_retrying

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
QUICK = Retries(attempts=3, first=0.001)


@given(tried=st.integers(0, 10_000), draw=st.floats(0, 1, exclude_max=True))
def test_pause_is_full_jitter_below_a_bound_that_doubles(tried: int, draw: float) -> None:
    policy = Retries(attempts=100_000, first=0.5, longest=8.0)
    assert policy.pause(tried, draw=draw) == pytest.approx(draw * min(8.0, 0.5 * 2.0 ** min(tried, 10)))


def test_it_gives_up_after_its_attempts() -> None:
    assert [Retries(attempts=2).pause(n, draw=0.5) is None for n in range(4)] == [False, False, True, True]
    assert Retries(attempts=0).pause(0, draw=0.5) is None


def test_retry_after_is_a_lower_bound_up_to_its_cap() -> None:
    policy = Retries(first=0.5, longest_asked=60)
    assert policy.pause(0, draw=0.1, asked=7.0) == 7.0
    assert policy.pause(4 - 1, draw=0.9, asked=1.0) == pytest.approx(0.9 * 4.0)
    assert policy.pause(0, draw=0.1, asked=60.0) == 60.0
    assert policy.pause(0, draw=0.1, asked=61.0) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("17", 17.0),
        (" 5 ", 5.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(httpx2.Headers({"Retry-After": text}), NOW) == seconds


def test_no_retry_after_is_none() -> None:
    assert retry_after({}, NOW) is None


@pytest.mark.parametrize("status", [200, 202, 400, 401, 403, 404, 409, 413, 422, 500, 501, *sorted(TRANSIENT)])
def test_which_answers_are_worth_another_try(status: int) -> None:
    assert worth_retrying(httpx2.Response(status), repeatable=True) == (status in {408, 429, 502, 503, 504})
    assert not worth_retrying(httpx2.Response(status), repeatable=False)


def test_a_conflict_with_our_own_first_try_is_waited_for() -> None:
    assert worth_retrying(httpx2.Response(409, headers={"Retry-After": "1"}), repeatable=True)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (httpx2.ConnectError("refused"), True),
        (httpx2.ConnectTimeout("slow"), True),
        (httpx2.ReadTimeout("slow"), True),
        (httpx2.ReadError("reset"), True),
        (httpx2.RemoteProtocolError("cut"), True),
        (httpx2.UnsupportedProtocol("ftp"), False),
        (httpx2.SSEError("html"), False),
        (httpx2.DecodingError("gzip"), False),
    ],
)
def test_which_exceptions_are_worth_another_try(error: Exception, again: bool) -> None:
    assert worth_retrying(error, repeatable=True) == again
    assert not worth_retrying(error, repeatable=False)


def test_a_post_without_a_key_is_never_repeated() -> None:
    assert not calls.Request("POST", "/v1/jobs").repeatable
    assert calls.Request("POST", "/v1/jobs", headers={"Idempotency-Key": "k"}).repeatable
    assert calls.Request("GET", "/v1/jobs").repeatable


def test_503_and_cut_connections_are_retried_with_one_idempotency_key(server, make) -> None:
    server.play(make.problem(503, Retry_After="0"), "cut", make.problem(429, Retry_After="0"), make.ok(make.job(), 202))
    with Burnish(server.url, max_retries=QUICK) as client:
        first = client.submit({"kind": "surrogate"})
        server.play(make.ok(make.job(), 202))
        client.submit({"kind": "surrogate"})
    assert first.id == "job_1"
    keys = [seen.headers["idempotency-key"] for seen in server.seen]
    assert len(keys) == 5
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]
    assert {seen.body for seen in server.seen} == {b'{"kind": "surrogate"}'}


def test_a_key_of_the_caller_is_used(server, make) -> None:
    server.play(make.ok(make.job(), 202))
    with Burnish(server.url) as client:
        client.submit({"kind": "surrogate"}, idempotency_key="mine")
        client.extend("job_1", seconds=3, idempotency_key="mine-too")
    assert [seen.headers["idempotency-key"] for seen in server.seen] == ["mine", "mine-too"]


def test_the_last_error_is_raised_when_patience_is_over(server, make) -> None:
    server.play(make.problem(503, "the store is away"))
    with Burnish(server.url, max_retries=QUICK) as client, pytest.raises(ServiceError, match="the store is away"):
        client.get("job_1")
    assert len(server.seen) == 4


def test_a_long_retry_after_is_told_and_not_waited_for(server, make) -> None:
    server.play(make.problem(429, "quota used up", Retry_After="3600"))
    with Burnish(server.url) as client, pytest.raises(TooManyRequests, match="come back in 1 h 0 min") as caught:
        client.get("job_1")
    assert caught.value.retry_after == 3600
    assert len(server.seen) == 1


def test_a_bad_request_is_not_repeated(server, make) -> None:
    server.play(make.problem(422))
    with Burnish(server.url) as client, pytest.raises(Rejected):
        client.submit({"kind": "surrogate"})
    assert len(server.seen) == 1


def test_silence_is_a_read_timeout(server) -> None:
    server.play("hang")
    retries = Retries(attempts=1, first=0.001)
    with (
        Burnish(server.url, timeout=0.2, max_retries=retries) as client,
        pytest.raises(Unreachable, match="ReadTimeout"),
    ):
        client.get("job_1")
    assert len(server.seen) == 2


def test_nobody_there() -> None:
    with (
        Burnish("http://127.0.0.1:9", max_retries=QUICK) as client,
        pytest.raises(Unreachable, match=r"no answer from http://127.0.0.1:9 after 4 tries .*Is the service running"),
    ):
        client.health()


async def test_the_async_client_retries_alike(server, make) -> None:
    server.play(make.problem(503), "cut", make.ok(make.job(), 202))
    async with AsyncBurnish(server.url, max_retries=QUICK) as client:
        job = await client.submit({"kind": "surrogate"})
    assert job.status == "running"
    assert len({seen.headers["idempotency-key"] for seen in server.seen}) == 1
    assert len(server.seen) == 3


async def test_the_async_client_gives_up_alike() -> None:
    async with AsyncBurnish("http://127.0.0.1:9", max_retries=QUICK) as client:
        with pytest.raises(Unreachable, match="after 4 tries"):
            await client.health()


def test_ready_asks_once_and_answers_no(server, make) -> None:
    server.play(make.problem(503, "no worker"), make.ok({"status": "ready"}))
    with Burnish(server.url) as client:
        assert client.ready() is False
        assert client.ready() is True
