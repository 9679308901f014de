"""Sending webhooks to a real receiver: signatures, retries, what is refused, senders that die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from tests.receiver import Receiver, receiving

from burnish import webhooks as scheme
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.records import JobRecord
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.store import Store
from burnish_workers.engine.webhook_sender import Sender, Sending
from burnish_workers.engine.webhook_try import WAITS, Answer, attempt, headers_of, pause
from burnish_workers.engine.webhooks import Delivery, Endpoint
from burnish_workers.outbound.allowed import VARIABLE

from .test_webhooks_store import end, endpoint

Make = Callable[..., JobRecord]
NOW = "2026-01-01T00:00:00.000Z"
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "c2VjcmV0IG51bWJlciB0d28gb2Ygb3Vycw=="
QUICK = Sending(waits=(0.02, 0.05, 0.05), timeout=10.0, lease=30.0)
TOLD = Delivery("msg_job_1_5", "job.completed", 1.0, {"id": "job_1", "kind": "surrogate", "status": "completed"})


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        monkeypatch.setenv(VARIABLE, receiver.host)
        yield receiver


def hook(receiver: Receiver, **changes: Any) -> Endpoint:
    return endpoint(**{"url": receiver.url, "secret": SECRET, **changes})


async def tried(receiver: Receiver, timeout: float = 5.0, **changes: Any) -> Answer:
    return await attempt(hook(receiver, **changes), TOLD, SystemClock().now(), timeout)


@contextlib.asynccontextmanager
async def sending(store: Store, sending: Sending = QUICK, leads: bool = True) -> Any:
    task = asyncio.create_task(Sender(store.webhooks, SystemClock(), lambda: leads, sending).run(0.01))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(store: Store, state: str, hook: Endpoint) -> Delivery:
    """The only delivery of a webhook, once it is in this state."""
    async with asyncio.timeout(20):
        while True:
            found = await store.webhooks.deliveries(hook, 10)
            if len(found) == 1 and found[0].state == state:
                return found[0]
            await asyncio.sleep(0.01)


# --- what is sent -----------------------------------------------------------------------------------------------------
async def test_a_message_is_what_another_library_takes_for_genuine(receiver: Receiver) -> None:
    assert await tried(receiver) == Answer(204)
    (heard,) = receiver.heard
    told = Webhook(SECRET).verify(heard.body, dict(heard.headers))
    links = {"self": "/v1/jobs/job_1", "events": "/v1/jobs/job_1/events"}
    assert told == {
        "type": "job.completed",
        "timestamp": "1970-01-01T00:00:01.000Z",
        "data": {**TOLD.data, "links": links},
    }
    assert scheme.verify(SECRET, heard.headers, heard.body) == told
    assert (heard.path, heard.id, heard.headers["content-type"]) == ("/hook", TOLD.id, "application/json")
    assert "authorization" not in heard.headers
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(heard.body, dict(heard.headers))


async def test_both_secrets_sign_while_one_takes_the_others_place(receiver: Receiver) -> None:
    await tried(receiver, secret=OTHER, previous=SECRET, previous_until="2999-01-01T00:00:00Z")
    await tried(receiver, secret=OTHER, previous=SECRET, previous_until="2020-01-01T00:00:00Z")
    during, after = receiver.heard
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(during.body, dict(during.headers))
    assert Webhook(OTHER).verify(after.body, dict(after.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(after.body, dict(after.headers))


def test_keys_of_model_servers_do_not_go_to_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNISH_OUTBOUND_KEYS", "h=sk-hush")
    assert "sk-hush" not in str(headers_of(endpoint(secret=SECRET), TOLD, b"{}", NOW))


def test_secrets_are_in_no_representation() -> None:
    shown = repr(endpoint(secret=SECRET, previous=OTHER))
    assert SECRET not in shown
    assert OTHER not in shown


# --- what does not come through ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (500, "answered 500 Internal Server Error"),
        (400, "answered 400 Bad Request"),
        (410, "answered 410 Gone: nothing is sent there any more"),
        ("hang", "no answer within 0.5 s"),
        ("drip", "no answer within 0.5 s"),
        ("cut", "broke off"),
    ],
)
async def test_what_is_no_success(receiver: Receiver, reply: Any, says: str) -> None:
    receiver.usually = reply
    answer = await tried(receiver, timeout=0.5)
    assert answer.error is not None
    assert answer.error.startswith(says)
    assert answer.status == (reply if isinstance(reply, int) else None)
    assert "secret" not in answer.error, "what a receiver says is nobody's to read"


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.usually, receiver.headers = 307, {"location": "/elsewhere"}
    answer = await tried(receiver)
    assert answer.status == 307
    assert "redirects are not followed" in str(answer.error)
    assert [heard.path for heard in receiver.heard] == ["/hook"]


async def test_an_answer_without_end_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.usually = "pour"
    assert await tried(receiver) == Answer(200)


async def test_nobody_listens(receiver: Receiver) -> None:
    receiver.ended.set()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(VARIABLE, f"127.0.0.1:{taken.getsockname()[1]}")
            answer = await tried(receiver, url=url)
    assert str(answer.error).startswith("cannot be reached")


async def test_a_server_that_is_listed_no_longer_is_not_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "hooks.example.org")
    assert "not among those that the operator allows" in str((await tried(receiver)).error)
    assert receiver.heard == []


async def test_a_name_that_leads_inside_is_sent_nothing(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """However its owner answers: the address that was judged is the one that is connected to."""
    asked: list[str] = []

    def rebinding(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{len(asked)}", int(port)))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setenv(VARIABLE, f"hooks.example.org:{receiver.port},127.0.0.1:{receiver.port}")
    url = f"http://hooks.example.org:{receiver.port}/hook"
    assert await tried(receiver, url=url) == Answer(204)
    assert receiver.heard[0].headers["host"] == f"hooks.example.org:{receiver.port}"
    assert asked == ["hooks.example.org"]
    answer = await tried(receiver, url=url)
    assert "hooks.example.org leads to the private address 127.0.0.2" in str(answer.error)
    assert len(receiver.heard) == 1


# --- when it is tried again -------------------------------------------------------------------------------------------
def test_waits_are_those_of_the_scheme_with_jitter() -> None:
    failed = Answer(500, "answered 500")
    assert [pause(tried, failed, 0.5) for tried in range(1, 11)] == [*WAITS, None]
    assert (pause(1, failed, 0.0), pause(1, failed, 1.0)) == (4.0, 6.0)
    assert 70 < sum(WAITS) / 3_600 < 80, "ten tries in three days"
    assert pause(1, Answer(410, "gone"), 0.5) is None
    assert pause(1, Answer(429, "slower", asked=77.0), 0.5) == 77.0
    assert pause(1, Answer(503, "later", asked=1e9), 0.5) == 86_400.0


async def test_retry_after_is_read(receiver: Receiver) -> None:
    receiver.usually, receiver.headers = 429, {"retry-after": "77"}
    assert (await tried(receiver)).asked == 77.0


async def test_it_is_tried_until_it_comes_through(store: Store, receiver: Receiver, record: Make) -> None:
    receiver.replies = [500, "cut", 302]
    await store.webhooks.add(hook(receiver), most=9)
    async with sending(store):
        last = await end(store, record())
        told = await until(store, "delivered", hook(receiver))
    assert (told.attempts, told.status, told.error) == (4, 204, None)
    assert {heard.id for heard in receiver.heard} == {f"msg_{record().id}_{last}"}
    assert len({heard.body for heard in receiver.heard}) == 1, "the same message at every try"
    tallied = await store.tallied()
    assert (tallied["webhooks|retried"], tallied["webhooks|delivered"]) == (3, 1)


async def test_it_is_given_up_and_may_be_sent_again(store: Store, receiver: Receiver, record: Make) -> None:
    receiver.usually = 500
    await store.webhooks.add(hook(receiver), most=9)
    async with sending(store):
        await end(store, record())
        told = await until(store, "failed", hook(receiver))
        assert (told.attempts, told.status, told.next_at) == (4, 500, None)
        assert len(receiver.heard) == 4
        receiver.usually = 200
        assert await store.webhooks.again(hook(receiver), told.id) is not None
        assert (await until(store, "delivered", hook(receiver))).attempts == 1
    assert len({heard.id for heard in receiver.heard}) == 1


async def test_a_receiver_that_is_gone_is_not_asked_again(store: Store, receiver: Receiver, record: Make) -> None:
    receiver.usually = 410
    await store.webhooks.add(hook(receiver), most=9)
    async with sending(store):
        await end(store, record())
        told = await until(store, "failed", hook(receiver))
        kept = await store.webhooks.get("default", "wh_1")
        assert kept is not None
        assert kept.disabled_at is not None
        assert str(kept.disabled_why).startswith("answered 410 Gone")
        await end(store, record(2))
        assert await store.webhooks.again(kept, told.id) is not None
        told = await until(store, "failed", kept)
    assert (told.attempts, told.tried_at) == (0, None)
    assert str(told.error).startswith("not sent: the webhook is disabled: answered 410 Gone")
    assert len(receiver.heard) == 1


async def test_a_slow_receiver_does_not_hold_up_others(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    store, slow = MemoryStore(), Receiver("hang")
    with receiving(slow):
        monkeypatch.setenv(VARIABLE, f"{receiver.host},{slow.host}")
        await store.webhooks.add(hook(slow), most=9)
        other = hook(receiver, tenant="a").with_changes(id="wh_2")
        await store.webhooks.add(other, most=9)
        for number in range(20):
            told = Delivery(f"msg_{number}", "job.failed", 1.0 + number, {"id": "job_1"})
            await store.webhooks.post(hook(slow), told)
        await store.webhooks.post(other, TOLD)
        async with sending(store, Sending(timeout=30.0, at_once=6, each=4)):
            await until(store, "delivered", other)
            await asyncio.to_thread(slow.wait, 4)
            assert len(slow.heard) == 4


async def test_who_does_not_lead_sends_nothing(receiver: Receiver, record: Make) -> None:
    store = MemoryStore()
    await store.webhooks.add(hook(receiver), most=9)
    await end(store, record())
    async with sending(store, leads=False):
        await asyncio.sleep(0.1)
    assert receiver.heard == []


# --- senders that die -------------------------------------------------------------------------------------------------
SENDER = """
import asyncio, sys
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_webhooks import RedisWebhooks
from burnish_workers.engine.webhook_sender import Sender, Sending

