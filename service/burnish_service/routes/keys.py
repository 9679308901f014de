"""/v1/keys: API keys, for administrators."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from burnish.wire.keys import ApiKey, ApiKeys, IssuedKey, NewKey, RotateKey
from burnish_service.context import base_of
from burnish_service.openapi import body_of, problem_responses
from burnish_service.problems import read_body
from burnish_service.secrecy import told_once

router = APIRouter(prefix="/v1/keys", tags=["keys"])

BODIES: tuple[type[BaseModel], ...] = (NewKey, RotateKey)


@router.post(
    "",
    status_code=201,
    response_model=IssuedKey,
    openapi_extra=body_of(NewKey),
    responses=problem_responses(400, 409, 413, 415, 422, 503),
)
async def create(request: Request) -> Response:
    """Make a key. It is in this answer alone: a hash is kept. The first key of a service needs scope `admin`."""
    context = base_of(request)
    issued = await context.key_admin.create(await read_body(request, context.settings.max_body))
    context.openness.close()
    return told_once(issued, 201)


@router.get("", responses=problem_responses(503))
async def keys(request: Request) -> ApiKeys:
    """All keys, without their secrets."""
    return await base_of(request).key_admin.list()


@router.get("/{key}", responses=problem_responses(404, 409, 422, 503))
async def get(request: Request, key: str) -> ApiKey:
    """By the public part, between `bk_` and the secret."""
    return await base_of(request).key_admin.get(key)


@router.post(
    "/{key}/rotate",
    response_model=IssuedKey,
    openapi_extra=body_of(RotateKey),
    responses=problem_responses(400, 404, 409, 413, 415, 422, 503),
)
async def rotate(request: Request, key: str) -> Response:
    """Give a key a new secret; the old one is good for `overlap` seconds more."""
    context = base_of(request)
    issued = await context.key_admin.rotate(key, await read_body(request, context.settings.max_body))
    return told_once(issued, 200)


@router.delete(
    "/{key}",
    status_code=204,
    responses={204: {"description": "It opens nothing any more."}, **problem_responses(404, 409, 422, 503)},
)
async def revoke(request: Request, key: str) -> Response:
    """From now on it opens nothing. Idempotent; streams that are open with it end within seconds."""
    await base_of(request).key_admin.revoke(key)
    return Response(status_code=204)
