"""Open and closed: which services need keys, and that no key is kept or told anywhere."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr, ValidationError

from burnish_service.access import StandsOpen, refuse_open
from burnish_service.settings import Settings
from burnish_workers.engine.api_keys import configured, digest_of, entry_of, minted
from burnish_workers.engine.memory_tenancy import MemoryTenancy

from .harness import QUICK, Service, in_memory, serving
from .test_tenants import ENTRIES, ROOT, USERS, Party, parts, problem, store_url

__all__ = ["store_url"]


@pytest.mark.parametrize("kind", ["memory", "valkey"])
def test_an_open_service_closes_with_its_first_key(kind: str, request: pytest.FixtureRequest) -> None:
    with serving(parts(kind, lambda: request.getfixturevalue("store_url"), "opened:")) as service:
        ask = service.client.post
        assert service.client.get("/v1/jobs", headers={"Authorization": "Bearer sk-any"}).status_code == 200
        job = service.create(QUICK)["id"]
        problem(ask("/v1/keys", json={"tenant": "acme"}), 409, "scope admin")
        issued = ask("/v1/keys", json={"tenant": "default", "scopes": ["admin", "read"]}).json()
        problem(service.client.get("/v1/jobs"), 401)
        mine = Party(service.url, issued["key"])
        assert mine.listed("/v1/jobs") == [job]
        assert mine.ask("DELETE", f"/v1/keys/{issued['id']}").status_code == 204
        problem(service.client.get("/v1/jobs"), 401)
        problem(mine.get("/v1/jobs"), 401)


def test_beyond_this_machine_there_is_no_service_without_keys(serve: Callable[..., Service]) -> None:
    problem(serve(host="0.0.0.0").client.get("/v1/jobs"), 401, "BURNISH_API_KEYS")
    assert serve(host="0.0.0.0", allow_open=True).client.get("/v1/jobs").status_code == 200


async def test_which_services_may_start() -> None:
    tenancy = MemoryTenancy()
    with pytest.raises(StandsOpen, match="burnish-server key"):
        await refuse_open(Settings(host="0.0.0.0"), tenancy)
    for settings in (Settings(host="::1"), Settings(host="0.0.0.0", api_keys=ENTRIES), Settings(allow_open=True)):
        await refuse_open(settings, tenancy)
    await tenancy.swap(None, configured(ENTRIES)[0])
    await refuse_open(Settings(host="0.0.0.0"), tenancy)


# --- secrets ----------------------------------------------------------------------------------------------------------
def test_settings_hold_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# ours\nglobex:read={USERS['globex'].text}\n")
    monkeypatch.setenv("BURNISH_API_KEYS", f"acme={USERS['acme'].text}")
    settings = Settings(api_keys_file=file)
    text = settings.model_dump_json()
    assert not any(key.text[20:] in text for key in USERS.values())
    again = configured(Settings.model_validate_json(text).api_keys)
    assert [(key.tenant, key.scopes) for key in again] == [("acme", ("submit", "read")), ("globex", ("read",))]
    assert [entry_of(key) for key in again] == settings.api_keys.split(",")


def test_settings_with_keys_of_servers_are_read_again() -> None:
    settings = Settings(outbound="models.example.org", outbound_keys=SecretStr("models.example.org=hush"))
    text = settings.model_dump_json()
    assert "hush" not in text
    assert Settings.model_validate_json(text).outbound == "models.example.org"


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ("acme=secret-of-mine", "burnish-server key"),
        ("secret-of-mine", "TENANT"),
        (f"acme:root={USERS['acme'].text}", "known: submit, read, admin"),
        (f"a={USERS['acme'].text} b={USERS['acme'].text}", "same key"),
    ],
    ids=["short", "no tenant", "unknown scope", "twice"],
)
def test_entries_that_make_no_sense_are_not_repeated(entries: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says) as error:
        Settings(api_keys=entries)
    assert "secret-of-mine" not in str(error.value)
    assert USERS["acme"].text not in str(error.value)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that structlog writes, whatever other tests have made of it."""
    before, out = structlog.get_config(), io.StringIO()
    everything = structlog.make_filtering_bound_logger(logging.DEBUG)
    structlog.configure(wrapper_class=everything, logger_factory=structlog.PrintLoggerFactory(out))
    yield out
    structlog.configure(**before)


def test_secrets_are_in_no_log(
    logged: io.StringIO, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bad, root = minted(), Party("", ROOT.text)
    said: list[str] = [ROOT.text, bad.text]
    with serving(in_memory(api_keys=ENTRIES)) as service:
        root.url = service.url
        issued = root.ask("POST", "/v1/keys", json={"tenant": "acme"}).json()
        said += [issued["key"], root.ask("POST", f"/v1/keys/{issued['id']}/rotate", json={}).json()["key"]]
        acme = Party(service.url, said[-1])
        acme.job(QUICK, headers={"Prefer": "wait=20"})
        Party(service.url, bad.text).get("/v1/jobs")
        acme.ask("POST", "/v1/jobs", content=said[-1].encode(), headers={"Content-Type": "application/json"})
    out, err = capfd.readouterr()
    written = logged.getvalue() + out + err + caplog.text
    assert "job.claimed" in written
    assert not any(key[20:] in written or digest_of(key[20:]) in written for key in said)


def test_the_store_has_hashes_alone(store_url: str) -> None:
    import redis

    with serving(parts("valkey", lambda: store_url, "hashes:")) as service:
        issued = service.client.post("/v1/keys", json={"tenant": "default", "scopes": ["admin"]}).json()
        with contextlib.closing(redis.Redis.from_url(store_url, decode_responses=True)) as client:
            kept = client.hgetall("hashes:api-keys")
    secret = issued["key"][20:]
    assert hashlib.sha256(secret.encode()).hexdigest() in str(kept)
    assert secret not in str(kept)
