"""API keys, tenants and quotas, on each store: who is let in, what they see, how much they may have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import numpy as np
import pytest

from burnish_workers.engine.api_keys import configured, digest_of, minted, opens, taken_apart
from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.redis_library import RedisLibrary
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.redis_tenancy import RedisTenancy

from .harness import QUICK, Parts, Service, in_memory, serving, stranded
from .test_files import digest, npy

ROOT = minted()
TENANTS = ("acme", "globex")
USERS = {name: minted() for name in TENANTS}
READER = minted()
ENTRIES = ",".join(
    [
        f"ops:admin+read={ROOT.text}",
        *(f"{name}={key.text}" for name, key in USERS.items()),
        f"acme:read={READER.text}",
    ]
)


@dataclass
class Party:
    """Somebody with a key."""

    url: str
    key: str

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        with httpx2.Client(base_url=self.url, timeout=30) as client:
            return client.request(method, path, headers=headers, **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.ask("GET", path, **more)

    def job(self, spec: Any, **more: Any) -> dict[str, Any]:
        reply = self.ask("POST", "/v1/jobs", json=spec, **more)
        assert reply.status_code == 202, reply.text
        return reply.json()

    def listed(self, path: str) -> list[str]:
        return [item["id"] for item in self.get(path, params={"limit": 200}).json()["data"]]


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedValkey(tmp_path_factory.mktemp("tenants"), appendfsync="always") as server:
        yield server.url


def parts(kind: str, url: Callable[[], str], prefix: str = "burnish:", **settings: Any) -> Parts:
    if kind == "memory":
        return in_memory(**settings)
    link = RedisLink(url(), prefix)
    return Parts(
        lambda: RedisStore(RedisLink(url(), prefix, retries=3)),
        lambda: RedisStore(link),
        library=lambda: RedisLibrary(link),
        tenancy=lambda: RedisTenancy(link),
        settings=settings,
    )


@pytest.fixture(scope="module", params=["memory", "valkey"])
def closed(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service with keys."""
    with serving(parts(request.param, lambda: request.getfixturevalue("store_url"), api_keys=ENTRIES)) as service:
        yield service


@pytest.fixture
def root(closed: Service) -> Party:
    return Party(closed.url, ROOT.text)


@pytest.fixture
def acme(closed: Service) -> Party:
    return Party(closed.url, USERS["acme"].text)


@pytest.fixture
def globex(closed: Service) -> Party:
    return Party(closed.url, USERS["globex"].text)


def problem(reply: httpx2.Response, status: int, says: str = "") -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert says in reply.text
    return reply.json()


