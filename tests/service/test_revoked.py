"""Keys that end while something is open: streams end, and services close, within seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2
import pytest

import burnish
from burnish_service.openness import MOMENT, Openness
from burnish_workers.engine.api_keys import configured, minted
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.memory_tenancy import MemoryTenancy

from .harness import QUICK, Service, blocks_of, messages, serving, stranded
from .language import ASKED, ENDLESS, NAME, tiny, until
from .test_tenants import ENTRIES, ROOT, Party, parts, problem, store_url

__all__ = ["store_url", "tiny"]

SSE = {"Accept": "text/event-stream"}
ROTATION = 120.0
"""Seconds: a stream that ends within half of them has not ended by rotation."""


@pytest.fixture(scope="module", params=["memory", "valkey"])
def closed(request: pytest.FixtureRequest) -> Iterator[Service]:
    made = parts(
        request.param, lambda: request.getfixturevalue("store_url"), "revoked:", api_keys=ENTRIES, rotation=ROTATION
    )
    with serving(made) as service:
        yield service


@pytest.fixture
def issued(closed: Service) -> tuple[Party, Party, str]:
    """An administrator, a tenant's party, and the id of its key."""
    root = Party(closed.url, ROOT.text)
    made = root.ask("POST", "/v1/keys", json={"tenant": "acme"}).json()
    return root, Party(closed.url, made["key"]), made["id"]


def heard_until_the_end(client: httpx2.Client, path: str, party: Party, revoke: object) -> tuple[list[str], float]:
    """Comments of a stream, and how long it went on after `revoke`, called at its first heartbeat."""
    said, since = list[str](), 0.0
    with client.stream("GET", path, headers={**SSE, "Authorization": f"Bearer {party.key}"}, timeout=30) as reply:
        assert reply.status_code == 200
        for line in reply.iter_lines():
            if line.startswith(":"):
                said.append(line)
                if not since:
                    assert callable(revoke)
                    revoke()
                    since = time.monotonic()
    return said, time.monotonic() - since


def test_an_idle_stream_ends_with_its_key(closed: Service, issued: tuple[Party, Party, str]) -> None:
    root, acme, key = issued
    job = acme.job(stranded())
    path = job["links"]["events"]
    said, took = heard_until_the_end(closed.client, path, acme, lambda: root.ask("DELETE", f"/v1/keys/{key}"))
    assert said[-1] == ": this key opens nothing any more"
    assert took < 30
    problem(acme.get(path, headers=SSE), 401, "revoked")  # what a reader meets who comes back


def test_a_busy_stream_ends_with_its_key(closed: Service, issued: tuple[Party, Party, str]) -> None:
    """No heartbeats there: events come faster."""
    root, acme, key = issued
    job = acme.job(blocks_of(2_000, nap=0.01))
    began, last = 0.0, ""
    with closed.client.stream(
        "GET", job["links"]["events"], headers={**SSE, "Authorization": f"Bearer {acme.key}"}, timeout=30
    ) as reply:
        for heard in messages(reply):
            last = heard.type
            if heard.id is not None and not began:
                root.ask("DELETE", f"/v1/keys/{key}")
                began = time.monotonic()
    assert 0 < time.monotonic() - began < 30
    assert last not in ("completed", "failed", "crashed", "cancelled")


def test_the_sdk_tells_its_user(closed: Service, issued: tuple[Party, Party, str]) -> None:
    root, acme, key = issued
    with burnish.Burnish(closed.url, api_key=acme.key) as client:
        job = client.get(acme.job(stranded())["id"])
        heard = job.events()
        next(heard)
        root.ask("DELETE", f"/v1/keys/{key}")
        with pytest.raises(burnish.Unauthorised, match="revoked"):
            list(heard)


def test_others_go_on(closed: Service, issued: tuple[Party, Party, str]) -> None:
    """Of the same tenant, with another key."""
    root, acme, key = issued
    other = Party(closed.url, root.ask("POST", "/v1/keys", json={"tenant": "acme"}).json()["key"])
    job = acme.job(stranded())
    beats = 0
    with closed.client.stream(
        "GET", job["links"]["events"], headers={**SSE, "Authorization": f"Bearer {other.key}"}, timeout=30
    ) as reply:
        root.ask("DELETE", f"/v1/keys/{key}")
        for heard in messages(reply):
            beats += heard.id is None
            if beats > 5:
                break
    assert beats == 6
    assert other.ask("POST", job["links"]["cancel"]).status_code in (200, 202)


