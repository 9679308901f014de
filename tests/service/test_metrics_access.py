"""/metrics with keys: sums for whoever may read, spending by tenant for the operator and his Prometheus alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from burnish_service.__main__ import _chosen
from burnish_service.settings import Settings
from burnish_workers.engine.api_keys import is_token

from .harness import QUICK, Service, in_memory, serving
from .test_tenants import ENTRIES, READER, ROOT, TENANTS, USERS, Party, problem

TOKEN = "a-token-of-prometheus-alone"
SPENT = re.compile(r"^burnish_spent_total\{(.*)\} (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def closed() -> Iterator[Service]:
    with serving(in_memory(api_keys=ENTRIES, metrics_token=TOKEN)) as service:
        for key in USERS.values():
            job = Party(service.url, key.text).job(QUICK, headers={"Prefer": "wait=20"})
            assert job["status"] == "completed"
        yield service


def scraped(service: Service, key: str) -> str:
    reply = Party(service.url, key).get("/metrics")
    assert reply.status_code == 200, reply.text
    return reply.text


def units(text: str) -> float:
    return sum(float(value) for labels, value in SPENT.findall(text) if 'amount="units"' in labels)


@pytest.mark.parametrize("key", [READER.text, USERS["globex"].text], ids=["a reader", "a tenant"])
def test_no_tenant_sees_another(closed: Service, key: str) -> None:
    text = scraped(closed, key)
    assert not any(name in text for name in (*TENANTS, "tenant"))
    assert units(text) == units(scraped(closed, ROOT.text)) > 0, "their sum is there"


@pytest.mark.parametrize("key", [ROOT.text, TOKEN], ids=["an administrator", "the token"])
def test_the_operator_sees_each(closed: Service, key: str) -> None:
    text = scraped(closed, key)
    for name in TENANTS:
        assert f'burnish_spent_total{{tenant="{name}",kind="correlated",amount="units"}} ' in text


def test_the_token_opens_nothing_else(closed: Service) -> None:
    party = Party(closed.url, TOKEN)
    for method, path in [("GET", "/v1/jobs"), ("GET", "/v1/canaries"), ("GET", "/v1/keys"), ("POST", "/v1/jobs")]:
        problem(party.ask(method, path), 401)
    problem(Party(closed.url, TOKEN[:-1]).get("/metrics"), 401)
    kept = Settings(metrics_token=TOKEN).metrics_token
    problem(Party(closed.url, kept).get("/metrics"), 401)  # whoever reads settings has not the token


def test_no_token_opens_a_service_without_one() -> None:
    with serving(in_memory(api_keys=ENTRIES)) as service:
        problem(service.client.get("/metrics"), 401)
        problem(Party(service.url, TOKEN).get("/metrics"), 401)


def test_settings_keep_a_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BURNISH_METRICS_TOKEN", TOKEN)
    settings = _chosen({"data_dir": tmp_path})
    assert "BURNISH_METRICS_TOKEN" not in os.environ
    assert TOKEN not in settings.model_dump_json()
    assert is_token(TOKEN, Settings.model_validate_json(settings.model_dump_json()).metrics_token)
    for bad in ("short", "a token of several words, that is long enough"):
        with pytest.raises(ValidationError, match="openssl rand") as error:
            Settings(metrics_token=bad)
        assert bad not in str(error.value)