# --- keys -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "key",
    ["", "nonsense", minted().text, f"bk_{ROOT.id}_{minted().text[20:]}"],
    ids=["none", "nonsense", "unknown", "another's secret"],
)
def test_without_a_good_key_nobody_is_let_in(closed: Service, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for method, path in [("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/metrics"), ("GET", "/v1/keys")]:
        reply = closed.client.request(method, path, headers=headers, json={} if method == "POST" else None)
        problem(reply, 401, "key")
        assert reply.headers["www-authenticate"].startswith('Bearer realm="burnish"')
        assert ("invalid_token" in reply.headers["www-authenticate"]) == bool(key)
        assert not key or key not in reply.text


def test_every_route_but_health_and_the_contract_needs_a_key(closed: Service) -> None:
    document = closed.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method in operations:
            reply = closed.client.request(method.upper(), path.replace("{", "").replace("}", ""))
            assert (reply.status_code == 401) == (path not in ("/healthz", "/readyz")), (method, path, reply.text)


def test_openai_clients_are_refused_in_their_shape(closed: Service) -> None:
    for path in ("/v1/chat/completions", "/v1/responses", "/openai/v1/chat/completions", "/openai/v1/responses"):
        reply = closed.client.post(path, json={}, headers={"Authorization": "Bearer sk-123"})
        assert reply.status_code == 401
        assert reply.json()["error"]["code"] == "invalid_api_key"
        assert reply.headers["www-authenticate"].startswith("Bearer")


def test_scopes(closed: Service, root: Party, acme: Party) -> None:
    reader = Party(closed.url, READER.text)
    assert reader.get("/v1/jobs").status_code == 200
    reply = reader.ask("POST", "/v1/jobs", json=QUICK)
    problem(reply, 403, "'submit'")
    assert 'error="insufficient_scope", scope="submit"' in reply.headers["www-authenticate"]
    problem(acme.get("/v1/keys"), 403, "'admin'")
    problem(acme.ask("PUT", "/v1/quotas/acme", json={}), 403, "'admin'")
    problem(root.ask("POST", "/v1/jobs", json=QUICK), 403, "'submit'")


def test_a_key_made_rotated_and_revoked(closed: Service, root: Party) -> None:
    made = root.ask("POST", "/v1/keys", json={"tenant": "initech", "name": "laptop"})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    issued = made.json()
    first = Party(closed.url, issued["key"])
    assert first.get("/v1/jobs").status_code == 200
    turned = root.ask("POST", f"/v1/keys/{issued['id']}/rotate", json={"overlap": 3600}).json()
    second = Party(closed.url, turned["key"])
    assert first.get("/v1/jobs").status_code == second.get("/v1/jobs").status_code == 200
    third = Party(closed.url, root.ask("POST", f"/v1/keys/{issued['id']}/rotate", json={"overlap": 0}).json()["key"])
    assert [party.get("/v1/jobs").status_code for party in (first, second, third)] == [401, 401, 200]
    assert root.ask("DELETE", f"/v1/keys/{issued['id']}").status_code == 204
    assert root.ask("DELETE", f"/v1/keys/{issued['id']}").status_code == 204
    assert third.get("/v1/jobs").status_code == 401
    problem(root.ask("POST", f"/v1/keys/{issued['id']}/rotate", json={}), 409, "revoked")
    listed = root.get("/v1/keys").json()["data"]
    (kept,) = [key for key in listed if key["id"] == issued["id"]]
    assert kept["revoked_at"]
    assert kept["scopes"] == ["submit", "read"]
    assert {key["source"] for key in listed} == {"store", "settings"}
    assert not any(secret in root.get("/v1/keys").text for secret in (issued["key"], digest_of(issued["key"][20:])))


def test_wrong_asks_for_keys(root: Party) -> None:
    problem(root.ask("POST", "/v1/keys", json={"tenant": "Not A Name"}), 422, "/tenant")
    problem(root.ask("POST", "/v1/keys", json={"tenant": "a", "scopes": ["root"]}), 422, "/scopes")
    problem(root.ask("POST", "/v1/keys", json={"tenant": "a", "day": 3}), 422, "days")
    problem(root.get("/v1/keys/0123"), 404, "there is no key")
    problem(root.ask("DELETE", f"/v1/keys/{ROOT.id}"), 409, "BURNISH_API_KEYS")


def test_a_key_expires() -> None:
    key = minted()
    stored = configured(f"acme={key.text}")[0].with_changes(expires_at="2026-01-02T00:00:00Z")
    parts = taken_apart(key.text)
    assert parts is not None
    assert opens(stored, parts[1], "2026-01-01T23:59:59.999Z")
    assert not opens(stored, parts[1], "2026-01-02T00:00:00.000Z")


# --- tenants ----------------------------------------------------------------------------------------------------------
def test_another_tenants_job_does_not_exist(acme: Party, globex: Party) -> None:
    job = acme.job(QUICK, headers={"Prefer": "wait=20"})
    assert job["status"] == "completed"
    path = f"/v1/jobs/{job['id']}"
    mine = ["", "/events", "/refinements", "/ledger"]
    for end in mine:
        assert acme.get(path + end).status_code == 200
        problem(globex.get(path + end), 404)
    problem(globex.get(f"{path}/artifacts/samples.npz"), 404, "there is no job")
    problem(globex.get(f"{path}/observations"), 404)
    problem(globex.ask("POST", f"{path}/budget", json={"units": 9}), 404)
    problem(globex.ask("POST", f"{path}/verify", json={}), 404)
    for end in ("/cancel", "/resume"):
        problem(globex.ask("POST", path + end), 404)
    stream = {"Accept": "text/event-stream"}
    problem(globex.get(f"{path}/events", headers=stream), 404)
    problem(globex.ask("DELETE", path), 404)
    assert globex.get(f"/v1/responses/{job['id'].replace('job_', 'resp_')}").status_code == 404
    assert job["id"] in acme.listed("/v1/jobs")
    assert job["id"] not in globex.listed("/v1/jobs")
    assert acme.ask("POST", f"{path}/verify", json={}).json()["reproduced"] > 0
    assert acme.ask("DELETE", path).status_code == 204


def test_an_administrator_sees_sums_but_no_jobs_of_others(root: Party, acme: Party, globex: Party) -> None:
    job = acme.job(QUICK, headers={"Prefer": "wait=20"})
    problem(root.get(f"/v1/jobs/{job['id']}"), 404)
    assert root.listed("/v1/jobs") == []
    spent = [party.get("/v1/usage").json()["total"] for party in (root, acme, globex)]
    assert spent[0]["units"] >= spent[1]["units"] >= 256
    assert spent[2]["units"] < spent[0]["units"]


def test_only_ones_own_jobs_are_in_the_view_of_the_cluster(root: Party, acme: Party, globex: Party) -> None:
    job = acme.job(stranded())["id"]

    def seen(party: Party) -> bool:
        return job in [live["id"] for live in party.get("/v1/cluster").json()["jobs"]]

    for _ in range(100):
        if seen(acme):
            break
        acme.get(f"/v1/jobs/{job}/events")
    assert seen(acme)
    assert seen(root)
    assert not seen(globex)
    acme.ask("POST", f"/v1/jobs/{job}/cancel")


def test_idempotency_keys_are_each_tenants_own(acme: Party, globex: Party) -> None:
    once = {"Idempotency-Key": "the-same"}
    jobs = {party.job(QUICK, headers=once)["id"] for party in (acme, globex, acme, globex)}
    assert len(jobs) == 2
    assert globex.ask("POST", "/v1/jobs", json={**QUICK, "seed": 2}, headers=once).status_code == 422


def test_uploads_are_each_tenants_own(acme: Party, globex: Party) -> None:
    data = npy(np.full((3, 2), 0.25))
    path = f"/v1/arrays/{digest(data)}"
    spec = {
        "kind": "surrogate",
        "problem": {"dim": 2, "horizon": 0.3, "diffusion": "sqrt(2)", "terminal": "sum(x**2)"},
        "points": {"array": digest(data)},
        "budget": {"units": 2_000},
    }
    assert acme.ask("PUT", path, content=data).status_code == 201
    problem(globex.get(path), 404)
    assert globex.listed("/v1/arrays") == []
    problem(globex.ask("POST", "/v1/jobs", json=spec), 422, "no array")
    problem(globex.ask("DELETE", path), 404)
    assert globex.ask("PUT", path, content=data).status_code == 201  # it has shown that it has them
    job = acme.job(spec, headers={"Prefer": "wait=30"})
    assert job["status"] == "completed"
    problem(acme.ask("DELETE", path), 409, job["id"])
    assert globex.ask("DELETE", path).status_code == 204
    problem(globex.get(path), 404)
    assert acme.get(path).status_code == 200
    assert acme.ask("DELETE", f"/v1/jobs/{job['id']}").status_code == 204
    assert acme.ask("DELETE", path).status_code == 204
    problem(acme.get(path), 404)
    assert acme.get("/v1/quotas").json()["bytes"] == 0


# --- quotas -----------------------------------------------------------------------------------------------------------
def test_live_jobs(root: Party, globex: Party) -> None:
    assert root.ask("PUT", "/v1/quotas/globex", json={"jobs": 2}).json()["limits"]["jobs"] == 2
    try:
        reply = globex.ask("POST", "/v1/jobs", json=stranded())
        assert reply.headers["ratelimit-policy"] == '"jobs";q=2;qu="concurrent-requests"'
        assert reply.headers["ratelimit"] == '"jobs";r=1'
        jobs = [reply.json()["id"], globex.job(stranded())["id"]]
        full = globex.ask("POST", "/v1/jobs", json=stranded())
        problem(full, 429, "2; wait until one ends")
        assert full.headers["ratelimit"] == '"jobs";r=0'
        assert int(full.headers["retry-after"]) > 0
        chat = {"model": "dyck", "messages": [{"role": "user", "content": "("}]}
        refused = globex.ask("POST", "/v1/chat/completions", json=chat)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
        for job in jobs:
            globex.ask("POST", f"/v1/jobs/{job}/cancel")
            globex.get(f"/v1/jobs/{job}/events", headers={"Accept": "text/event-stream"})
        assert globex.get("/v1/quotas").json()["jobs"] == 0
        done = globex.job(QUICK, headers={"Prefer": "wait=20"})
        more = [globex.job(stranded())["id"] for _ in range(2)]
        problem(globex.ask("POST", f"/v1/jobs/{done['id']}/budget", json={"units": 64}), 429, "live jobs")
        for job in more:
            globex.ask("POST", f"/v1/jobs/{job}/cancel")
    finally:
        assert root.ask("DELETE", "/v1/quotas/globex").status_code == 204
    assert globex.get("/v1/quotas").json()["limits"]["jobs"] is None


def test_the_same_request_again_is_no_second_job(root: Party, globex: Party) -> None:
    once = {"Idempotency-Key": "full"}
    job = globex.job(stranded(), headers=once)["id"]
    root.ask("PUT", "/v1/quotas/globex", json={"jobs": 0, "units": 0})
    try:
        assert globex.job(stranded(), headers=once)["id"] == job
        problem(globex.ask("POST", "/v1/jobs", json=stranded()), 429)
    finally:
        root.ask("DELETE", "/v1/quotas/globex")
        globex.ask("POST", f"/v1/jobs/{job}/cancel")


def test_units_of_a_day(root: Party, acme: Party) -> None:
    acme.job(QUICK, headers={"Prefer": "wait=20"})
    root.ask("PUT", "/v1/quotas/acme", json={"units": 200})
    try:
        full = acme.ask("POST", "/v1/jobs", json=QUICK)
        problem(full, 429, "units of this day")
        assert 0 < int(full.headers["retry-after"]) <= 86_400
        assert full.headers["ratelimit-policy"] == '"units";q=200;qu="burnish-units";w=86400'
        assert full.headers["ratelimit"] == f'"units";r=0;t={full.headers["retry-after"]}'
    finally:
        root.ask("DELETE", "/v1/quotas/acme")
    assert acme.ask("POST", "/v1/jobs", json=QUICK).status_code == 202


def test_bytes_of_uploads(root: Party, acme: Party) -> None:
    root.ask("PUT", "/v1/quotas/acme", json={"bytes": 300})
    try:
        small, large = npy(np.zeros((4, 2))), npy(np.ones((90, 2)))
        assert acme.ask("PUT", f"/v1/arrays/{digest(small)}", content=small).status_code == 201
        full = acme.ask("PUT", f"/v1/arrays/{digest(large)}", content=large)
        problem(full, 429, "delete some")
        assert full.headers["ratelimit"] == f'"bytes";r={300 - len(small)}'
        assert acme.listed("/v1/arrays") == [digest(small)]
        assert acme.ask("PUT", f"/v1/arrays/{digest(small)}", content=small).status_code == 201  # is there already
        assert acme.ask("DELETE", f"/v1/arrays/{digest(small)}").status_code == 204
    finally:
        root.ask("DELETE", "/v1/quotas/acme")
