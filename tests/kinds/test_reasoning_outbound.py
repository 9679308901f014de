"""Which servers a job may name: the operator's list, judged at the door."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from pydantic import ValidationError

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_service.settings import Settings
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.kind import SpecError
from burnish_workers.core.registry import registry
from burnish_workers.kinds.reasoning.outbound.faults import ServerFault
from burnish_workers.kinds.reasoning.outbound.link import Link
from burnish_workers.kinds.reasoning.outbound.waiting import OUTBOUND
from burnish_workers.outbound.allowed import (
    KEYS,
    VARIABLE,
    OutboundError,
    check_url,
    forbidden,
    key_for,
    keys_of,
    places_of,
)

from .outbound_cases import Start
from .stand_in import StandIn

LIST = "127.0.0.1:8001, models.example.org,[::1]:9000,vllm.svc:8000"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001/v1",
        "http://models.example.org/v1",
        "https://models.example.org/v1",
        "https://MODELS.example.org.:443/v1",
        "http://[::1]:9000/v1",
        "http://vllm.svc:8000",
    ],
)
def test_what_is_listed_is_allowed(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(VARIABLE, LIST)
    check_url(url, "/problem/url")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:8002/v1", r"127\.0\.0\.1:8002 is not among .* \(127\.0\.0\.1:8001, models\.example\.org, "),
        ("http://127.0.0.1/v1", "not among"),
        ("http://127.1:8001/v1", "not among"),
        ("http://2130706433:8001/v1", "not among"),
        ("http://[::ffff:127.0.0.1]:8001/v1", "not among"),
        ("http://localhost:8001/v1", "not among"),
        ("https://models.example.org:8443/v1", "not among"),
        ("https://models.example.org.evil.example/v1", "not among"),
        ("http://169.254.169.254/latest", "not among"),
        ("https://user:key@models.example.org/v1", "more than scheme"),
        ("https://models.example.org@evil.example/v1", "more than scheme"),
        ("https://models.example.org/v1?x=1", "more than scheme"),
        ("https://models.example.org/v1#x", "more than scheme"),
        ("https://models.example.org/v 1", "more than scheme"),
        ("ftp://models.example.org/v1", "no address of a server"),
        ("file:///etc/passwd", "no address of a server"),
        ("models.example.org/v1", "no address of a server"),
        ("http://models.example.org:x/v1", "no URL"),
        ("http://[::1/v1", "no URL"),
    ],
)
def test_what_is_not_listed_is_refused(monkeypatch: pytest.MonkeyPatch, url: str, says: str) -> None:
    monkeypatch.setenv(VARIABLE, LIST)
    with pytest.raises(SpecError, match=says) as error:
        check_url(url, "/problem/url")
    assert error.value.pointer == "/problem/url"


def test_nothing_is_allowed_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SpecError, match=r"allows \(none\); BURNISH_OUTBOUND"):
        check_url("http://127.0.0.1:8001/v1", "/problem/url")


@pytest.mark.parametrize(
    "setting", ["http://a.example", "a.example/v1", "a b", "user@a.example", "a:port", "*", "a:99999"]
)
def test_a_list_that_makes_no_sense_stops_the_service(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    with pytest.raises(OutboundError, match="it lists hosts"):
        places_of(setting)
    monkeypatch.setenv(VARIABLE, setting)
    with pytest.raises(ValidationError, match="BURNISH_OUTBOUND holds"):
        Settings()


def test_keys_are_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEYS, "models.example.org=sk-1,127.0.0.1:8001=sk=2")
    assert key_for("https://models.example.org/v1") == "sk-1"
    assert key_for("http://127.0.0.1:8001/v1") == "sk=2"
    assert key_for("http://127.0.0.1:8002/v1") is None
    assert "sk-1" not in repr(Settings())
    with pytest.raises(OutboundError) as error:
        keys_of("models.example.org sk-secret")
    assert "sk-secret" not in str(error.value)
    monkeypatch.setenv(KEYS, "=sk-secret")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "sk-secret" not in str(refused.value)


def test_names_do_not_lead_inside_unless_that_is_listed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "models.example.org,vllm.svc:8000,10.2.3.4")
    assert forbidden("models.example.org", ["93.184.215.14", "10.0.0.5"]) == "10.0.0.5"
    for inside in ("127.0.0.1", "192.168.1.1", "169.254.169.254", "::1", "fe80::1%eth0", "::ffff:10.0.0.5", "fd00::1"):
        assert forbidden("models.example.org", [inside]) is not None, inside
    assert forbidden("models.example.org", ["93.184.215.14", "2606:2800:21f::1"]) is None
    assert forbidden("vllm.svc", ["10.2.3.4", "::ffff:10.2.3.4"]) is None
    assert forbidden("localhost", ["127.0.0.1", "::1"]) is None
    assert forbidden("127.0.0.1", ["127.0.0.1"]) is None


def test_a_name_that_leads_inside_is_not_asked(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a name of this machine, which leads to 127.0.0.1 or another private address."""
    stand_in = start(StandIn())
    monkeypatch.setattr(socket, "getaddrinfo", _inside)
    port = stand_in.host.rpartition(":")[2]
    monkeypatch.setenv(VARIABLE, f"models.example.org:{port}")
    link = Link(f"http://models.example.org:{port}/v1")
    with pytest.raises(ServerFault, match=r"leads to the private address 127\.0\.0\.1"):
        OUTBOUND.run(link.post("/completions", {}, 5.0))
    assert stand_in.bodies == []
    monkeypatch.setenv(VARIABLE, f"models.example.org:{port},127.0.0.1:{port}")
    body = {"model": "tiny", "prompt": "", "temperature": 1.0}
    assert "choices" in OUTBOUND.run(link.post("/completions", body, 5.0))


