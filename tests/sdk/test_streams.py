"""Streams: the rules without I/O, then over connections that are cut, fall silent, repeat, skip, or talk garbage."""

from __future__ import annotations

import asyncio
import json

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnish import (
    AsyncBurnish,
    Burnish,
    JobCrashed,
    JobFailed,
    NotFound,
    StreamError,
    StreamGap,
    Unreachable,
    WaitTimeout,
)
from burnish.retries import Retries
from burnish.streams import Reader, afollow, follow

QUICK = Retries(attempts=3, first=0.001)


def event(sequence: int | str, kind: str = "status", data: object = None) -> httpx2.ServerSentEvent:
    return httpx2.ServerSentEvent(kind, json.dumps(data or {}), str(sequence))


def watch(server, reader: Reader | None = None, more=lambda after: False) -> list[int]:
    reader = reader or Reader("job_1", patience=QUICK, heartbeat=0.3)
    with httpx2.Client(base_url=server.url) as http:
        return [e.sequence for e in follow(http, reader, more)]


async def awatch(server, reader: Reader | None = None) -> list[int]:
    async def more(after: int) -> bool:
        return False

    reader = reader or Reader("job_1", patience=QUICK, heartbeat=0.3)
    async with httpx2.AsyncClient(base_url=server.url) as http:
        return [e.sequence async for e in afollow(http, reader, more)]


def resumed(server) -> list[str | None]:
    return [seen.headers.get("last-event-id") for seen in server.seen]


# the rules


@given(st.lists(st.integers(1, 3), min_size=1, max_size=30))
def test_any_overlap_of_resumed_streams_gives_each_event_once(repeats: list[int]) -> None:
    reader, got = Reader("job_1"), []
    for sequence, again in enumerate(repeats, start=1):
        for earlier in range(max(1, sequence - again), sequence + 1):
            got.append(reader.feed(event(earlier)))
    assert [e.sequence for e in got if e] == list(range(1, len(repeats) + 1))


def test_a_gap_is_an_error_that_names_what_is_missing() -> None:
    reader = Reader("job_1", after=4)
    with pytest.raises(StreamGap, match="events 5 to 7 are missing") as caught:
        reader.feed(event(8))
    assert (caught.value.after, caught.value.sequence) == (4, 8)
    with pytest.raises(StreamGap, match="event 5 is missing"):
        reader.feed(event(6))


def test_a_reader_of_the_latest_takes_gaps_and_asks_for_them() -> None:
    reader = Reader("job_1", after=4, latest=True)
    assert reader.request().params == {"latest": "true"}
    assert [found.sequence for n in (8, 6, 9) if (found := reader.feed(event(n)))] == [8, 9]
    assert not Reader("job_1").request().params


def test_events_of_a_newer_service_are_counted_and_passed_over() -> None:
    reader = Reader("job_1")
    assert reader.feed(event(1, "observation")) is None
    assert reader.feed(event("", "ping")) is None
    assert reader.feed(event(2)) is not None


def test_the_end_is_the_terminal_event_unless_the_job_was_extended() -> None:
    reader = Reader("job_1")
    reader.feed(event(1, "completed", {"id": "job_1"}))
    assert reader.ended
    reader.feed(event(2))
    assert not reader.ended


@pytest.mark.parametrize(
    ("sse", "why"),
    [
        (httpx2.ServerSentEvent("refinement", "{", "1"), "event 1 .refinement. is not JSON"),
        (httpx2.ServerSentEvent("refinement", "[1]", "1"), "holds a list where an object belongs"),
        (httpx2.ServerSentEvent("refinement", "{}", "one"), "'one', which is not a number"),
        (httpx2.ServerSentEvent("refinement", "{}", ""), "'', which is not a number"),
    ],
)
def test_garbage_is_named(sse: httpx2.ServerSentEvent, why: str) -> None:
    with pytest.raises(StreamError, match=why):
        Reader("job_1").feed(sse)


def test_patience_is_for_connections_that_bring_nothing() -> None:
    reader = Reader("job_1", patience=QUICK, heartbeat=10)
    for n in range(1, 20):
        reader.rest(None, 0.1, 0.5)
        reader.feed(event(n))
    for _ in range(3):
        reader.rest(httpx2.ReadError("cut"), 0.1, 0.5)
    with pytest.raises(Unreachable, match=r"broke off after event 19 .*cut.* The job goes on"):
        reader.rest(httpx2.ReadError("cut"), 0.1, 0.5)


@pytest.mark.parametrize(("outcome", "lasted"), [(None, 11.0), (httpx2.ReadError("cut"), 21.0)])
def test_a_job_that_waits_in_silence_is_no_failure(outcome: Exception | None, lasted: float) -> None:
    reader = Reader("job_1", patience=QUICK, heartbeat=10)
    for _ in range(50):
        assert reader.rest(outcome, lasted, 0.5) < 1


