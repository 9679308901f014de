"""/v1/jobs/{job}/observations: those that a job assimilates, and the next ones."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from burnish.wire import ObservationPage, Observe, Observed
from burnish_service.context import context_of
from burnish_service.openapi import body_of, problem_responses
from burnish_service.problems import read_body
from burnish_workers.engine.app import EVENT_PAGE

router = APIRouter(prefix="/v1/jobs/{job}/observations", tags=["observations"])

BODIES: tuple[type[BaseModel], ...] = (Observe,)


@router.post("", openapi_extra=body_of(Observe), responses=problem_responses(400, 404, 409, 413, 415, 422, 503))
async def observe(request: Request, job: str) -> Observed:
    """Take the next observation, or several. Idempotent by index: the same again changes nothing, another is a 409."""
    context = context_of(request)
    return await context.observing.observe(job, await read_body(request, context.settings.max_body))


@router.get("", responses=problem_responses(404, 409, 422, 503))
async def observations(
    request: Request,
    job: str,
    after: Annotated[int, Query(ge=-1, le=2**31, description="The index before the first one to list.")] = -1,
    limit: Annotated[int, Query(ge=1, le=EVENT_PAGE)] = EVENT_PAGE,
) -> ObservationPage:
    """All observations of a job, those of its spec first."""
    return await context_of(request).observing.listed(job, after, limit)
