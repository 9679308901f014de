"""Is a webhook from the service, and as it was sent? By the Standard Webhooks scheme, with the standard library alone.

    from burnish import webhooks

    message = webhooks.verify(secret, request.headers, body)
    print(message["type"], message["data"]["id"])

Messages may come twice, with the same header `webhook-id`: remember those that were handled.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

PREFIX = "whsec_"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = 300.0
"""Seconds by which the clocks of sender and receiver, and the way, may differ."""


class NotGenuine(ValueError):
    """The message was not signed with the secret, or was changed, or is too old: answer it with 400 and forget it."""


def verify(
    secret: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> dict[str, Any]:
    """The message in the body: `type`, `timestamp`, `data`. Raises NotGenuine.

    `secret`: `whsec_...`, or several while one takes another's place. `headers`: of the request, in any case. `body`:
    as it came, before anything reads it as JSON. `tolerance`: seconds that a message may be old, or ahead. `now`:
    seconds since 1970, by default those of this machine.
    """
    told = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not told.get(name)]
    if missing:
        raise NotGenuine(f"no webhook of the Standard Webhooks scheme: header {missing[0]} is missing")
    id, timestamp, signatures = told[ID], told[TIMESTAMP], told[SIGNATURE].split(" ")
    raw = body.encode() if isinstance(body, str) else body
    _check_age(timestamp, time.time() if now is None else now, tolerance)
    secrets = [secret] if isinstance(secret, str) else secret
    expected = [sign(each, id, timestamp, raw) for each in secrets]
    # Every pair is compared: how long it takes tells nothing of which one fits.
    fits = [hmac.compare_digest(one.encode(), other.encode()) for one in expected for other in signatures]
    if True not in fits:
        raise NotGenuine("no signature fits: another secret, or the body is not as it was sent")
    try:
        return json.loads(raw)
    except ValueError as error:
        raise NotGenuine(f"the body is no JSON: {error}") from None


def sign(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """The signature of a message: `v1,` and the HMAC-SHA256 of `<id>.<timestamp>.<body>` in base64.

    `timestamp`: whole seconds since 1970. Raises ValueError for what is no secret.
    """
    digest = hmac.new(_key(secret), f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:  # binascii.Error is one
        key = b""
    if not key:
        raise ValueError(f"this is no secret of a webhook: they are {PREFIX} and base64, as shown when one is made")
    return key


def _check_age(timestamp: str, now: float, tolerance: float) -> None:
    if not (timestamp.isascii() and timestamp.isdecimal()):
        raise NotGenuine(f"header {TIMESTAMP} holds no whole number of seconds: {timestamp[:40]!r}")
    age = now - int(timestamp)
    if abs(age) > tolerance:
        raise NotGenuine(f"sent {abs(age):.0f} s {'ago' if age > 0 else 'ahead'}: more than {tolerance:g} s")
