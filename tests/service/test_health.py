"""Liveness and readiness, with a store that goes away and comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore

from .bad_specs import GOOD
from .harness import Parts, Service, events


def test_a_healthy_service(service: Service) -> None:
    assert service.client.get("/healthz").json() == {"status": "ok"}
    reply = service.client.get("/readyz")
    assert (reply.status_code, reply.json()) == (200, {"status": "ready"})


def test_a_pool_without_workers_is_not_ready(serve: Callable[..., Service]) -> None:
    service = serve()
    service.lacking = "the workers are starting"
    reply = service.client.get("/readyz")
    assert reply.status_code == 503
    assert reply.headers["content-type"] == "application/problem+json"
    assert int(reply.headers["retry-after"]) > 0
    assert reply.json()["detail"] == "pool: the workers are starting"
    assert service.client.get("/healthz").status_code == 200


@pytest.fixture
def mortal(tmp_path: Path, serve: Callable[..., Service]) -> tuple[Service, EmbeddedValkey]:
    """A service of its own on a store of its own, which it may lose."""
    store = EmbeddedValkey(tmp_path / "store", appendfsync="always").start()
    return serve(
        Parts(lambda: RedisStore(RedisLink(store.url, retries=1)), lambda: RedisStore(RedisLink(store.url, retries=30)))
    ), store


def test_a_store_that_goes_away_and_comes_back(mortal: tuple[Service, EmbeddedValkey]) -> None:
    service, store = mortal
    try:
        job = service.run(GOOD)
        with service.stream(service.create({**GOOD, "budget": {"seconds": 30}})["links"]["events"]) as reply:
            heard = events(reply)
            assert next(heard).id == 1
            store.stop()
            assert all(event.type != "completed" for event in heard), "ends cleanly: the reader will come back"
        for method, path in [("GET", "/readyz"), ("GET", "/v1/jobs"), ("GET", job["links"]["self"])]:
            reply = service.client.request(method, path)
            assert reply.status_code == 503, path
            assert reply.headers["content-type"] == "application/problem+json"
            assert int(reply.headers["retry-after"]) > 0
        refused = service.post(GOOD)
        assert refused.status_code == 503
        assert "nothing was accepted" in refused.json()["detail"]
        assert service.client.get("/healthz").status_code == 200
        assert service.client.get("/v1/catalogue").status_code == 200
        store.start()
        assert service.client.get("/readyz").status_code == 200
        assert service.get(job["id"]) == job
        assert service.run(GOOD)["status"] == "completed"
    finally:
        store.stop()
