"""Asking a server in JSON: deadlines, retries, and clear words where it does not answer.

**Asking again does not bend the law.** A request draws, and changes nothing at the server; of an answer that failed
nothing is used. So what is kept has the law of a fresh draw, given that it did not fail; that is pi_ref as long as
failing does not depend on what was drawn. Connections refused, 429, 503 and restarts do not. A time-out would, where
long answers were likelier to meet it: so the deadline is made for the longest step that may be drawn (`patience`), and
only a server that stands still misses it. A retry with the same seed draws the same from servers that honour seeds.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2

from burnish.retries import TRANSIENT, Retries, is_transient, retry_after
from burnish_workers.kinds.reasoning.outbound.faults import Refused, ServerFault, excerpt
from burnish_workers.kinds.reasoning.outbound.waiting import OUTBOUND
from burnish_workers.outbound.allowed import VARIABLE, key_for
from burnish_workers.outbound.pinned import LeadsInside, NameUnknown, Pinned

CONNECT = 5.0
MOST_BYTES = 16 * 2**20
AT_ONCE = 32
"""Requests of one process that a server has at once; more wait here."""

PATIENCE, EACH_TOKEN = 30.0, 0.5
"""Seconds for an answer, and for each token that it may have: a server that writes slower stands still."""


def patience(tokens: int) -> float:
    """The deadline of an answer of at most so many tokens."""
    return PATIENCE + EACH_TOKEN * tokens


RETRIES, ONCE_MORE = Retries(), 1
"""What stood still once is asked once more: a job has a clock."""

_BROKEN = TRANSIENT | {500}


@dataclass(frozen=True)
class Link:
    """A server at `base`, which was checked to be allowed. `retries`: what is asked again, and how often."""

    base: str
    retries: Retries | None = None

    def patient(self, retries: Retries) -> Link:
        return replace(self, retries=retries)

    async def post(self, path: str, body: Mapping[str, Any], patience: float) -> Any:
        """The JSON that the server answers. Raises Refused for 4xx, ServerFault when it did not help to ask again."""
        return await self._ask("POST", path, json.dumps(body, allow_nan=False).encode(), patience)

    async def get(self, path: str) -> Any:
        return await self._ask("GET", path, None, PATIENCE)

    async def _ask(self, method: str, path: str, body: bytes | None, patience: float) -> Any:
        retries, tried = self.retries or RETRIES, 0
        while True:
            try:
                return await self._once(method, path, body, patience)
            except _Failed as failed:
                allowed = replace(retries, attempts=min(retries.attempts, failed.most))
                pause = allowed.pause(tried, draw=random.random(), asked=failed.asked)
                if pause is None:
                    times = f" ({tried + 1} times)" if tried else ""
                    what = f"the server {self.base} {failed}{times}; {failed.cure}"
                    raise ServerFault(what, failed.status) from None
            await asyncio.sleep(pause)
            tried += 1

    async def _once(self, method: str, path: str, body: bytes | None, patience: float) -> Any:
        client = _client(self.base)
        try:
            async with client.room, asyncio.timeout(patience):
                return await self._read(client, method, path, body)
        except TimeoutError:
            what = f"did not finish an answer within {patience:g} s"
            raise _Failed(what, "it is slow or stands still", most=ONCE_MORE) from None
        except LeadsInside as error:
            what = f"the server {self.base} leads to the private address {error.address}"
            raise ServerFault(f"{what}; list that in {VARIABLE} too") from None
        except NameUnknown as error:
            raise _Failed(f"cannot be found: {error}", "check the name") from None
        except httpx2.TransportError as error:
            what = str(error) or type(error).__name__
            if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                raise _Failed(f"cannot be reached: {what}", "start it, then resume the job") from None
            if is_transient(error):
                raise _Failed(f"broke off in mid-answer: {what}", "look into its log, then resume the job") from None
            raise ServerFault(f"the server {self.base} does not speak HTTP as it should: {what}") from None

    async def _read(self, client: _Client, method: str, path: str, body: bytes | None) -> Any:
        headers = {"content-type": "application/json", "accept": "application/json"}
        if key := key_for(self.base):
            headers["authorization"] = f"Bearer {key}"
        async with client.http.stream(method, self.base + path, content=body, headers=headers) as reply:
            data = bytearray()
            async for chunk in reply.aiter_bytes():
                data += chunk
                if len(data) > MOST_BYTES:
                    raise _Failed(f"answers with more than {MOST_BYTES:,} bytes", "is it the right one?")
        return _content(reply, data.decode("utf-8", "replace"))


def _content(reply: httpx2.Response, text: str) -> Any:
    """The JSON of an answer. Raises _Failed, Refused, ServerFault."""
    status = reply.status_code
    if status in _BROKEN:
        asked = retry_after(reply.headers, datetime.now(UTC))
        cure = "it is overloaded or broken; try later, then resume the job"
        raise _Failed(f"answers with status {status}: {_said(text)}", cure, asked, status=status)
    if status >= 400:
        raise Refused(status, _said(text))
    if status != 200:
        where = f" to {excerpt(reply.headers['location'])!r}" if "location" in reply.headers else ""
        raise ServerFault(f"the server {reply.request.url} answers with status {status}{where}, not with an answer")
    try:
        return json.loads(text)
    except ValueError:
        raise _Failed(f"answers with what is no JSON: {excerpt(text)!r}", "is it the right one?") from None


def _said(text: str) -> str:
    """The message in an error of a server, which has many forms."""
    try:
        found = json.loads(text)
    except ValueError:
        return excerpt(text) or "nothing more"
    for name in ("error", "detail", "message"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    if isinstance(found, dict) and found.get("message"):
        found = found["message"]
    return excerpt(found if isinstance(found, str) else json.dumps(found)) or "nothing more"


class _Failed(Exception):
    """An attempt that may be made again, `most` times. `cure`: what to do if that does not help; `asked`: how long to
    wait, by Retry-After."""

    def __init__(
        self, what: str, cure: str, asked: float | None = None, *, most: int = 1_000, status: int | None = None
    ):
        super().__init__(what)
        self.cure, self.asked, self.most, self.status = cure, asked, most, status


@dataclass(frozen=True)
class _Client:
    http: httpx2.AsyncClient
    room: asyncio.Semaphore


_clients: dict[str, _Client] = {}


def _client(base: str) -> _Client:
    """The open client of a server, in the loop of this process."""
    parts = urlsplit(base)
    origin = f"{parts.scheme}://{parts.netloc}"
    if origin not in _clients:
        timeout = httpx2.Timeout(None, connect=CONNECT)
        limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        pinned = Pinned(httpx2.AsyncHTTPTransport(limits=limits, trust_env=False))
        http = httpx2.AsyncClient(transport=pinned, timeout=timeout, trust_env=False, follow_redirects=False)
        _clients[origin] = _Client(http, asyncio.Semaphore(AT_ONCE))

        async def leave() -> None:
            _clients.pop(origin, None)
            await http.aclose()

        OUTBOUND.on_close(leave)
    return _clients[origin]