async def main():
    hooks = RedisWebhooks(RedisLink(sys.argv[1], retries=3))
    await Sender(hooks, SystemClock(), lambda: True, Sending(timeout=60.0, lease=float(sys.argv[2]))).run(0.02)

asyncio.run(main())
"""


async def test_a_sender_that_is_killed_in_mid_try_is_followed_by_another(
    redis_store: RedisStore, valkey_url: str, receiver: Receiver, record: Make
) -> None:
    """The message has come; that it has was not written down: it comes again, under the same id."""
    receiver.replies = ["hang"]
    await redis_store.webhooks.add(hook(receiver), most=9)
    await end(redis_store, record())
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SENDER, valkey_url, "5")
    try:
        await asyncio.to_thread(receiver.wait, 1, 120.0)
    finally:
        process.kill()
        assert await process.wait() == -signal.SIGKILL
    (told,) = await redis_store.webhooks.deliveries(hook(receiver), 10)
    assert (told.state, told.attempts) == ("waiting", 0)
    async with sending(redis_store):
        told = await until(redis_store, "delivered", hook(receiver))
    first, second = receiver.heard
    assert (first.id, first.body) == (second.id, second.body) == (told.id, second.body)


# --- for receivers ----------------------------------------------------------------------------------------------------
def test_what_another_library_signs_is_genuine() -> None:
    at, body = datetime.now(UTC), json.dumps({"type": "job.failed", "x": "ü"})
    signed = Webhook(SECRET).sign("msg_1", at, body)
    headers = {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(int(at.timestamp())), "Webhook-Signature": signed}
    assert scheme.verify(SECRET, headers, body) == scheme.verify([OTHER, SECRET], headers, body.encode())
    headers["Webhook-Signature"] = f"v1a,abc= {signed}"
    assert scheme.verify(SECRET, headers, body)["x"] == "ü"


@pytest.mark.parametrize(
    ("changes", "body", "says"),
    [
        ({"webhook-id": "msg_2"}, b"{}", "no signature fits"),
        ({}, b"{} ", "no signature fits"),
        ({"webhook-signature": "v1,AAAA"}, b"{}", "no signature fits"),
        ({"webhook-signature": "nonsense ü"}, b"{}", "no signature fits"),
        ({"webhook-signature": ""}, b"{}", "header webhook-signature is missing"),
        ({"webhook-timestamp": "1301"}, b"{}", "301 s ahead"),
        ({"webhook-timestamp": "699"}, b"{}", "301 s ago"),
        ({"webhook-timestamp": "1e3"}, b"{}", "no whole number"),
        ({"webhook-timestamp": "²"}, b"{}", "no whole number"),
    ],
)
def test_what_is_not_genuine(changes: dict[str, str], body: bytes, says: str) -> None:
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1000"}
    headers["webhook-signature"] = scheme.sign(SECRET, "msg_1", "1000", b"{}")
    assert scheme.verify(SECRET, headers, b"{}", now=1_000.0) == {}
    with pytest.raises(scheme.NotGenuine, match=says):
        scheme.verify(SECRET, {**headers, **changes}, body, now=1_000.0)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_é", "whsec_a b"])
def test_what_is_no_secret(secret: str) -> None:
    headers = {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    with pytest.raises(ValueError, match="no secret of a webhook"):
        scheme.verify(secret, headers, b"{}", now=1.0)


def test_the_helper_needs_the_standard_library_alone() -> None:
    code = "import sys; import burnish.webhooks; print(sorted({'httpx2', 'pydantic', 'typer'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
