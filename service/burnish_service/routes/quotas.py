"""/v1/quotas: one's own, and for administrators those of every tenant."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from burnish.wire.keys import QuotaUse, TenantQuota
from burnish_service.context import base_of, caller_of
from burnish_service.openapi import body_of, problem_responses
from burnish_service.problems import read_body

router = APIRouter(prefix="/v1/quotas", tags=["keys"])
admin = APIRouter(prefix="/v1/quotas", tags=["keys"])

BODIES: tuple[type[BaseModel], ...] = (TenantQuota,)


@router.get("", responses=problem_responses(503))
async def own(request: Request) -> QuotaUse:
    """What the tenant of this key may have, and what is in use of it."""
    return await base_of(request).quotas.use(caller_of(request).tenant)


@admin.get("/{tenant}", responses=problem_responses(404, 422, 503))
async def get(request: Request, tenant: str) -> QuotaUse:
    return await base_of(request).quotas.use(tenant)


@admin.put("/{tenant}", openapi_extra=body_of(TenantQuota), responses=problem_responses(400, 404, 413, 415, 422, 503))
async def put(request: Request, tenant: str) -> QuotaUse:
    """Set a tenant's limits in place of the usual ones (BURNISH_QUOTA_...); one that is left out is none."""
    context = base_of(request)
    return await context.quotas.set(tenant, await read_body(request, context.settings.max_body))


@admin.delete(
    "/{tenant}",
    status_code=204,
    responses={204: {"description": "The usual limits hold."}, **problem_responses(404, 422, 503)},
)
async def delete(request: Request, tenant: str) -> Response:
    """Back to the usual limits."""
    await base_of(request).quotas.forget(tenant)
    return Response(status_code=204)
