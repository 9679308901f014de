"""Webhooks over HTTP, on each store: made, told, rotated, tested, refused, each tenant's own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from burnish_workers.engine.dispatcher import Terms
from burnish_workers.engine.webhook_sender import Sending
from burnish_workers.outbound.allowed import VARIABLE
from tests.receiver import Receiver, receiving

from .harness import QUICK, Service, serving, stranded
from .test_tenants import ENTRIES, READER, ROOT, USERS, Party, parts, problem, store_url

__all__ = ["store_url"]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver, pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, f"{receiver.host},inside.example.org")
        yield receiver


@pytest.fixture(scope="module", params=["memory", "valkey"])
def closed(request: pytest.FixtureRequest, receiver: Receiver) -> Iterator[Service]:
    """A service with keys, which tries again soon."""
    made = parts(request.param, lambda: request.getfixturevalue("store_url"), "hooked:", api_keys=ENTRIES)
    made.terms = Terms(lease=2.0, poll=0.05, webhooks=Sending(waits=(0.05, 0.05), timeout=10.0))
    with serving(made) as service:
        yield service


@pytest.fixture
def acme(closed: Service, receiver: Receiver) -> Iterator[Party]:
    """Without webhooks before and after; the receiver has heard nothing."""
    receiver.heard.clear()
    receiver.usually, receiver.replies = 204, []
    party = Party(closed.url, USERS["acme"].text)
    yield party
    for id in party.listed("/v1/webhooks"):
        assert party.ask("DELETE", f"/v1/webhooks/{id}").status_code == 204


def made(party: Party, receiver: Receiver, **more: Any) -> dict[str, Any]:
    reply = party.ask("POST", "/v1/webhooks", json={"url": receiver.url, **more})
    assert reply.status_code == 201, reply.text
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["location"] == f"/v1/webhooks/{reply.json()['id']}"
    return reply.json()


def deliveries(party: Party, hook: dict[str, Any]) -> list[dict[str, Any]]:
    return party.get(f"/v1/webhooks/{hook['id']}/deliveries").json()["data"]


def until(party: Party, hook: dict[str, Any], state: str) -> dict[str, Any]:
    """Its only delivery, in this state."""
    deadline, found = time.monotonic() + 60, deliveries(party, hook)
    while [each["state"] for each in found] != [state]:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
        found = deliveries(party, hook)
    return found[0]


def test_the_end_of_a_job_is_told(acme: Party, receiver: Receiver) -> None:
    hook = made(acme, receiver, description="ours")
    assert hook["secret"].startswith("whsec_")
    job = acme.job(QUICK)["id"]
    (heard,) = receiver.wait(1)
    message = Webhook(hook["secret"]).verify(heard.body, dict(heard.headers))
    record = acme.get(f"/v1/jobs/{job}").json()
    links = {name: record["links"][name] for name in ("self", "events")}
    known = {name: record[name] for name in ("id", "kind", "status", "stopped_by", "purpose")}
    assert (message["type"], message["data"]) == ("job.completed", {**known, "links": links})
    told = until(acme, hook, "delivered")
    assert (told["id"], told["job"], told["attempts"], told["status"]) == (heard.id, job, 1, 204)
    assert (
        heard.id
        == f"msg_{job}_{acme.get(f'/v1/jobs/{job}/events', params={'limit': 1000}).json()['data'][-1]['sequence']}"
    )
    kept = acme.get(f"/v1/webhooks/{hook['id']}")
    assert kept.json() == {name: value for name, value in hook.items() if name != "secret"}
    assert hook["secret"] not in kept.text + acme.get("/v1/webhooks").text


def test_only_what_was_chosen(acme: Party, receiver: Receiver) -> None:
    hook = made(acme, receiver, events=["job.cancelled"])
    acme.job(QUICK)
    job = acme.job(stranded())["id"]
    acme.ask("POST", f"/v1/jobs/{job}/cancel")
    (heard,) = receiver.wait(1)
    assert Webhook(hook["secret"]).verify(heard.body, dict(heard.headers))["type"] == "job.cancelled"
    until(acme, hook, "delivered")


def test_another_tenants_jobs_and_webhooks(acme: Party, closed: Service, receiver: Receiver) -> None:
    globex = Party(closed.url, USERS["globex"].text)
    hook, theirs = made(acme, receiver), made(globex, receiver)
    globex.job(QUICK)
    (heard,) = receiver.wait(1)
    assert Webhook(theirs["secret"]).verify(heard.body, dict(heard.headers))
    assert deliveries(acme, hook) == []
    assert acme.listed("/v1/webhooks") == [hook["id"]]
    at = f"/v1/webhooks/{theirs['id']}"
    for method, path in [
        *(("GET", path) for path in (at, f"{at}/deliveries")),
        *(("POST", f"{at}/{verb}") for verb in ("rotate", "enable", "test", f"deliveries/{heard.id}/retry")),
        ("DELETE", at),
    ]:
        body = {"json": {}} if path.endswith("rotate") else {}
        problem(acme.ask(method, path, **body), 404, "there is no webhook")
    assert globex.ask("DELETE", at).status_code == 204


def test_scopes(acme: Party, closed: Service, receiver: Receiver) -> None:
    hook = made(acme, receiver)
    reader, root = Party(closed.url, READER.text), Party(closed.url, ROOT.text)
    assert reader.listed("/v1/webhooks") == [hook["id"]]
    problem(reader.ask("POST", "/v1/webhooks", json={"url": receiver.url}), 403, "submit")
    problem(reader.ask("DELETE", f"/v1/webhooks/{hook['id']}"), 403, "submit")
    problem(root.get(f"/v1/webhooks/{hook['id']}"), 404)


def test_a_new_secret_and_the_old_one_for_a_while(acme: Party, receiver: Receiver) -> None:
    hook = made(acme, receiver)
    at = f"/v1/webhooks/{hook['id']}"
    turned = acme.ask("POST", f"{at}/rotate", json={"overlap": 60}).json()
    assert turned["secret"] != hook["secret"]
    assert turned["previous_until"] is not None
    acme.ask("POST", f"{at}/test")
    last = acme.ask("POST", f"{at}/rotate", json={"overlap": 0}).json()
    assert last["previous_until"] is None
    until(acme, hook, "delivered")
    acme.ask("POST", f"{at}/test")
    first, second = receiver.wait(2)
    opened = [[_fits(each["secret"], heard) for each in (hook, turned, last)] for heard in (first, second)]
    assert opened[1] == [False, False, True]
    assert opened[0] in ([True, True, False], [False, False, True]), "it may have been sent after the second turn"


def _fits(secret: str, heard: Any) -> bool:
    try:
        return bool(Webhook(secret).verify(heard.body, dict(heard.headers)))
    except Exception:
        return False


def test_a_test_is_sent_once_and_says_what_came_of_it(acme: Party, receiver: Receiver) -> None:
    hook = made(acme, receiver, events=["job.failed"])
    receiver.usually = 500
    reply = acme.ask("POST", f"/v1/webhooks/{hook['id']}/test")
    assert (reply.status_code, reply.json()["type"], reply.json()["job"]) == (202, "webhook.test", None)
    told = until(acme, hook, "failed")
    assert (told["id"], told["attempts"]) == (reply.json()["id"], 1)
    assert told["error"] == "answered 500 Internal Server Error"
    assert len(receiver.heard) == 1


def test_given_up_and_sent_again(acme: Party, receiver: Receiver) -> None:
    hook = made(acme, receiver)
    receiver.usually = 500
    acme.job(QUICK)
    receiver.wait(3)
    told = until(acme, hook, "failed")
    assert (told["attempts"], told["next_at"]) == (3, None)
    receiver.usually = 204
    again = f"/v1/webhooks/{hook['id']}/deliveries"
    reply = acme.ask("POST", f"{again}/{told['id']}/retry")
    assert (reply.status_code, reply.json()["state"], reply.json()["attempts"]) == (202, "waiting", 0)
    assert until(acme, hook, "delivered")["id"] == told["id"]
    problem(acme.ask("POST", f"{again}/msg_none/retry"), 404, "deliveries lists the last ones")


def test_gone_and_enabled_again(acme: Party, receiver: Receiver) -> None:
    hook = made(acme, receiver)
    at = f"/v1/webhooks/{hook['id']}"
    receiver.usually = 410
    acme.ask("POST", f"{at}/test")
    until(acme, hook, "failed")
    kept = acme.get(at).json()
    assert kept["disabled_at"] is not None
    assert "410 Gone" in kept["disabled_why"]
    problem(acme.ask("POST", f"{at}/test"), 409, "enable undoes that")
    receiver.usually = 204
    for _ in range(2):
        assert acme.ask("POST", f"{at}/enable").json()["disabled_at"] is None
    assert acme.ask("POST", f"{at}/test").status_code == 202
    receiver.wait(2)


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ({"url": "https://evil.example/x"}, "/url", "evil.example:443 is not among those that the operator allows"),
        ({"url": "http://169.254.169.254/latest"}, "/url", "not among"),
        ({"url": "ftp://inside.example.org/x"}, "/url", "no address of a server"),
        ({"url": "http://me:pw@inside.example.org/x"}, "/url", "more than scheme"),
        ({"url": "http://inside.example.org/x"}, "/url", "leads to the private address 10.0.0.7"),
        ({"url": "http://inside.example.org/x", "events": ["job.done"]}, "/events/0", "job.completed"),
        ({"url": "http://inside.example.org/x", "events": []}, "/events", ""),
        ({"url": ""}, "/url", ""),
        ({"url": 7}, "/url", ""),
        ({"uri": "http://inside.example.org/x"}, "/uri", ""),
    ],
)
def test_what_is_refused_at_the_door(
    acme: Party, body: Any, pointer: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def inside(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if host in ("inside.example.org", b"inside.example.org"):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", int(port or 80)))]
        return real(host, port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", inside)
    found = problem(acme.ask("POST", "/v1/webhooks", json=body), 422, says)
    assert pointer in [error["pointer"] for error in found["errors"]]


def test_nobody_has_too_many(acme: Party, receiver: Receiver) -> None:
    for _ in range(20):
        made(acme, receiver)
    problem(acme.ask("POST", "/v1/webhooks", json={"url": receiver.url}), 409, "remove one first")
    assert len(set(acme.listed("/v1/webhooks"))) == 20


def test_metrics(acme: Party, closed: Service, receiver: Receiver) -> None:
    hook = made(acme, receiver)
    acme.ask("POST", f"/v1/webhooks/{hook['id']}/test")
    until(acme, hook, "delivered")
    text = acme.get("/metrics").text
    counted = [line for line in text.splitlines() if line.startswith("burnish_webhook_deliveries_total")]
    assert any('outcome="delivered"' in line and float(line.split()[-1]) >= 1 for line in counted)
    assert "burnish_webhooks_waiting 0" in text


def test_secrets_are_in_no_log(
    acme: Party, receiver: Receiver, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    hook = made(acme, receiver)
    receiver.replies = [500]
    acme.job(QUICK)
    until(acme, hook, "delivered")
    out, err = capfd.readouterr()
    assert "webhook.failed" in out + err + caplog.text
    assert hook["secret"].removeprefix("whsec_") not in out + err + caplog.text


def test_old_stores_have_none(serve: Callable[..., Service]) -> None:
    service = serve()
    assert service.client.get("/v1/webhooks").json() == {"data": []}
    assert isinstance(service.client, httpx2.Client)