def test_retry_after_is_honoured_when_a_stream_is_refused() -> None:
    refused = httpx2.Response(503, headers={"Retry-After": "9"})
    assert Reader("job_1").rest(refused, 0.1, 0.5, asked=9.0) == 9.0


# on a real port


def test_a_stream_that_is_cut_resumes_where_it_was(server, make) -> None:
    server.play(
        make.sse((1, "status", {}), (2, "refinement", {}), end="cut"),
        "reset",
        make.problem(503, Retry_After="0"),
        make.sse((3, "refinement", {}), end="close"),
        make.sse((3, "refinement", {}), (4, "refinement", {}), (5, "completed", {})),
    )
    assert watch(server) == [1, 2, 3, 4, 5]
    assert resumed(server) == [None, "2", "2", "2", "3"]


async def test_async_too(server, make) -> None:
    server.play(
        make.sse((1, "status", {}), (2, "refinement", {}), end="cut"),
        "reset",
        make.problem(503, Retry_After="0"),
        make.sse((3, "refinement", {}), end="close"),
        make.sse((3, "refinement", {}), (4, "refinement", {}), (5, "completed", {})),
    )
    assert await awatch(server) == [1, 2, 3, 4, 5]
    assert resumed(server) == [None, "2", "2", "2", "3"]


def test_half_an_event_is_not_an_event(server, make) -> None:
    torn = make.sse((1, "status", {}), end="cut")
    torn.chunks += [b'id: 2\nevent: refinement\ndata: {"blo']
    server.play(torn, make.sse((2, "refinement", {"blocks": 1}), (3, "cancelled", {})))
    assert watch(server) == [1, 2, 3]


def test_an_event_in_pieces_is_one_event(server, make) -> None:
    whole = b"".join(make.sse((1, "status", {"status": "running"}), (2, "completed", {})).chunks)
    server.play(
        make.Answer(headers={"Content-Type": "text/event-stream"}, chunks=[whole[i : i + 1] for i in range(len(whole))])
    )
    assert watch(server) == [1, 2]


def test_silence_beyond_the_heartbeat_counts_as_a_cut(server, make) -> None:
    server.play(make.sse((1, "status", {}), end="hang"), make.sse((2, "failed", {})))
    assert watch(server) == [1, 2]
    assert resumed(server) == [None, "1"]


async def test_silence_beyond_the_heartbeat_counts_as_a_cut_async(server, make) -> None:
    server.play(make.sse((1, "status", {}), end="hang"), make.sse((2, "failed", {})))
    assert await awatch(server) == [1, 2]


def test_a_stream_that_never_brings_anything_is_given_up(server, make) -> None:
    server.play(make.sse())
    with pytest.raises(Unreachable, match="every connection ends at once"):
        watch(server)
    assert len(server.seen) == 4


async def test_a_stream_that_never_brings_anything_is_given_up_async(server, make) -> None:
    server.play(make.sse())
    with pytest.raises(Unreachable, match="every connection ends at once"):
        await awatch(server)


def test_a_job_that_is_not_there_is_said_at_once(server, make) -> None:
    server.play(make.problem(404, "no job job_1"))
    with pytest.raises(NotFound, match="no job job_1"):
        watch(server)
    assert len(server.seen) == 1


