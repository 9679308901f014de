"""/v1/chat/completions: a job of kind `reasoning` behind OpenAI's API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel

from burnish.wire import Job
from burnish_service.access import Unauthorised
from burnish_service.adapters.chat import Chunks, completion
from burnish_service.adapters.errors import OpenAIError, unavailable
from burnish_service.adapters.findings import Finding
from burnish_service.adapters.requests import ChatRequest
from burnish_service.adapters.specs import chat_spec
from burnish_service.context import Context, context_of
from burnish_service.following import followed
from burnish_service.openapi import body_of
from burnish_service.routes.adapted import JOB_HEADER, Route, compact, created, error_responses, failure, read
from burnish_service.routes.jobs import IdempotencyKey
from burnish_service.streams import HEARTBEAT
from burnish_service.tied import Gone, TiedStream, tied, while_there
from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.refusals import Refusal

router = APIRouter(prefix="/v1/chat", tags=["openai"], route_class=Route)

BODIES: tuple[type[BaseModel], ...] = (ChatRequest, OpenAIError)

_ANSWER = {
    200: {
        "description": "The completion, or with `stream` its chunks. `x-burnish-job` names the job.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.post(
    "/completions",
    openapi_extra=body_of(ChatRequest),
    responses={**_ANSWER, **error_responses(400, 404, 409, 413, 415, 429, 500, 503)},
)
async def completions(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """The answer of a job that reasons about the messages. It is cancelled when its reader disconnects."""
    context = context_of(request)
    asked = await read(request, context, ChatRequest)
    keep = asked.burnish.keep
    job = await created(context, chat_spec(asked), idempotency_key, keep=keep)
    headers = {JOB_HEADER: job.id}
    if asked.stream:
        usage = asked.stream_options is not None and bool(asked.stream_options.include_usage)
        return TiedStream(context, job.id, _stream(context, job, Chunks(job, usage)), headers, keep=keep)
    try:
        async with tied(context, job.id, keep=keep):
            finding = await while_there(request, _end(context, job.id))
    except Gone:
        return Response(status_code=400)  # nobody is there to read it
    if finding.error is not None:
        return failure(finding)
    return JSONResponse(completion(job, finding), 200, headers)


async def _end(context: Context, job: str) -> Finding:
    finding = Finding(job)
    async for event in followed(context, job):
        finding = finding if event is None else finding.after(event)
    return finding


async def _stream(context: Context, job: Job, chunks: Chunks) -> AsyncIterator[bytes]:
    try:
        yield _data(chunks.first())
        async for event in followed(context, job.id):
            if event is None:
                yield HEARTBEAT
                continue
            for chunk in chunks.take(event):
                yield _data(chunk)
    except (StoreUnavailable, Refusal) as error:
        yield _data({"error": unavailable(error).model_dump()})
        if isinstance(error, Unauthorised):
            raise  # the job has lost its reader
    yield format_sse_event(data_str="[DONE]")


def _data(chunk: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=compact(chunk))
