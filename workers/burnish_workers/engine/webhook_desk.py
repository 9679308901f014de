"""What a tenant does with its webhooks: make, list, rotate, test, remove, see what came of messages. No HTTP.

Errors are `Refusal`s. Only the tenant's own are seen: another's is one that does not exist.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from datetime import datetime
from urllib.parse import urlsplit

from burnish import webhooks as scheme
from burnish.wire import (
    IssuedWebhook,
    NewWebhook,
    RotateWebhook,
    Webhook,
    WebhookDeliveries,
    WebhookDelivery,
    WebhookList,
)
from burnish.wire.problem import FieldError
from burnish.wire.webhooks import MOST_DELIVERIES, MOST_WEBHOOKS
from burnish_workers.core.kind import SpecError
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.deadlines import later
from burnish_workers.engine.encoding import rfc3339
from burnish_workers.engine.ids import fresh_id
from burnish_workers.engine.reading import read_json, validated
from burnish_workers.engine.refusals import Refusal, invalid
from burnish_workers.engine.webhooks import TEST, Delivery, Endpoint, Webhooks
from burnish_workers.outbound.allowed import VARIABLE, check_url
from burnish_workers.outbound.pinned import LeadsInside, NameUnknown, addresses_of

PATIENCE = 5.0
"""Seconds for finding out where a name leads."""


class WebhookDesk:
    """Of one tenant."""

    def __init__(self, webhooks: Webhooks, tenant: str, clock: Clock):
        self._webhooks, self._tenant, self._clock = webhooks, tenant, clock

    async def create(self, body: bytes) -> IssuedWebhook:
        """A new one, with its secret. Raises Refusal."""
        asked = validated(NewWebhook, body, read_json(body))
        await _check(asked.url)
        endpoint = Endpoint(
            id=fresh_id("wh_"),
            tenant=self._tenant,
            url=asked.url,
            events=tuple(dict.fromkeys(asked.events)),
            created_at=self._clock.now(),
            secret=_secret(),
            description=asked.description,
        )
        if not await self._webhooks.add(endpoint, MOST_WEBHOOKS):
            detail = f"you have {MOST_WEBHOOKS} webhooks, as many as there may be; remove one first"
            raise Refusal(409, "Too many webhooks", detail)
        return _issued(endpoint)

    async def list(self) -> WebhookList:
        return WebhookList(data=[_shown(each) for each in await self._webhooks.list(self._tenant)])

    async def get(self, id: str) -> Webhook:
        """Raises Refusal."""
        return _shown(await self._found(id))

    async def remove(self, id: str) -> None:
        """With all that it was to be told. Raises Refusal."""
        await self._webhooks.remove(await self._found(id))

    async def rotate(self, id: str, body: bytes) -> IssuedWebhook:
        """A new secret; the one before signs as well for a while. Raises Refusal."""
        asked = validated(RotateWebhook, body or b"{}", read_json(body or b"{}"))
        before, now = await self._found(id), self._clock.now()
        kept = (before.secret, later(now, asked.overlap)) if asked.overlap else (None, None)
        after = before.with_changes(secret=_secret(), previous=kept[0], previous_until=kept[1])
        return _issued(await self._swapped(before, after))

    async def enable(self, id: str) -> Webhook:
        """Send to it again, also what still waits; idempotent. Raises Refusal."""
        before = await self._found(id)
        if before.disabled_at is None:
            return _shown(before)
        await _check(before.url)
        return _shown(await self._swapped(before, before.with_changes(disabled_at=None, disabled_why=None)))

    async def test(self, id: str) -> WebhookDelivery:
        """Send a message now, once. Raises Refusal."""
        endpoint = await self._found(id)
        if endpoint.disabled_at is not None:
            detail = f"webhook {id} is disabled: {endpoint.disabled_why}; POST /v1/webhooks/{id}/enable undoes that"
            raise Refusal(409, "Disabled", detail)
        last = await self._webhooks.deliveries(endpoint, MOST_DELIVERIES)
        if any(each.type == TEST and each.state == "waiting" for each in last):
            raise Refusal(409, "Under way", f"a test of webhook {id} is on its way; see its deliveries")
        now = datetime.fromisoformat(self._clock.now()).timestamp()
        delivery = Delivery(fresh_id("msg_test_"), TEST, now, {"webhook": id})
        await self._webhooks.post(endpoint, delivery)
        return _told(delivery)

    async def deliveries(self, id: str, limit: int) -> WebhookDeliveries:
        """Raises Refusal."""
        found = await self._webhooks.deliveries(await self._found(id), min(limit, MOST_DELIVERIES))
        return WebhookDeliveries(data=[_told(each) for each in found])

    async def again(self, id: str, message: str) -> WebhookDelivery:
        """Send a settled message once more, now, under its id. Raises Refusal."""
        delivery = await self._webhooks.again(await self._found(id), message)
        if delivery is None:
            detail = f"webhook {id} has no message {message[:80]!r} that was delivered or given up"
            raise Refusal(404, "Not found", f"{detail}; GET /v1/webhooks/{id}/deliveries lists the last ones")
        return _told(delivery)

    async def _found(self, id: str) -> Endpoint:
        endpoint = await self._webhooks.get(self._tenant, id)
        if endpoint is None:
            raise Refusal(404, "Not found", f"there is no webhook {id[:80]!r}; GET /v1/webhooks lists yours")
        return endpoint

    async def _swapped(self, before: Endpoint, after: Endpoint) -> Endpoint:
        if not await self._webhooks.swap(before, after):
            detail = f"webhook {before.id} was changed just now; look at it, and try again"
            raise Refusal(409, "Changed meanwhile", detail)
        return after


async def _check(url: str) -> None:
    """Whether the operator allows it, and the name leads where it may. Raises Refusal."""
    try:
        check_url(url, "/url", query=True)
        parts = urlsplit(url)
        async with asyncio.timeout(PATIENCE):
            await addresses_of(parts.hostname or "", parts.port)
    except SpecError as error:
        raise invalid([FieldError(pointer=error.pointer, detail=str(error))]) from None
    except LeadsInside as error:
        detail = f"{error}; its operator lists that in {VARIABLE} too where that is meant"
        raise invalid([FieldError(pointer="/url", detail=detail)]) from None
    except (NameUnknown, TimeoutError) as error:
        detail = f"{urlsplit(url).hostname} cannot be found: {error or 'no answer'}; check the name"
        raise invalid([FieldError(pointer="/url", detail=detail)]) from None


def _secret() -> str:
    return scheme.PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _shown(endpoint: Endpoint) -> Webhook:
    return Webhook.model_validate(_fields(endpoint))


def _issued(endpoint: Endpoint) -> IssuedWebhook:
    return IssuedWebhook.model_validate({**_fields(endpoint), "secret": endpoint.secret})


def _fields(endpoint: Endpoint) -> dict[str, object]:
    """Without secrets."""
    shown = set(Webhook.model_fields) - {"events"}
    return {**{name: getattr(endpoint, name) for name in shown}, "events": list(endpoint.events)}


def _told(delivery: Delivery) -> WebhookDelivery:
    waiting = delivery.state == "waiting"
    return WebhookDelivery(
        id=delivery.id,
        type=delivery.type,
        job=delivery.data.get("id"),
        state=delivery.state,
        at=rfc3339(delivery.at),
        attempts=delivery.attempts,
        next_at=rfc3339(delivery.at if delivery.next_at is None else delivery.next_at) if waiting else None,
        tried_at=None if delivery.tried_at is None else rfc3339(delivery.tried_at),
        status=delivery.status,
        error=delivery.error,
    )
