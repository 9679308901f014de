"""/v1/jobs: create, read, extend, cancel, resume, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from burnish.wire import Budget, DeadlineProblem, Job, JobPage, JobStatus, LedgerPage, Problem
from burnish.wire.job import TERMINAL
from burnish_service.context import Context, context_of
from burnish_service.openapi import body_of, problem_responses
from burnish_service.problems import read_body
from burnish_service.streams import STREAM_HEADERS, job_stream
from burnish_workers.core.registry import own_kinds
from burnish_workers.engine.app import EVENT_PAGE, PAGE
from burnish_workers.engine.artifact_names import media_type_of
from burnish_workers.engine.refusals import Refusal

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MAX_WAIT = 60.0

_FILE = {"schema": {"type": "string", "format": "binary"}}

IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="The same key and body within 24 h: the same job, once."),
]


SPECS: tuple[type[BaseModel], ...] = tuple(kind.spec for kind in own_kinds())
"""One for each kind of this product: what may be posted. Those of third parties are shown by /v1/kinds."""

BODIES: tuple[type[BaseModel], ...] = (*SPECS, Budget, DeadlineProblem, Problem)
"""Models that only appear in hand-written parts of the OpenAPI document."""


@router.post(
    "",
    status_code=202,
    response_model=Job,
    openapi_extra=body_of(*SPECS),
    responses=problem_responses(400, 409, 413, 415, 422, 429, 500, 503),
)
async def create(
    request: Request,
    idempotency_key: IdempotencyKey = None,
    prefer: Annotated[str | None, Header(description="`wait=N`: answer after N s or at the end (at most 60).")] = None,
) -> Response:
    """Queue a job. With `Accept: text/event-stream` its events are streamed at once.

    With a tolerance and a deadline it is promised: the answer comes after a pilot, and is a 409 (`DeadlineProblem`)
    with the tolerance that could be met when this one cannot.
    """
    context = context_of(request)
    wait = _wait(prefer)
    body = await read_body(request, context.settings.max_body)
    accepted = await context.promising.create(body, idempotency_key)
    job = accepted.job
    headers = {"Location": job.links.self}
    if accepted.replayed:
        headers["Idempotent-Replayed"] = "true"
    if "text/event-stream" in request.headers.get("accept", ""):
        stream = job_stream(context, job.id, 0)
        return StreamingResponse(stream, 202, {**headers, **STREAM_HEADERS}, media_type="text/event-stream")
    if wait:
        job = await _finished(context, job, wait)
        headers["Preference-Applied"] = f"wait={wait:g}"
    return JSONResponse(job.model_dump(mode="json"), 202, headers)


def _wait(prefer: str | None) -> float:
    for part in (prefer or "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "wait":
            if not value.isdecimal() or len(value) > 9:
                raise Refusal(400, "Invalid header", f"Prefer: {prefer!r}; write wait=N with whole seconds N")
            return min(float(value), MAX_WAIT)
    return 0.0


async def _finished(context: Context, job: Job, wait: float) -> Job:
    after, deadline = 0, context.clock.monotonic() + wait
    while (left := deadline - context.clock.monotonic()) > 0:
        events = await context.app.next_events(job.id, after, left)
        after = events[-1].sequence if events else after
        if any(event.type in TERMINAL for event in events):
            break
    return await context.app.get(job.id)


@router.get("", responses=problem_responses(422, 503))
async def list_jobs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 20,
    after: Annotated[str | None, Query(max_length=100, description="The last job of the page before.")] = None,
    status: JobStatus | None = None,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    canaries: Annotated[bool, Query(description="With the known answers that the service runs on itself.")] = False,
) -> JobPage:
    """Newest first."""
    return await context_of(request).app.list(limit, after, status, kind, canaries)


@router.get("/{job}", responses=problem_responses(404, 422, 503))
async def get(request: Request, job: str) -> Job:
    """The job as it is now: its spec, its resolution, its newest refinement, what it spent."""
    return await context_of(request).app.get(job)


@router.post(
    "/{job}/budget", openapi_extra=body_of(Budget), responses=problem_responses(400, 404, 409, 413, 415, 422, 429, 503)
)
async def extend(request: Request, job: str, idempotency_key: IdempotencyKey = None) -> Job:
    """Think longer: amounts add to the budget, tolerances replace; a finished job goes on from its frontier."""
    context = context_of(request)
    return await context.app.extend(job, await read_body(request, context.settings.max_body), idempotency_key)


@router.post("/{job}/cancel", responses=problem_responses(404, 422, 503))
async def cancel(request: Request, job: str) -> Job:
    """Stop at the next block boundary and keep the last refinement. Idempotent."""
    return await context_of(request).app.cancel(job)


@router.post("/{job}/resume", responses=problem_responses(404, 409, 422, 429, 503))
async def resume(request: Request, job: str) -> Job:
    """A crashed job goes on from its frontier."""
    return await context_of(request).app.resume(job)


@router.delete(
    "/{job}",
    status_code=204,
    responses={204: {"description": "It is gone."}, **problem_responses(404, 409, 422, 503)},
)
async def delete(request: Request, job: str) -> Response:
    """Forget a job that has ended, with its events, its ledger and what it left behind."""
    await context_of(request).app.delete(job)
    return Response(status_code=204)


@router.get(
    "/{job}/artifacts/{name}",
    response_class=Response,
    responses={
        200: {"content": dict.fromkeys(("application/octet-stream", "application/json", "image/png"), _FILE)},
        **problem_responses(404, 422, 503),
    },
)
async def artifact(request: Request, job: str, name: str) -> Response:
    """A file that a job left: all outputs of a large answer (`arrays` of a refinement), samples or pictures (its
    `artifacts`)."""
    data = await context_of(request).app.artifact(job, name)
    return Response(data, media_type=media_type_of(name))


@router.get("/{job}/ledger", responses=problem_responses(404, 422, 503))
async def ledger(
    request: Request,
    job: str,
    after: Annotated[int, Query(ge=-1, le=2**53)] = -1,
    limit: Annotated[int, Query(ge=1, le=EVENT_PAGE)] = EVENT_PAGE,
) -> LedgerPage:
    """A row for each folded block: the digest of its statistics, where it ran, and how often it had to be issued."""
    return await context_of(request).app.ledger(job, after, limit)
