"""Webhooks: where a tenant wants to be told that its jobs have ended, and how that went. The secret is shown once."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from burnish.wire.base import Received, Wire
from burnish.wire.keys import LONGEST_OVERLAP

WebhookEvent = Literal["job.completed", "job.failed", "job.crashed", "job.cancelled"]
"""How a job ended; one that goes on later (`extend`, `resume`) ends again, and is told of again."""

WEBHOOK_EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)
MOST_WEBHOOKS = 20
"""Of one tenant."""
MOST_DELIVERIES = 200
"""That are kept of one webhook once they are settled, and that are listed at once."""


class NewWebhook(Wire):
    """A webhook to be made."""

    url: str = Field(
        min_length=1,
        max_length=2_000,
        description="Of a server that the operator allows (BURNISH_OUTBOUND), as in https://hooks.example.org/burnish.",
    )
    events: list[WebhookEvent] = Field(
        default=list(WEBHOOK_EVENTS), min_length=1, max_length=len(WEBHOOK_EVENTS), description="What is told to it."
    )
    description: str = Field(default="", max_length=200, description="For you to know it by.")


class RotateWebhook(Wire):
    """A new secret for a webhook."""

    overlap: int = Field(
        default=86_400,
        ge=0,
        le=LONGEST_OVERLAP,
        description="Seconds for which messages are signed with the old secret as well.",
    )


class Webhook(Received):
    """A webhook as it is listed. `disabled_at`: since then nothing is sent, `disabled_why` says why.

    `previous_until`: until then messages are signed with the secret before the last rotation as well.
    """

    id: str
    url: str
    events: list[str]
    description: str = ""
    created_at: str
    previous_until: str | None = None
    disabled_at: str | None = None
    disabled_why: str | None = None


class IssuedWebhook(Webhook):
    """A webhook and, this once, the secret that its messages are signed with."""

    secret: str


class WebhookList(Received):
    """All webhooks of a tenant, newest first."""

    data: list[Webhook]


class WebhookDelivery(Received):
    """One message to one webhook. `id`: its `webhook-id`, the same at every try; `job`: null for a test.

    `waiting`: tried next at `next_at`. `delivered`: answered with a status 2xx. `failed`: given up, see `error`.
    `status`: of the last answer, null where there was none; `error`: what went wrong at the last try.
    """

    id: str
    type: str
    job: str | None
    state: Literal["waiting", "delivered", "failed"]
    at: str
    attempts: int
    next_at: str | None = None
    tried_at: str | None = None
    status: int | None = None
    error: str | None = None


class WebhookDeliveries(Received):
    """The last messages to a webhook, newest first."""

    data: list[WebhookDelivery]
