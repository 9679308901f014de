"""/v1/responses: jobs of kind `reasoning` behind OpenAI's API, in the background, resumable, cancellable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel

from burnish.wire import Job
from burnish_service.access import Unauthorised
from burnish_service.adapters.errors import OpenAIError
from burnish_service.adapters.requests import ResponseRequest
from burnish_service.adapters.responses import PREFIX, Unfolding, job_of, mark_of
from burnish_service.adapters.specs import response_spec
from burnish_service.context import Context, context_of
from burnish_service.following import followed, so_far
from burnish_service.openapi import body_of
from burnish_service.routes.adapted import JOB_HEADER, Route, compact, created, error_responses, failure, read
from burnish_service.routes.jobs import IdempotencyKey
from burnish_service.streams import HEARTBEAT
from burnish_service.tied import Gone, TiedStream, tied, while_there
from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.refusals import Refusal

router = APIRouter(prefix="/v1/responses", tags=["openai"], route_class=Route)

BODIES: tuple[type[BaseModel], ...] = (ResponseRequest, OpenAIError)

_ANSWER = {
    200: {
        "description": "The response, or with `stream` its events. `x-burnish-job` names the job.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.post(
    "",
    openapi_extra=body_of(ResponseRequest),
    responses={**_ANSWER, **error_responses(400, 404, 409, 413, 415, 429, 500, 503)},
)
async def create(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """A job that reasons about the input. It is cancelled when its reader leaves, unless it runs in the background."""
    context = context_of(request)
    asked = await read(request, context, ResponseRequest)
    keep = bool(asked.background) or asked.burnish.keep
    job = await created(context, response_spec(asked), idempotency_key, keep=keep)
    if asked.stream:
        return _streamed(context, job, -1, keep=keep)
    if asked.background:
        return _document(await _now(context, job), job)
    try:
        async with tied(context, job.id, keep=keep):
            found = await while_there(request, _end(context, job))
    except Gone:
        return Response(status_code=400)  # nobody is there to read it
    return failure(found.finding) if found.finding.error is not None else _document(found, job)


@router.get("/{response}", responses={**_ANSWER, **error_responses(400, 404, 503)})
async def retrieve(
    request: Request,
    response: str,
    stream: bool = False,
    starting_after: Annotated[int | None, Query(ge=-1, le=2**53, description="With `stream`: the last seen.")] = None,
    include_obfuscation: Annotated[bool, Query(description="Not served.")] = False,
) -> Response:
    """The response as it is, or its events from the one behind `starting_after` on, each once and numbered as ever."""
    context, job = context_of(request), await _job(request, response)
    if include_obfuscation:
        raise Refusal(400, "Invalid request", "include_obfuscation is true; streams are sent as they are: leave it out")
    if stream:
        return _streamed(context, job, -1 if starting_after is None else starting_after, keep=True)
    if starting_after is not None:
        raise Refusal(400, "Invalid request", "starting_after is of streams: add stream=true")
    return _document(await _now(context, job), job)


@router.post("/{response}/cancel", responses={**_ANSWER, **error_responses(404, 503)})
async def cancel(request: Request, response: str) -> Response:
    """Stop, and keep the answer there is. Idempotent; a response that is over stays as it is."""
    context, job = context_of(request), await _job(request, response)
    await context.app.cancel(job.id)
    return _document(await _end(context, job), job)


@router.delete("/{response}", responses=error_responses(404, 409, 503))
async def delete(request: Request, response: str) -> Response:
    """Forget a response that is over, with its job."""
    job = await _job(request, response)
    await context_of(request).app.delete(job.id)
    return JSONResponse({"id": response, "object": "response", "deleted": True})


async def _job(request: Request, response: str) -> Job:
    """Raises Refusal where there is no such response."""
    missing = Refusal(404, "Not found", f"there is no response {response[:100]!r}; jobs are listed by GET /v1/jobs")
    if not response.startswith(PREFIX):
        raise missing
    record = await context_of(request).app.store.get(job_of(response))
    job = None if record is None else record.to_job()
    if job is None or mark_of(job) is None:
        raise missing
    return job


def _document(found: Unfolding, job: Job) -> Response:
    return JSONResponse(found.document(), 200, {JOB_HEADER: job.id})


async def _now(context: Context, job: Job) -> Unfolding:
    """The response by the events there are."""
    found = Unfolding(job)
    async for event in so_far(context, job.id):
        found.put(event)
    return found


async def _end(context: Context, job: Job) -> Unfolding:
    """The response when it is over."""
    found = Unfolding(job)
    async for event in followed(context, job.id):
        if event is not None:
            found.put(event)
    return found


def _streamed(context: Context, job: Job, after: int, *, keep: bool) -> Response:
    return TiedStream(context, job.id, _stream(context, job, after), {JOB_HEADER: job.id}, keep=keep)


async def _stream(context: Context, job: Job, after: int) -> AsyncIterator[bytes]:
    """Events with a number above `after`. It ends early where the store is away: the reader resumes."""
    found = Unfolding(job)
    try:
        async for event in followed(context, job.id):
            if event is None:
                yield HEARTBEAT
                continue
            for told in found.take(event):
                if told["sequence_number"] > after:
                    yield _event(told)
    except Unauthorised:
        raise  # the job has lost its reader
    except (StoreUnavailable, Refusal):
        return


def _event(told: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=compact(told), event=told["type"])