def _inside(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))]


def test_a_name_that_is_pointed_elsewhere_in_between_gains_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for once; a second answer, here an address where nothing is allowed, would not be judged."""
    stand_in = start(StandIn())
    port = stand_in.host.rpartition(":")[2]
    asked: list[str] = []

    def rebinding(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{len(asked)}", int(port)))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setenv(VARIABLE, f"models.example.org:{port},127.0.0.1:{port}")
    link = Link(f"http://models.example.org:{port}/v1")
    assert "choices" in OUTBOUND.run(
        link.post("/completions", {"model": "tiny", "prompt": "", "temperature": 1.0}, 5.0)
    )
    assert asked == ["models.example.org"]
    with pytest.raises(ServerFault, match=r"leads to the private address 127\.0\.0\.2"):
        OUTBOUND.run(link.post("/completions", {"model": "tiny", "prompt": "", "temperature": 1.0}, 5.0))
    assert len(stand_in.bodies) == 1


BODY = {
    "kind": "reasoning",
    "problem": {"type": "server", "url": "http://127.0.0.1:8001/v1", "model": "tiny", "prompt": "go"},
    "verifier": {"ends": {"type": "expression", "expression": "0"}},
    "budget": {"units": 100},
}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": "http://127.0.0.1:8002/v1"}, "/problem/url"),
        ({"prompt": None, "messages": [{"role": "user", "content": "go"}]}, "/problem/api"),
        ({"answer": {"type": "pattern", "pattern": "("}}, "/problem/answer/pattern"),
    ],
)
def test_problems_are_judged_at_the_door(monkeypatch: pytest.MonkeyPatch, change: Any, pointer: str) -> None:
    monkeypatch.setenv(VARIABLE, LIST)
    kind = registry().get("reasoning")
    kind.check(ReasoningSpec.model_validate(BODY), NOTHING)
    with pytest.raises(SpecError) as error:
        kind.check(ReasoningSpec.model_validate({**BODY, "problem": {**BODY["problem"], **change}}), NOTHING)
    assert error.value.pointer == pointer


def test_a_prompt_is_not_empty() -> None:
    with pytest.raises(ValidationError) as error:
        ReasoningSpec.model_validate({**BODY, "problem": {**BODY["problem"], "prompt": ""}})
    assert error.value.errors()[0]["loc"] == ("problem", "server", "prompt")