def test_a_page_of_html_is_not_a_stream(server, make) -> None:
    server.play(make.Answer(body=b"<html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(StreamError, match="text/html"):
        watch(server)


def test_a_gap_over_the_network(server, make) -> None:
    server.play(make.sse((1, "status", {}), end="cut"), make.sse((3, "refinement", {})))
    with pytest.raises(StreamGap):
        watch(server)


def test_an_extended_job_goes_on_beyond_its_first_end(server, make) -> None:
    server.play(make.sse((1, "completed", {})), make.sse((2, "status", {}), (3, "completed", {})))
    assert watch(server, more=lambda after: after == 1) == [1, 2, 3]


def test_an_event_of_several_megabytes_passes(server, make) -> None:
    server.play(make.sse((1, "completed", {"text": "x" * 3_000_000})))
    assert watch(server) == [1]


# the handles


def test_refinements_as_they_come_and_what_the_handle_knows_then(server, make) -> None:
    done = make.job("completed", last_refinement=make.refinement(4, blocks=3), stopped_by="seconds")
    server.play(
        make.ok(make.job("queued")),
        make.sse((1, "status", {"status": "running"}), (2, "refinement", make.refinement(2)), end="cut"),
        make.sse(
            (3, "refinement", make.refinement(3, half=0.1)),
            (4, "refinement", make.refinement(4)),
            (5, "completed", done),
        ),
        make.page(),
    )
    with Burnish(server.url) as client:
        job = client.get("job_1")
        assert (job.status, job.last, job.estimate, job.interval) == ("queued", None, None, None)
        assert [r.sequence for r in job.refinements()] == [2, 3, 4]
    assert (job.status, job.done, job.stopped_by) == ("completed", True, "seconds")
    assert job.estimate.value == [0.5]
    assert job.last.interval is None
    assert job.interval.blocks == 3
    assert [r.sequence for r in job.history] == [2, 3, 4]


def test_a_refusal_of_everything_withdraws_the_interval(server, make) -> None:
    refused = {"code": "heavy_tail", "why": "the tail index is 0.7.", "advice": "Use more steps."}
    server.play(
        make.ok(make.job()),
        make.sse(
            (1, "refinement", make.refinement(1, half=0.1)),
            (2, "refinement", make.refinement(2, refused=refused)),
            (3, "completed", make.job("completed")),
        ),
        make.page(),
    )
    with Burnish(server.url) as client:
        job = client.get("job_1").wait()
    assert job.interval is None
    assert job.refused.code == "heavy_tail"


@pytest.mark.parametrize(("status", "error"), [("failed", JobFailed), ("crashed", JobCrashed)])
def test_wait_raises_how_it_ended(server, make, status: str, error: type[Exception]) -> None:
    cause = {
        "title": "Diverged",
        "status": 422,
        "detail": "u is NaN",
        "errors": [{"pointer": "/steps", "detail": "use more"}],
    }
    server.play(make.ok(make.job()), make.sse((1, status, make.job(status, error=cause))), make.page())
    with Burnish(server.url) as client, pytest.raises(error, match=f"{status}.*u is NaN\n  /steps: use more") as caught:
        client.get("job_1").wait()
    assert caught.value.problem.title == "Diverged"


def test_a_cancelled_job_keeps_its_answer(server, make) -> None:
    server.play(
        make.ok(make.job()),
        make.sse((1, "refinement", make.refinement(1)), (2, "cancelled", make.job("cancelled"))),
        make.page(),
    )
    with Burnish(server.url) as client:
        job = client.get("job_1").wait()
    assert (job.status, job.estimate.value) == ("cancelled", [0.5])


def test_wait_keeps_its_deadline(server, make) -> None:
    server.play(
        make.ok(make.job()),
        make.page({"sequence": 1, "type": "status", "at": "", "data": {"status": "running"}}),
        make.page(),
    )
    with Burnish(server.url) as client:
        job = client.get("job_1")
        with pytest.raises(WaitTimeout, match=r"still running after 0\.2 s; it goes on"):
            job.wait(timeout=0.2)
        done = {"sequence": 2, "type": "completed", "at": "", "data": {"status": "completed"}}
        server.play(make.page(done), make.ok(make.job("completed", stopped_by="units")))
        assert (job.wait(timeout=5).status, job.stopped_by) == ("completed", "units")
    assert server.seen[-2].params == {"after": "1"}


async def test_the_async_handle(server, make) -> None:
    server.play(
        make.ok(make.job("queued")),
        make.sse((1, "status", {"status": "running"}), (2, "refinement", make.refinement(2, half=0.1)), end="cut"),
        make.sse((3, "completed", make.job("completed"))),
        make.page(),
    )
    async with AsyncBurnish(server.url) as client:
        job = await client.get("job_1")
        assert [r.sequence async for r in job.refinements()] == [2]
        assert (job.status, job.interval.blocks) == ("completed", 2)


async def test_the_async_wait_keeps_its_deadline(server, make) -> None:
    server.play(make.ok(make.job()), make.sse((1, "status", {}), end="hang"))
    async with AsyncBurnish(server.url) as client:
        job = await client.get("job_1")
        with pytest.raises(WaitTimeout):
            await asyncio.wait_for(job.wait(timeout=0.2), 5)
    server.release.set()


def test_news_older_than_the_snapshot_do_not_set_it_back(server, make) -> None:
    server.play(
        make.ok(make.job("running", last_refinement=make.refinement(9))),
        make.sse((1, "status", {"status": "queued"}), (2, "refinement", make.refinement(2)), end="cut"),
        make.problem(404),
    )
    with Burnish(server.url) as client:
        job = client.get("job_1")
        with pytest.raises(NotFound):
            list(job.refinements())
    assert (job.status, job.last.sequence, len(job.history)) == ("running", 9, 2)


def test_a_service_that_leaves_after_the_last_event_does_not_spoil_the_answer(server, make) -> None:
    server.play(make.ok(make.job()), make.sse((1, "completed", make.job("completed"))), "cut")
    with Burnish(server.url, max_retries=QUICK) as client:
        assert client.get("job_1").wait().status == "completed"
