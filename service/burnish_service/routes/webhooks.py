"""/v1/webhooks: where a tenant is told that its jobs have ended."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from burnish.wire import (
    IssuedWebhook,
    NewWebhook,
    RotateWebhook,
    Webhook,
    WebhookDeliveries,
    WebhookDelivery,
    WebhookList,
)
from burnish.wire.webhooks import MOST_DELIVERIES
from burnish_service.context import base_of, caller_of
from burnish_service.openapi import body_of, problem_responses
from burnish_service.problems import read_body
from burnish_service.secrecy import told_once
from burnish_workers.engine.webhook_desk import WebhookDesk

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

BODIES: tuple[type[BaseModel], ...] = (NewWebhook, RotateWebhook)

Limit = Annotated[int, Query(ge=1, le=MOST_DELIVERIES)]


def _desk(request: Request) -> WebhookDesk:
    return base_of(request).webhooks_of(caller_of(request))


async def _body(request: Request) -> bytes:
    return await read_body(request, base_of(request).settings.max_body)


@router.post(
    "",
    status_code=201,
    response_model=IssuedWebhook,
    openapi_extra=body_of(NewWebhook),
    responses=problem_responses(400, 409, 413, 415, 422, 503),
)
async def create(request: Request) -> Response:
    """Make a webhook. The secret that its messages are signed with, by the Standard Webhooks scheme, is in this answer
    alone. Its server must be one that the operator allows."""
    issued = await _desk(request).create(await _body(request))
    return told_once(issued, 201, {"Location": f"/v1/webhooks/{issued.id}"})


@router.get("", responses=problem_responses(503))
async def webhooks(request: Request) -> WebhookList:
    """All of your tenant, newest first."""
    return await _desk(request).list()


@router.get("/{webhook}", responses=problem_responses(404, 422, 503))
async def get(request: Request, webhook: str) -> Webhook:
    return await _desk(request).get(webhook)


@router.delete(
    "/{webhook}",
    status_code=204,
    responses={204: {"description": "Nothing is sent there any more."}, **problem_responses(404, 422, 503)},
)
async def delete(request: Request, webhook: str) -> Response:
    """Remove it, with all that it was still to be told."""
    await _desk(request).remove(webhook)
    return Response(status_code=204)


@router.post(
    "/{webhook}/rotate",
    response_model=IssuedWebhook,
    openapi_extra=body_of(RotateWebhook),
    responses=problem_responses(400, 404, 409, 413, 415, 422, 503),
)
async def rotate(request: Request, webhook: str) -> Response:
    """Give it a new secret; messages are signed with the old one as well for `overlap` seconds more."""
    issued = await _desk(request).rotate(webhook, await _body(request))
    return told_once(issued, 200)


@router.post("/{webhook}/enable", responses=problem_responses(404, 409, 422, 503))
async def enable(request: Request, webhook: str) -> Webhook:
    """Send to it again, after it answered 410 Gone and was disabled. Idempotent."""
    return await _desk(request).enable(webhook)


@router.post("/{webhook}/test", status_code=202, responses=problem_responses(404, 409, 422, 503))
async def test(request: Request, webhook: str) -> WebhookDelivery:
    """Send it a message of type `webhook.test`, now and once. Its deliveries say what came of it."""
    return await _desk(request).test(webhook)


@router.get("/{webhook}/deliveries", responses=problem_responses(404, 422, 503))
async def deliveries(request: Request, webhook: str, limit: Limit = 20) -> WebhookDeliveries:
    """The last messages to it, newest first: whether they came, when the next try is, and what went wrong."""
    return await _desk(request).deliveries(webhook, limit)


@router.post("/{webhook}/deliveries/{message}/retry", status_code=202, responses=problem_responses(404, 422, 503))
async def retry(request: Request, webhook: str, message: str) -> WebhookDelivery:
    """Send a message that was delivered or given up once more, under the same id."""
    return await _desk(request).again(webhook, message)
