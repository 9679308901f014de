"""Webhooks of one's tenant: the sync and the async side of `client.webhooks`. Receivers use `burnish.webhooks`."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from burnish import calls, wire
from burnish.admin import DAY, AsyncSend, Send


class Webhooks:
    """Of a client: `client.webhooks`. Changing them needs scope `submit`, looking at them `read`."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def create(
        self, url: str, *, events: Sequence[wire.WebhookEvent] | None = None, description: str = ""
    ) -> wire.IssuedWebhook:
        """A new webhook with its secret, which is in this answer alone. `events`: None for the end of any job."""
        return self._send(calls.create_webhook(url, events, description))

    def list(self) -> builtins.list[wire.Webhook]:
        """All of your tenant, newest first."""
        return self._send(calls.webhooks()).data

    def get(self, id: str) -> wire.Webhook:
        """A webhook as it is now."""
        return self._send(calls.webhook(id))

    def delete(self, id: str) -> None:
        """Remove it, with all that it was still to be told."""
        self._send(calls.delete_webhook(id))

    def rotate(self, id: str, *, overlap: int = DAY) -> wire.IssuedWebhook:
        """A new secret; messages are signed with the old one as well for `overlap` seconds more."""
        return self._send(calls.rotate_webhook(id, wire.RotateWebhook(overlap=overlap)))

    def enable(self, id: str) -> wire.Webhook:
        """Send to it again, after it answered 410 Gone."""
        return self._send(calls.enable_webhook(id))

    def test(self, id: str) -> wire.WebhookDelivery:
        """Send it a message now, once; `deliveries` says what came of it."""
        return self._send(calls.test_webhook(id))

    def deliveries(self, id: str, *, limit: int = 20) -> builtins.list[wire.WebhookDelivery]:
        """The last messages to it, newest first: whether they came, when the next try is, what went wrong."""
        return self._send(calls.deliveries(id, limit)).data

    def retry(self, id: str, message: str) -> wire.WebhookDelivery:
        """Send a message that was delivered or given up once more, under the same id."""
        return self._send(calls.retry_delivery(id, message))


class AsyncWebhooks:
    """Of a client: `client.webhooks`. Changing them needs scope `submit`, looking at them `read`."""

    def __init__(self, send: AsyncSend) -> None:
        self._send = send

    async def create(
        self, url: str, *, events: Sequence[wire.WebhookEvent] | None = None, description: str = ""
    ) -> wire.IssuedWebhook:
        """A new webhook with its secret, which is in this answer alone. `events`: None for the end of any job."""
        return await self._send(calls.create_webhook(url, events, description))

    async def list(self) -> builtins.list[wire.Webhook]:
        """All of your tenant, newest first."""
        return (await self._send(calls.webhooks())).data

    async def get(self, id: str) -> wire.Webhook:
        """A webhook as it is now."""
        return await self._send(calls.webhook(id))

    async def delete(self, id: str) -> None:
        """Remove it, with all that it was still to be told."""
        await self._send(calls.delete_webhook(id))

    async def rotate(self, id: str, *, overlap: int = DAY) -> wire.IssuedWebhook:
        """A new secret; messages are signed with the old one as well for `overlap` seconds more."""
        return await self._send(calls.rotate_webhook(id, wire.RotateWebhook(overlap=overlap)))

    async def enable(self, id: str) -> wire.Webhook:
        """Send to it again, after it answered 410 Gone."""
        return await self._send(calls.enable_webhook(id))

    async def test(self, id: str) -> wire.WebhookDelivery:
        """Send it a message now, once; `deliveries` says what came of it."""
        return await self._send(calls.test_webhook(id))

    async def deliveries(self, id: str, *, limit: int = 20) -> builtins.list[wire.WebhookDelivery]:
        """The last messages to it, newest first: whether they came, when the next try is, what went wrong."""
        return (await self._send(calls.deliveries(id, limit))).data

    async def retry(self, id: str, message: str) -> wire.WebhookDelivery:
        """Send a message that was delivered or given up once more, under the same id."""
        return await self._send(calls.retry_delivery(id, message))
