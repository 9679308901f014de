"""Services on real ports, one per module and store."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.redis_library import RedisLibrary
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore

from .harness import Parts, Service, in_memory, serving


@pytest.fixture(scope="module")
def memory_service() -> Iterator[Service]:
    """A service that keeps its jobs in memory, shared by the tests of a module."""
    with serving(in_memory()) as service:
        yield service


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    folder: Path = tmp_path_factory.mktemp("valkey")
    with EmbeddedValkey(folder, appendfsync="always") as server:
        yield server


@pytest.fixture(scope="module")
def valkey_service(valkey: EmbeddedValkey) -> Iterator[Service]:
    """As in production: front and runner each with their own connection to a real server."""
    link = RedisLink(valkey.url)
    parts = Parts(
        lambda: RedisStore(RedisLink(valkey.url, retries=3)),
        lambda: RedisStore(link),
        library=lambda: RedisLibrary(link),
    )
    with serving(parts) as service:
        yield service


@pytest.fixture(scope="module", params=["memory", "valkey"])
def service(request: pytest.FixtureRequest) -> Service:
    """Each store in turn."""
    return request.getfixturevalue(f"{request.param}_service")


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    """Starts services with settings of the test's own; they end with the test."""
    with contextlib.ExitStack() as stack:

        def start(parts: Parts | None = None, **settings: Any) -> Service:
            return stack.enter_context(serving(parts or in_memory(**settings)))

        yield start
