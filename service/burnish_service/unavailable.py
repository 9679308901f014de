"""What Serve's own proxy says of itself while no front can be reached: 503, to be tried again.

Serve says 404 of every path while it knows of no application yet, and 500 when a replica dies under a request or is
gone; both as plain text, which the service itself never sends with these statuses. HAProxy's share is in `haproxy.sh`.
"""

from __future__ import annotations

import json

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burnish_service.lean import stay_lean

PROBLEM = {
    "type": "/problems/unavailable",
    "title": "Unavailable",
    "status": 503,
    "detail": "no part of the service that answers can be reached just now; try again shortly, a POST with the same "
    "Idempotency-Key",
    "errors": [],
    "request_id": None,
}

_OF_SERVE = frozenset({404, 408, 500, 502, 503, 504})
_OWN_PATHS = "/-/"
_HEADERS = [(b"content-type", b"application/problem+json"), (b"retry-after", b"2")]


def middlewares() -> list[Middleware]:
    """Named to Serve by RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH: its proxies call this as they start."""
    stay_lean()
    return [Middleware(Unavailable)]


class Unavailable:
    """Passes on what fronts answer, and replaces what Serve answers in their place."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_OWN_PATHS):
            return await self._app(scope, receive, send)
        await self._app(scope, receive, _Replaced(send))
        return None


class _Replaced:
    """`send` of one request."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._replaced = _is_of_serve(message)
            if self._replaced:
                await self._say()
        if not self._replaced:
            await self._send(message)

    async def _say(self) -> None:
        body = json.dumps(PROBLEM).encode()
        headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": 503, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _is_of_serve(start: Message) -> bool:
    kind = Headers(raw=start.get("headers", [])).get("content-type", "")
    return start["status"] in _OF_SERVE and kind.split(";")[0].strip() in ("text/plain", "")
