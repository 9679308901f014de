"""The service in this process, on a real port: uvicorn in a thread with an event loop of its own.

Streams are tested on a real port because in-process transports buffer and so prove nothing about streaming.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import uvicorn

from burnish_service.context import Context, Pool
from burnish_service.main import create_app
from burnish_service.settings import Settings
from burnish_workers.core.registry import Registry, registry
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.dispatcher import Terms
from burnish_workers.engine.fleet import Fleet, InlineFleet, numeric_class_here
from burnish_workers.engine.library import Library
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.memory_tenancy import MemoryTenancy
from burnish_workers.engine.storage import Storage
from burnish_workers.engine.store import Store
from burnish_workers.engine.tenancy import Tenancy
from burnish_workers.testing import resolved_correlated

SHORT = {"heartbeat": 0.2, "max_body": 200_000}
"""Settings under which a test sees in a fraction of a second what takes minutes in production."""


QUICK: dict[str, Any] = {"kind": "correlated", "budget": {"units": 256}, "seed": 1}
"""A job of some hundredths of a second."""

PATIENCE = 60.0
"""Seconds: heartbeats would keep a stream that never ends alive for ever."""


def blocks_of(blocks: int, nap: float = 0.0, **more: Any) -> dict[str, Any]:
    """A job of so many blocks of about `nap` seconds each, with looks after 2, 4, 8, ... of them."""
    return resolved_correlated(blocks, nap=nap, **{"numeric_class": numeric_class_here("cpu"), **more})


def stranded() -> dict[str, Any]:
    """A job that waits until it is cancelled: no worker is of its numeric class."""
    return blocks_of(8, numeric_class="none")


@dataclass
class Service:
    """One running service. `lacking`: what the pool says of itself, to be set by tests of readiness."""

    url: str
    client: httpx2.Client
    lacking: str | None = None
    stop: Callable[[], None] = lambda: None

    def post(self, spec: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
        return self.client.post("/v1/jobs", json=spec, headers=headers)

    def create(self, spec: Any, **headers: str) -> dict[str, Any]:
        """A job that must be accepted."""
        reply = self.post(spec, {name.replace("_", "-"): value for name, value in headers.items()})
        assert reply.status_code == 202, reply.text
        return reply.json()

    def get(self, job: str) -> dict[str, Any]:
        return self.client.get(f"/v1/jobs/{job}").json()

    def finished(self, job: str) -> dict[str, Any]:
        """The job at its end, reached by reading its stream."""
        with self.stream(f"/v1/jobs/{job}/events") as reply:
            for _ in messages(reply):
                pass
        return self.get(job)

    def run(self, spec: Any) -> dict[str, Any]:
        """Create a job and see it to its end."""
        return self.finished(self.create(spec)["id"])

    def events(self, job: str, **params: Any) -> list[dict[str, Any]]:
        reply = self.client.get(f"/v1/jobs/{job}/events", params={"limit": 1000, **params})
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    def jobs(self) -> list[str]:
        """The ids of all jobs in the store (of the first page)."""
        return [job["id"] for job in self.client.get("/v1/jobs", params={"limit": 200}).json()["data"]]

    def stream(self, path: str, after: int | None = None, **options: Any) -> contextlib.AbstractContextManager[Any]:
        headers = {"Accept": "text/event-stream", **({} if after is None else {"Last-Event-ID": str(after)})}
        return self.client.stream("GET", path, headers=headers, timeout=30, **options)


@dataclass
class Parts:
    """What a service is made of. `front` and `runner` are called in the service's loop and may share a store;
    `registry` is what the front knows and `installed` what the runner does.
    """

    front: Callable[[], Store]
    runner: Callable[[], Store]
    library: Callable[[], Library] = MemoryLibrary
    tenancy: Callable[[], Tenancy] = MemoryTenancy
    fleet: Callable[[], Fleet] = lambda: InlineFleet(2)
    registry: Callable[[], Registry] = registry
    installed: Callable[[], Registry] = registry
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    terms: Terms = field(default_factory=lambda: Terms(lease=2.0, poll=0.05))


def in_memory(**settings: Any) -> Parts:
    """Front and runner in one process, on one store."""
    store = MemoryStore()
    return Parts(lambda: store, lambda: store, settings=settings)


async def _serve(parts: Parts, service: Service, server: uvicorn.Server, listener: socket.socket) -> None:
    """Front and dispatcher until the server is told to stop; leaves nothing behind."""
    fleet, runner = parts.fleet(), parts.runner()
    clock = SystemClock()
    storage = Storage(runner, parts.library(), MemoryArtifacts(), MemoryCoordination(), parts.tenancy())
    task = asyncio.create_task(storage.dispatcher(parts.installed(), fleet, clock, parts.terms).run())

    async def pool() -> Pool:
        devices = fleet.devices if isinstance(fleet, InlineFleet) else ()
        return Pool(fleet.workers, fleet.workers, service.lacking, devices)

    async def connect() -> Context:
        app = replace(storage, store=parts.front()).app(parts.registry(), clock)
        settings = Settings(**{**SHORT, **parts.settings})
        return Context(app, settings, clock, pool, storage.coordination, storage.tenancy)

    server.config.app = create_app(connect)
    try:
        await server.serve([listener])
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for left in asyncio.all_tasks() - {asyncio.current_task()}:
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
        await runner.close()
        await fleet.close()


@contextlib.contextmanager
def serving(parts: Parts) -> Iterator[Service]:
    """A running service; on leaving, its threads and sockets are gone."""
    numeric_class_here("cpu")  # imports torch, which two threads must not do at once
    # With its protocol named, or asyncio leaves Nagle's algorithm on: 40 ms for every answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config("", log_config=None, log_level="critical", lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    ended: Future[None] = Future()
    with httpx2.Client(base_url=url, timeout=30) as client:
        service = Service(url, client)

        def work() -> None:
            try:
                ended.set_result(asyncio.run(_serve(parts, service, server, listener)))
            except BaseException as error:
                ended.set_exception(error)

        before = set(threading.enumerate())
        thread = threading.Thread(target=work, name="service")

        def stop() -> None:
            server.should_exit = True
            thread.join(30)

        service.stop = stop
        thread.start()
        try:
            while not server.started:
                if ended.done():
                    ended.result()
                    raise RuntimeError("the service ended before it began")
                threading.Event().wait(0.005)
            yield service
        finally:
            client.close()
            stop()
            listener.close()
        ended.result(0)
        for left in set(threading.enumerate()) - before:
            left.join(5)
        assert set(threading.enumerate()) <= before, "the service leaves threads behind"


@dataclass
class Heard:
    """One message of a stream: an event, or a comment (`type` is then empty)."""

    id: int | None
    type: str
    data: Any


def messages(reply: httpx2.Response) -> Iterator[Heard]:
    """The messages of a stream of server-sent events, as they arrive."""
    fields: dict[str, str] = {}
    deadline = time.monotonic() + PATIENCE
    for line in reply.iter_lines():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the stream of {reply.request.url} does not end")
        if line:
            name, _, value = line.partition(": ")
            fields[name or "comment"] = value
        elif fields:
            number = fields.get("id")
            yield Heard(
                int(number) if number else None, fields.get("event", ""), json.loads(fields.get("data", "null"))
            )
            fields = {}


def events(reply: httpx2.Response) -> Iterator[Heard]:
    """Without comments."""
    return (heard for heard in messages(reply) if heard.id is not None)
