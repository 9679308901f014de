"""Webhooks through the SDK and the command line, to a real receiver."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from burnish import AsyncBurnish, Burnish, cli_app, errors, webhooks
from burnish_workers.outbound.allowed import VARIABLE
from tests.receiver import Receiver, receiving
from tests.service.harness import QUICK, Service, in_memory, serving


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver, pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, receiver.host)
        yield receiver


@pytest.fixture(scope="module")
def service(receiver: Receiver) -> Iterator[Service]:
    with serving(in_memory()) as service:
        yield service


@pytest.fixture(autouse=True)
def fresh(receiver: Receiver) -> None:
    receiver.heard.clear()
    receiver.usually = 204


def test_from_making_one_to_its_end(service: Service, receiver: Receiver) -> None:
    with Burnish(service.url) as client:
        hook = client.webhooks.create(receiver.url, events=["job.completed"], description="ours")
        assert [each.id for each in client.webhooks.list()] == [hook.id]
        assert client.webhooks.get(hook.id).description == "ours"
        job = client.submit(QUICK)
        (heard,) = receiver.wait(1)
        message = webhooks.verify(hook.secret, heard.headers, heard.body)
        assert (message["type"], message["data"]["id"]) == ("job.completed", job.id)
        (told,) = client.webhooks.deliveries(hook.id, limit=5)
        assert (told.id, told.job) == (heard.id, job.id)
        turned = client.webhooks.rotate(hook.id, overlap=0)
        client.webhooks.test(hook.id)
        heard = receiver.wait(2)[1]
        assert webhooks.verify([hook.secret, turned.secret], heard.headers, heard.body)["type"] == "webhook.test"
        with pytest.raises(webhooks.NotGenuine):
            webhooks.verify(hook.secret, heard.headers, heard.body)
        assert client.webhooks.enable(hook.id).disabled_at is None
        client.webhooks.delete(hook.id)
        with pytest.raises(errors.NotFound, match="there is no webhook"):
            client.webhooks.get(hook.id)
        with pytest.raises(errors.Rejected, match="not among those that the operator allows"):
            client.webhooks.create("https://evil.example/x")


async def test_async(service: Service, receiver: Receiver) -> None:
    async with AsyncBurnish(service.url) as client:
        hook = await client.webhooks.create(receiver.url)
        assert [each.id for each in await client.webhooks.list()] == [hook.id]
        assert (await client.webhooks.rotate(hook.id)).previous_until is not None
        assert (await client.webhooks.enable(hook.id)).id == hook.id
        assert (await client.webhooks.get(hook.id)).events == hook.events
        told = await client.webhooks.test(hook.id)
        assert told.id in [each.id for each in await client.webhooks.deliveries(hook.id)]
        with pytest.raises(errors.NotFound):
            await client.webhooks.retry(hook.id, "msg_none")
        await client.webhooks.delete(hook.id)


LOGGED = re.compile(r"(\x1b\[\d+m)*\d{4}-\d\d-\d\d[T ]")
"""A line of the service, which runs in the same process."""


def test_command_line(
    service: Service, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURNISH_BASE_URL", service.url)

    def run(*arguments: str) -> tuple[int, str]:
        code = cli_app.run(["webhooks", *arguments])
        lines = capsys.readouterr().out.splitlines(keepends=True)
        return code, "".join(line for line in lines if not LOGGED.match(line))

    code, out = run("create", receiver.url, "--event", "job.failed", "--description", "ours")
    assert (code, out.startswith("whsec_")) == (0, True)
    code, text = run("list", "--json")
    id = json.loads(text)["id"]
    assert out.strip() not in text
    row = run("list")[1].splitlines()[1].split()
    assert row == [id, receiver.url, "failed", "enabled", "ours"]
    code, text = run("test", id)
    assert code == 0
    assert text.endswith(": delivered\n")
    receiver.usually = 500
    code, text = run("test", id, "--json")
    assert (code, json.loads(text)["error"]) == (1, "answered 500 Internal Server Error")
    message = json.loads(text)["id"]
    rows = run("deliveries", id)[1].splitlines()
    assert rows[1].split()[:4] == [message, "webhook.test", "failed", "1"]
    assert rows[1].endswith("answered 500 Internal Server Error")
    assert run("retry", id, message) == (0, f"{message} is sent again\n")
    assert run("rotate", id, "--overlap", "0")[1].startswith("whsec_")
    assert run("enable", id) == (0, f"{id} is enabled\n")
    assert run("delete", id) == (0, f"{id} is deleted\n")
    assert run("delete", id)[0] == 2
    assert run("create", "https://evil.example/x")[0] == 2
    assert run("create", receiver.url, "--event", "job.done")[0] == 2
