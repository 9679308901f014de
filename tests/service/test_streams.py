"""Streams of events on a real port: incremental, numbered without gaps, resumable, rotated."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from burnish.wire import Event
from burnish_service.context import Context, Pool
from burnish_service.lines import Lines
from burnish_service.settings import Settings
from burnish_service.streams import HEARTBEAT, job_stream
from burnish_workers.core.registry import registry
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.storage import Storage

from .bad_specs import GOOD
from .harness import QUICK, Service, blocks_of, events, messages, stranded

TERMINAL = {"completed", "failed", "crashed", "cancelled"}
SSE = {"Accept": "text/event-stream"}


def slow(blocks: int = 64, nap: float = 0.02) -> dict[str, Any]:
    """A job of about a second, with looks after 2, 4, 8, ... blocks."""
    return blocks_of(blocks, nap)


def test_events_arrive_as_they_happen(service: Service) -> None:
    job = service.create(slow(blocks=400, nap=0.05))
    with service.stream(job["links"]["events"]) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-cache"
        status = None
        for event in events(reply):
            if event.type == "refinement":
                status = service.get(job["id"])["status"]
                break
    assert status == "running", "the first refinement arrived before the job was over"
    service.client.post(job["links"]["cancel"])


def test_a_whole_stream(service: Service) -> None:
    job = service.create(slow())
    with service.stream(job["links"]["events"]) as reply:
        heard = list(events(reply))
    assert [event.id for event in heard] == list(range(1, len(heard) + 1))
    assert [event.data["status"] for event in heard if event.type == "status"] == ["queued", "running"]
    assert [event.type for event in heard if event.type in TERMINAL] == ["completed"]
    assert heard[-1].type == "completed"
    whole = {**service.get(job["id"]), "at": heard[-1].data["at"]}
    assert heard[-1].data == whole, "the terminal event carries the whole job"
    refinements = [event for event in heard if event.type == "refinement"]
    assert [event.data["sequence"] for event in refinements] == [event.id for event in refinements]
    assert {2, 4, 8, 16, 32, 64} <= {event.data["blocks"] for event in refinements}
    pages = service.events(job["id"])
    told = [(event.id, event.type, event.data["at"]) for event in heard]
    assert [(event["sequence"], event["type"], event["at"]) for event in pages] == told


def test_idle_streams_have_heartbeats(service: Service) -> None:
    job = service.create(stranded())
    with service.stream(job["links"]["events"]) as reply:
        beats = 0
        for heard in messages(reply):
            beats += heard.id is None
            if beats > 3:
                break
    service.client.post(job["links"]["cancel"])


@pytest.mark.parametrize("how", ["header", "query", "both"])
def test_resume(service: Service, how: str) -> None:
    job = service.run(slow(nap=0.002))
    whole = [event["sequence"] for event in service.events(job["id"])]
    for after in (0, 1, 3, len(whole) - 1):
        query = "" if how == "header" else f"?after={after if how == 'query' else 1}"
        with service.stream(job["links"]["events"] + query, None if how == "query" else after) as reply:
            assert [event.id for event in events(reply)] == whole[after:]


def test_every_event_once_over_connections_that_are_cut(service: Service) -> None:
    job = service.create(slow(nap=0.03))
    seen: list[int] = []
    done, cuts = False, 0
    while not done:
        assert cuts < 1000
        with service.stream(job["links"]["events"], seen[-1] if seen else None) as reply:
            for event in events(reply):
                assert event.id is not None
                seen.append(event.id)
                done = event.type in TERMINAL
                if not done and event.type == "refinement":
                    cuts += 1
                    break  # in mid-stream: the connection is closed with unread data on it
    assert seen == list(range(1, len(seen) + 1))
    assert cuts > 3


def test_a_connection_that_is_reset_harms_nobody(service: Service) -> None:
    job = service.create(slow())
    address = urlsplit(service.url)
    for _ in range(5):
        with socket.create_connection((address.hostname or "", address.port or 0)) as raw:
            request = f"GET {job['links']['events']} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"
            raw.sendall(request.encode())
            raw.recv(10)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert service.finished(job["id"])["status"] == "completed"


def test_rotation_ends_streams_cleanly_and_they_resume(serve: Callable[..., Service]) -> None:
    service = serve(rotation=0.15, heartbeat=0.1)
    job = service.create(slow(nap=0.05))
    seen: list[int] = []
    connections, done = 0, False
    while not done:
        connections += 1
        assert connections < 500
        with service.stream(job["links"]["events"], seen[-1] if seen else None) as reply:
            for event in events(reply):  # ends without an error, or this raises
                assert event.id is not None
                seen.append(event.id)
                done = event.type in TERMINAL
    assert connections > 3
    assert seen == list(range(1, len(seen) + 1))


def test_rotation_is_no_later_than_it_says(serve: Callable[..., Service]) -> None:
    service = serve(rotation=0.3, heartbeat=30)
    job = service.create(stranded())
    while service.get(job["id"])["status"] != "waiting_for_resources":
        time.sleep(0.05)
    with service.stream(job["links"]["events"]) as reply:
        assert [event.data["status"] for event in events(reply)] == ["queued", "running", "waiting_for_resources"]


def test_streams_that_began_together_do_not_end_together(serve: Callable[..., Service]) -> None:
    """Each reader comes back at once: thousands would do so in the same second."""
    service = serve(rotation=2.0, heartbeat=30)
    job = service.create(stranded())

    def held(_: int) -> float:
        with service.stream(job["links"]["events"]) as reply:
            began = time.monotonic()
            list(events(reply))
        return time.monotonic() - began

    with ThreadPoolExecutor(12) as pool:
        lasted = sorted(pool.map(held, range(12)))
    assert lasted[0] > 0.9
    assert lasted[-1] - lasted[0] > 0.2


def test_what_is_kept_of_events_is_bounded_by_bytes() -> None:
    lines = Lines(most=10_000)
    for number in range(1, 200):
        event = Event(sequence=number, type="progress", at="2026-01-01T00:00:00Z", data={"x": "y" * 900})
        assert lines.of("job_1", event) is lines.of("job_1", event)
    assert 5_000 < sum(map(len, lines._made.values())) == lines._size <= 10_000


def test_nothing_more_comes_after_the_end(service: Service) -> None:
    job = service.run(QUICK)
    last = len(service.events(job["id"]))
    for after in (last, last + 1, 10**14):
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        reply = service.client.get(job["links"]["events"], headers=headers)
        assert (reply.status_code, reply.content) == (204, b"")


def test_a_stream_goes_on_through_an_extension(service: Service) -> None:
    job = service.run(GOOD)
    last = len(service.events(job["id"]))
    service.client.post(job["links"]["budget"], json={"units": 4000})
    with service.stream(job["links"]["events"]) as reply:
        heard = list(events(reply))
    assert [event.id for event in heard] == list(range(1, len(heard) + 1))
    assert [event.type for event in heard].count("completed") == 2
    first = heard[last - 1]
    assert (first.type, first.data["status"], first.data["stopped_by"]) == ("completed", "completed", "units")


def test_refinements_only(service: Service) -> None:
    job = service.create(slow())
    with service.stream(job["links"]["refinements"]) as reply:
        heard = list(events(reply))
    assert {event.type for event in heard[:-1]} == {"refinement"}
    assert heard[-1].type == "completed"
    page = service.client.get(job["links"]["refinements"], params={"limit": 1000}).json()
    assert [event["sequence"] for event in page["data"]] == [event.id for event in heard[:-1]]


@pytest.mark.parametrize("what", ["events", "refinements"])
def test_pages(service: Service, what: str) -> None:
    job = service.run(slow(nap=0.001))
    whole = service.client.get(job["links"][what], params={"limit": 1000}).json()
    assert (whole["has_more"], whole["next"]) == (False, None)
    pages: list[dict[str, Any]] = []
    after = 0
    while True:
        page = service.client.get(job["links"][what], params={"limit": 2, "after": after}).json()
        pages += page["data"]
        if not page["has_more"]:
            break
        assert page["next"] == page["data"][-1]["sequence"]
        after = page["next"]
    assert pages == whole["data"]
    assert all(event["at"] for event in pages)


def test_last_event_id_on_pages(service: Service) -> None:
    job = service.run(QUICK)
    page = service.client.get(job["links"]["events"], headers={"Last-Event-ID": "2"}).json()
    assert page["data"][0]["sequence"] == 3


def test_many_readers_of_one_job(service: Service) -> None:
    job = service.create(slow())
    with httpx2.Client(base_url=service.url, timeout=30) as client, contextlib.ExitStack() as stack:
        readers = [client.stream("GET", job["links"]["events"], headers=SSE) for _ in range(10)]
        replies = [stack.enter_context(reader) for reader in readers]
        heard = [[event.id for event in events(reply)] for reply in replies]
    assert all(ids == heard[0] for ids in heard)
    assert heard[0] == list(range(1, len(heard[0]) + 1))


def test_the_service_ends_while_somebody_reads(serve: Callable[..., Service]) -> None:
    service = serve()
    job = service.create(stranded())
    with service.stream(job["links"]["events"]) as reply:
        assert next(events(reply)).id == 1
        service.stop()


async def test_heartbeats_go_on_while_the_store_is_slow(tmp_path: Path) -> None:
    """A store that stands still for some seconds is no reason for thousands of readers to connect anew."""
    with EmbeddedValkey(tmp_path) as valkey:
        link = RedisLink(valkey.url, retries=3)
        storage = Storage(RedisStore(link), MemoryLibrary(), MemoryArtifacts(), MemoryCoordination())
        app = storage.app(registry(), SystemClock())

        async def pool() -> Pool:
            return Pool(1, 1)

        context = Context(app, Settings(heartbeat=0.2), SystemClock(), pool, storage.coordination)
        job = (await app.create(json.dumps(GOOD).encode())).job.id
        stream = job_stream(context, job, 0)
        assert [await anext(stream) for _ in range(3)][2] == HEARTBEAT
        assert valkey.pid is not None
        os.kill(valkey.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(4):  # its connections give up after 5 s
                assert {await anext(stream) for _ in range(4)} == {HEARTBEAT}
        finally:
            os.kill(valkey.pid, signal.SIGCONT)
        await stream.aclose()
        await link.close()
