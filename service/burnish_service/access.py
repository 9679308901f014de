"""Who may come in, and as whom: the key of a request, or nobody's where the service stands open.

It stands open while there is no key, in the settings or in the store, and it listens to this machine alone. Once there
was a key it is closed for good, also when all are revoked: at once for the front that made it and for whatever takes an
administrator, within a second for other fronts (`openness.MOMENT`).
"""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from burnish.wire.keys import Scope
from burnish_service.context import Context, base_of
from burnish_service.settings import Settings
from burnish_workers.engine.api_keys import VARIABLE, is_token, opens, taken_apart
from burnish_workers.engine.quotas import Caller
from burnish_workers.engine.refusals import Refusal
from burnish_workers.engine.tenancy import StoredKey, Tenancy

BEARER = HTTPBearer(
    scheme_name="ApiKey",
    bearerFormat="bk_...",
    description="A key of `/v1/keys`. A service that listens to its own machine alone, and has no keys, needs none.",
    auto_error=False,
)

Credentials = HTTPAuthorizationCredentials | None
Sent = Annotated[Credentials, Security(BEARER)]

_CHALLENGE = 'Bearer realm="burnish"'


class Unauthorised(Refusal):
    """401: no key, or not a good one."""

    def __init__(self, detail: str, *, sent: bool):
        super().__init__(401, "Invalid API key", detail)
        self.headers["WWW-Authenticate"] = _CHALLENGE + (', error="invalid_token"' if sent else "")


class Forbidden(Refusal):
    """403: a good key that may not do this."""

    def __init__(self, scope: Scope, key: StoredKey):
        has = ", ".join(key.scopes)
        detail = f"this takes a key with scope {scope!r}; key {key.id} has {has}. Ask an administrator for another"
        super().__init__(403, "Missing scope", detail)
        self.headers["WWW-Authenticate"] = f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'


async def admitted(request: Request, credentials: Sent) -> None:
    """A dependency of routes: who asks may read, or submit where the method is not GET. Raises Refusal."""
    scope: Scope = "read" if request.method in ("GET", "HEAD") else "submit"
    await _let_in(request, credentials, scope)


async def administrating(request: Request, credentials: Sent) -> None:
    """A dependency of routes: who asks is an administrator. Raises Refusal."""
    await _let_in(request, credentials, "admin")


async def scraping(request: Request, credentials: Sent) -> None:
    """A dependency of /metrics: who asks may read, or has the token of the metrics and sees them all. Raises
    Refusal."""
    token = base_of(request).settings.metrics_token
    if credentials is not None and token and is_token(credentials.credentials, token):
        request.scope["caller"] = Caller()
        return
    await admitted(request, credentials)


async def _let_in(request: Request, credentials: Credentials, scope: Scope) -> None:
    context = base_of(request)
    request.scope["caller"] = await admit(context, credentials, scope)
    request.scope["welcome"] = partial(_welcome, context, credentials, scope)


async def _welcome(context: Context, credentials: Credentials, scope: Scope) -> bool:
    """Whether whoever was let in would be let in again."""
    try:
        await admit(context, credentials, scope)
    except (Unauthorised, Forbidden):
        return False
    return True


async def admit(context: Context, credentials: Credentials, scope: Scope) -> Caller:
    """Whoever sent a request. Raises Refusal: 401, 403."""
    # Whoever makes keys keeps what he was let in for: a second too late would be for good.
    if await stands_open(context, now=scope == "admin"):
        return _caller(context)
    if credentials is None:
        cure = "set BURNISH_API_KEY for SDK and CLI, or send `Authorization: Bearer bk_...`"
        raise Unauthorised(f"this service needs a key: {cure}", sent=False)
    key = await _found(context, credentials.credentials)
    if key is None:
        detail = "there is no such key, or it was revoked, or it has expired; ask an administrator for another"
        raise Unauthorised(detail, sent=True)
    if scope not in key.scopes:
        raise Forbidden(scope, key)
    return _caller(context, key)


async def stands_open(context: Context, *, now: bool = False) -> bool:
    """Whether nobody needs a key; `now`: by the store as it is, not as it was a moment ago. Raises Refusal where there
    is none but should be."""
    if context.configured_keys or await context.openness.has_keys(now=now):
        return False
    settings = context.settings
    if is_loopback(settings.host) or settings.allow_open:
        return True
    detail = f"this service listens on {settings.host} and has no keys yet: its operator sets {VARIABLE}"
    raise Unauthorised(detail, sent=False)


class StandsOpen(RuntimeError):
    """A service was about to serve other machines without asking for keys."""


async def refuse_open(settings: Settings, tenancy: Tenancy) -> None:
    """Raise StandsOpen where a service that is about to start would have to refuse everybody."""
    if settings.api_keys or settings.allow_open or is_loopback(settings.host) or await tenancy.count() > 0:
        return
    raise StandsOpen(
        f"host {settings.host} lets other machines in, and there is no API key. Run `burnish-server key` and set "
        f"{VARIABLE} to the entry it prints (or {VARIABLE}_FILE to a file with it); or listen on 127.0.0.1; or set "
        "BURNISH_ALLOW_OPEN=true, and whoever reaches the service may do everything"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _found(context: Context, text: str) -> StoredKey | None:
    """The key, if it is good now."""
    parts = taken_apart(text)
    if parts is None:
        return None
    id, secret = parts
    key = context.configured_keys.get(id) or await context.tenancy.key(id)
    return key if opens(key, secret, context.clock.now()) else None


def _caller(context: Context, key: StoredKey | None = None) -> Caller:
    if key is None:
        return Caller(quota=lambda: context.quotas.quota(Caller.tenant))
    return Caller(key.tenant, "admin" in key.scopes, lambda: context.quotas.quota(key.tenant))
