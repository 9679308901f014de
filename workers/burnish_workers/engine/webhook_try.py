"""One try to deliver a message: signed, sent to the address that was judged, and what its answer means."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlsplit

import httpx2

from burnish import webhooks as scheme
from burnish._version import __version__
from burnish.retries import retry_after
from burnish_workers.core.kind import SpecError
from burnish_workers.engine.deadlines import seconds_until
from burnish_workers.engine.encoding import rfc3339
from burnish_workers.engine.webhooks import TEST, Delivery, Endpoint
from burnish_workers.outbound.allowed import VARIABLE, check_url
from burnish_workers.outbound.pinned import LeadsInside, NameUnknown, Pinned

MINUTE, HOUR = 60.0, 3_600.0
WAITS = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Seconds before the second, third, ... try, as the scheme recommends: ten tries in three days."""
JITTER = 0.2
LONGEST_ASKED = 24 * HOUR
"""`Retry-After` beyond this is not waited for: the wait is that long."""
MOST_BYTES = 16 * 2**10
"""Of an answer: what it says is read and thrown away, so that nobody reads by way of us what is answered there."""


@dataclass(frozen=True)
class Answer:
    """What came of a try. `status`: None where there was no answer; `error`: in words, None when it was delivered.
    `asked`: seconds of `Retry-After`; `gone`: nobody wants to hear more."""

    status: int | None = None
    error: str | None = None
    asked: float | None = None

    @property
    def gone(self) -> bool:
        return self.status == 410


def pause(tried: int, answer: Answer, draw: float, waits: Sequence[float] = WAITS) -> float | None:
    """Seconds until the next try after `tried` ones, None to give up. `draw`: uniform from [0, 1), for the jitter:
    what failed together does not come back together."""
    if tried > len(waits) or answer.gone:
        return None
    wait = waits[tried - 1] * (1 + JITTER * (2 * draw - 1))
    return max(wait, min(answer.asked or 0.0, LONGEST_ASKED))


def body_of(delivery: Delivery) -> bytes:
    """The message: thin, since whoever wants more asks for the job. Equal at every try."""
    data: dict[str, object] = dict(delivery.data)
    if delivery.type != TEST:
        job = f"/v1/jobs/{delivery.data['id']}"
        data["links"] = {"self": job, "events": f"{job}/events"}
    told = {"type": delivery.type, "timestamp": rfc3339(delivery.at), "data": data}
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()


def headers_of(endpoint: Endpoint, delivery: Delivery, body: bytes, now: str) -> dict[str, str]:
    """Signed with the secret, and with the one before it as long as that is good."""
    secrets = [endpoint.secret]
    if endpoint.previous and endpoint.previous_until and seconds_until(endpoint.previous_until, now) > 0:
        secrets.append(endpoint.previous)
    timestamp = str(int(datetime.fromisoformat(now).timestamp()))
    return {
        "content-type": "application/json",
        "user-agent": f"burnish-webhooks/{__version__}",
        scheme.ID: delivery.id,
        scheme.TIMESTAMP: timestamp,
        scheme.SIGNATURE: " ".join(scheme.sign(secret, delivery.id, timestamp, body) for secret in secrets),
    }


async def attempt(endpoint: Endpoint, delivery: Delivery, now: str, timeout: float) -> Answer:
    """Send it once. Whatever goes wrong is in the answer."""
    body = body_of(delivery)
    try:
        check_url(endpoint.url, "/url", query=True)  # the list may have changed since it was made
        async with asyncio.timeout(timeout):
            return await _sent(endpoint.url, headers_of(endpoint, delivery, body, now), body)
    except SpecError as error:
        return Answer(error=str(error))
    except TimeoutError:
        return Answer(error=f"no answer within {timeout:g} s")
    except LeadsInside as error:
        return Answer(error=f"{error}, which is not in {VARIABLE}: nothing was sent")
    except NameUnknown as error:
        return Answer(error=f"{urlsplit(endpoint.url).hostname} cannot be found: {error}")
    except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
        what = "cannot be reached" if isinstance(error, httpx2.ConnectError) else "broke off"
        return Answer(error=f"{what}: {error or type(error).__name__}")


async def _sent(url: str, headers: dict[str, str], body: bytes) -> Answer:
    # A transport for each try: connections are pooled by address, and a name must not use that of another.
    pinned = Pinned(httpx2.AsyncHTTPTransport(verify=_trusted(), trust_env=False))
    client = httpx2.AsyncClient(transport=pinned, timeout=None, trust_env=False, follow_redirects=False)
    async with client, client.stream("POST", url, content=body, headers=headers) as reply:
        if not 200 <= reply.status_code < 300:
            return Answer(reply.status_code, _words(reply), retry_after(reply.headers, datetime.now(UTC)))
        read = 0
        async for chunk in reply.aiter_raw():
            read += len(chunk)
            if read > MOST_BYTES:
                break
        return Answer(reply.status_code)


def _words(reply: httpx2.Response) -> str:
    """What a status means that is no success. Nothing of what the answer says: it may be none of the tenant's."""
    status = reply.status_code
    if 300 <= status < 400:
        return f"answered {status}: redirects are not followed; register the address that it leads to"
    if status == 410:
        return "answered 410 Gone: nothing is sent there any more"
    return f"answered {status} {reply.reason_phrase}".rstrip()


@cache
def _trusted() -> ssl.SSLContext:
    """Read once: it takes a moment. `SSL_CERT_FILE` and `SSL_CERT_DIR` hold: they are the operator's."""
    return httpx2.create_ssl_context()
