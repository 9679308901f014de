"""Whoever leaves, at whatever moment, leaves no job running: the task of a request is cancelled later and later,
as Ray Serve does it when a reader has gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI

from burnish_service.context import Context, Pool
from burnish_service.main import create_app
from burnish_service.settings import Settings
from burnish_workers.core.registry import registry
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.records import JobRecord
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.storage import Storage

from .language import ASKED, ENDLESS, NAME, tiny

__all__ = ["tiny"]

CHAT = {"model": NAME, "messages": ASKED, **ENDLESS}
RESPONSE = {"model": NAME, "input": "ab", **ENDLESS}
MOMENTS = [0.0005 * k for k in (*range(24), *range(24, 120, 3))]
"""Seconds: a job is made within some milliseconds."""


@pytest.fixture
async def app(valkey: EmbeddedValkey) -> AsyncIterator[FastAPI]:
    """A front on a real store, without a runner: its jobs stay as they are left."""
    store, clock = RedisStore(RedisLink(valkey.url, retries=3)), SystemClock()
    storage = Storage(store, MemoryLibrary(), MemoryArtifacts(), MemoryCoordination())

    async def pool() -> Pool:
        return Pool(1, 1)

    async def connect() -> Context:
        return Context(storage.app(registry(), clock), Settings(), clock, pool, storage.coordination)

    app = create_app(connect)
    async with app.router.lifespan_context(app):
        yield app


async def jobs(app: FastAPI) -> list[JobRecord]:
    context: Context = app.state.context
    page = await context.app.store.list(limit=1_000, after=None, status=None, kind=None, canaries=False)
    return page.records


async def asked(app: FastAPI, path: str, body: dict[str, Any]) -> None:
    """One request whose reader says nothing more and takes whatever comes."""
    messages = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]
    waits: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> Any:
        return messages.pop() if messages else await waits

    async def send(message: Any) -> None:
        await asyncio.sleep(0)

    await app(scope, receive, send)


async def left_after(app: FastAPI, seconds: float, path: str, body: dict[str, Any]) -> None:
    task = asyncio.create_task(asked(app, path, body))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body"), [("/v1/chat/completions", CHAT), ("/v1/responses", RESPONSE)])
async def test_no_moment_to_leave_keeps_a_job_running(
    app: FastAPI, path: str, body: dict[str, Any], stream: bool
) -> None:
    before = {record.id for record in await jobs(app)}
    for seconds in MOMENTS:
        await left_after(app, seconds, path, {**body, "stream": stream})
    assert len([record for record in await jobs(app) if record.id not in before]) > 10
    for _ in range(200):  # what is on its way arrives
        await asyncio.sleep(0.1)
        kept = [record.id for record in await jobs(app) if record.id not in before and not record.cancel_requested]
        if not kept:
            break
    assert kept == []