@pytest.mark.usefixtures("tiny")
def test_a_chat_ends_with_its_key(closed: Service, issued: tuple[Party, Party, str]) -> None:
    root, acme, key = issued
    body = {"model": NAME, "messages": ASKED, "stream": True, **ENDLESS}
    headers = {"Authorization": f"Bearer {acme.key}"}
    text = ""
    with closed.client.stream("POST", "/v1/chat/completions", json=body, headers=headers, timeout=40) as reply:
        assert reply.status_code == 200, reply.read()
        for line in reply.iter_lines():
            if not text:
                root.ask("DELETE", f"/v1/keys/{key}")
            text += line
        job = reply.headers["x-burnish-job"]
    assert '"code":"invalid_api_key"' in text
    other = Party(closed.url, root.ask("POST", "/v1/keys", json={"tenant": "acme"}).json()["key"])
    until(lambda: other.get(f"/v1/jobs/{job}").json()["status"] == "cancelled")  # it was its reader's alone


# --- an open service --------------------------------------------------------------------------------------------------
class Slow(SystemClock):
    """Time that stands still until it is told to go on."""

    at = 100.0

    def monotonic(self) -> float:
        return self.at


class Counting(MemoryTenancy):
    asked = 0

    async def count(self) -> int:
        self.asked += 1
        return await super().count()


async def test_an_open_service_asks_once_a_moment_and_a_closed_one_never_again() -> None:
    tenancy, clock = Counting(), Slow()
    openness = Openness(tenancy, clock)
    assert [await openness.has_keys() for _ in range(50)] == [False] * 50
    assert tenancy.asked == 1
    await tenancy.swap(None, configured(ENTRIES)[0])
    assert not await openness.has_keys()
    assert await openness.has_keys(now=True)
    other = Openness(tenancy, clock)
    assert await other.has_keys()
    asked = tenancy.asked
    assert [await other.has_keys() for _ in range(50)] == [True] * 50
    assert tenancy.asked == asked


async def test_another_front_closes_within_a_moment() -> None:
    tenancy, clock = Counting(), Slow()
    openness = Openness(tenancy, clock)
    assert not await openness.has_keys()
    await tenancy.swap(None, configured(ENTRIES)[0])
    clock.at += MOMENT * 0.99
    assert not await openness.has_keys()
    clock.at += MOMENT * 0.02
    assert await openness.has_keys()


async def test_what_a_slow_store_said_is_as_old_as_the_question() -> None:
    class Late(MemoryTenancy):
        async def count(self) -> int:
            found = await super().count()
            await self.swap(None, configured(f"acme={minted().text}")[0])  # made while the answer was under way
            clock.at += 5 * MOMENT
            return found

    clock = Slow()
    openness = Openness(Late(), clock)
    assert not await openness.has_keys()
    assert await openness.has_keys()


def test_two_fronts_on_one_store(store_url: str) -> None:
    """The first key is made at one; the other refuses at once to make more, and within a moment everything else."""
    one, two = (parts("valkey", lambda: store_url, "fronts:") for _ in range(2))
    with serving(one) as first, serving(two) as second:
        assert second.client.get("/v1/jobs").status_code == 200
        first.client.post("/v1/keys", json={"tenant": "default", "scopes": ["admin", "read"]}).raise_for_status()
        made = time.monotonic()
        problem(first.client.get("/v1/jobs"), 401)
        problem(second.client.post("/v1/keys", json={"tenant": "default", "scopes": ["admin"]}), 401)
        while second.client.get("/v1/jobs").status_code == 200:
            assert time.monotonic() < made + MOMENT + 2
            time.sleep(0.05)
        problem(second.client.post("/v1/jobs", json=QUICK), 401)


def test_a_stream_of_nobody_ends_when_the_service_closes(store_url: str) -> None:
    with serving(parts("valkey", lambda: store_url, "nobody:", rotation=ROTATION)) as service:
        job = service.create(stranded())
        began = 0.0
        with service.stream(job["links"]["events"]) as reply:
            for heard in messages(reply):
                if heard.id is None and not began:
                    body = {"tenant": "default", "scopes": ["admin", "submit"]}
                    service.client.post("/v1/keys", json=body).raise_for_status()
                    began = time.monotonic()
        assert 0 < time.monotonic() - began < 30
