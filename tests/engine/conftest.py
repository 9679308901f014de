"""A real Valkey for the tests of the engine, started once and emptied before each test that uses it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from burnish.wire import Budget, Estimate, Refinement, Spent
from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.records import Emission, JobRecord, NewEvent
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.store import Store

SPEC = {
    "kind": "surrogate",
    "problem": {"dim": 2, "horizon": 0.3, "diffusion": "sqrt(2)", "terminal": "sum(x**2)"},
    "points": [{"t": 0.0, "x": 0.5}],
    "budget": {"units": 1000},
}


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    folder: Path = tmp_path_factory.mktemp("valkey")
    # `always`: a durable write then waits for one fsync, and not for the next second's.
    with EmbeddedValkey(folder, appendfsync="always") as server:
        yield server


@pytest.fixture
def valkey_url(valkey: EmbeddedValkey) -> str:
    """The URL of an empty server."""
    with socket.create_connection(("127.0.0.1", int(valkey.url.rsplit(":", 1)[1].split("/")[0]))) as connection:
        password = valkey.url.split("@")[0].rsplit(":", 1)[1]
        connection.sendall(f"AUTH {password}\r\nFLUSHALL\r\n".encode())
        answer = b""
        while answer.count(b"+OK") < 2:
            answer += connection.recv(64)
    return valkey.url


@pytest.fixture
async def redis_store(valkey_url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore(RedisLink(valkey_url, retries=3))
    yield store
    await store.close()


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Each implementation of the port in turn."""
    if request.param == "memory":
        yield MemoryStore()
        return
    store = RedisStore(RedisLink(request.getfixturevalue("valkey_url"), retries=3))
    yield store
    await store.close()


@pytest.fixture
def record() -> Callable[..., JobRecord]:
    """Makes queued jobs; `record(7)` is younger than `record(6)`."""

    def make(number: int = 1, **changes: object) -> JobRecord:
        made = JobRecord(
            id=f"job_{number:06}",
            kind="surrogate",
            spec=SPEC,
            budget=Budget(units=1000),
            created_at="2026-01-01T00:00:00.000Z",
        )
        return made.with_changes(changes)

    return make


@pytest.fixture
def claimed() -> Callable[..., Awaitable[JobRecord]]:
    """Stores a job and takes it under epoch 1."""

    async def claim(store: Store, record: JobRecord, lease: float = 60.0) -> JobRecord:
        await store.create(record)
        (held,) = await store.claim(lease, 1, frozenset())
        assert (held.id, held.epoch) == (record.id, 1)
        return held

    return claim


@pytest.fixture
def refined() -> Callable[..., Emission]:
    """Makes emissions that refine the answer after so many blocks."""

    def refine(blocks: int, **changes: object) -> Emission:
        refinement = Refinement(
            blocks=blocks,
            replicates=8 * blocks,
            estimate=Estimate(value=[0.1 * blocks, None], standard_error=[1e-3, None]),
            digest=f"sha256:{blocks}",
            spent=Spent(units=blocks),
        )
        event = NewEvent("refinement", refinement.model_dump(mode="json"))
        return Emission((event,), {"last_refinement": refinement, **changes})

    return refine
