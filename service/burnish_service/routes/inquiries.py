"""/v1/plan, /v1/jobs/{job}/verify and /v1/usage: what a job would cost, whether it reproduces, what was spent."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from burnish.wire import Job, Plan, Usage, Verification, VerifyRequest
from burnish_service.context import context_of
from burnish_service.openapi import body_of, problem_responses
from burnish_service.problems import read_body
from burnish_service.routes.jobs import SPECS
from burnish_workers.engine.inquiries import Answered

router = APIRouter(prefix="/v1")

BODIES: tuple[type[BaseModel], ...] = (VerifyRequest,)

_LATER = {
    "model": Job,
    "description": "It takes longer than 10 s: a job, at `Location`, will end with it.",
}


@router.post(
    "/plan",
    response_model=Plan,
    tags=["jobs"],
    openapi_extra=body_of(*SPECS),
    responses={202: _LATER, **problem_responses(400, 413, 415, 422, 429, 500, 503)},
)
async def plan(request: Request) -> Response:
    """What this job would cost and reach, without running it beyond a pilot."""
    context = context_of(request)
    body = await read_body(request, context.settings.max_body)
    return _answer(await context.inquiries.plan(body))


@router.post(
    "/jobs/{job}/verify",
    response_model=Verification,
    tags=["jobs"],
    openapi_extra=body_of(VerifyRequest),
    responses={202: _LATER, **problem_responses(400, 404, 409, 413, 415, 422, 429, 500, 503)},
)
async def verify(request: Request, job: str) -> Response:
    """Run a sample of a job's blocks again and compare them, bit by bit, with what the ledger holds."""
    context = context_of(request)
    body = await read_body(request, context.settings.max_body)
    return _answer(await context.inquiries.verify(job, body))


@router.get("/usage", tags=["usage"], responses=problem_responses(422, 503))
async def usage(request: Request, days: Annotated[int, Query(ge=1, le=3_660)] = 30) -> Usage:
    """What was spent in the last days (UTC), by kind; deleted jobs count too."""
    return await context_of(request).app.usage(days)


def _answer(answered: Answered) -> Response:
    if answered.outcome is None:
        job = answered.job
        return JSONResponse(job.model_dump(mode="json"), 202, {"Location": job.links.self})
    return JSONResponse(answered.outcome.model_dump(mode="json"))
