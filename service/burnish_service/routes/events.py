"""/v1/jobs/{job}/events and /refinements: server-sent events with resume, or JSON pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from burnish.wire import EventPage, FieldError
from burnish_service.context import context_of
from burnish_service.openapi import problem_responses
from burnish_service.streams import STREAM_HEADERS, job_stream
from burnish_workers.engine.app import EVENT_PAGE
from burnish_workers.engine.refusals import Refusal

router = APIRouter(prefix="/v1/jobs/{job}", tags=["events"])

After = Annotated[int | None, Query(ge=0, le=2**53, description="Sequence number after which to begin.")]
Limit = Annotated[int, Query(ge=1, le=EVENT_PAGE)]
Latest = Annotated[bool, Query(description="Of refinements that wait to be sent only the newest: for slow readers.")]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", description="As `after`; wins over it.")]
REFINEMENTS = frozenset({"refinement"})

_STREAM = {
    200: {
        "description": "A page of events, or with `Accept: text/event-stream` the stream of them.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "A stream was asked for after the last event of a job that is done: nothing more will come."},
    **problem_responses(404, 422, 503),
}


@router.get("/events", response_model=EventPage, responses=_STREAM)
async def events(
    request: Request,
    job: str,
    after: After = None,
    limit: Limit = 100,
    latest: Latest = False,
    last_event_id: LastEventId = None,
) -> Response:
    """Everything the job has said, from the first event on, for as long as it is kept."""
    return await _answer(request, job, _start(after, last_event_id), limit, None, latest)


@router.get("/refinements", response_model=EventPage, responses=_STREAM)
async def refinements(
    request: Request,
    job: str,
    after: After = None,
    limit: Limit = 100,
    latest: Latest = False,
    last_event_id: LastEventId = None,
) -> Response:
    """The same, refinements only (a stream still ends with the terminal event)."""
    return await _answer(request, job, _start(after, last_event_id), limit, REFINEMENTS, latest)


async def _answer(
    request: Request, job: str, after: int, limit: int, types: frozenset[str] | None, latest: bool
) -> Response:
    context = context_of(request)
    if "text/event-stream" not in request.headers.get("accept", ""):
        page = await context.app.events(job, after, limit, types, latest=latest)
        return JSONResponse(page.model_dump(mode="json"))
    if await context.app.over(job, after):
        return Response(status_code=204)  # what makes an EventSource stop asking
    stream = job_stream(context, job, after, types, latest=latest)
    return StreamingResponse(stream, 200, STREAM_HEADERS, media_type="text/event-stream")


def _start(after: int | None, last_event_id: str | None) -> int:
    if last_event_id is None or last_event_id == "":
        return after or 0
    if not last_event_id.isdecimal() or len(last_event_id) > 15:
        detail = f"Last-Event-ID is {last_event_id[:80]!r}; send the `id:` of an event, a number"
        raise Refusal(422, "Invalid request", detail, [FieldError(pointer="", detail=detail)])
    return int(last_event_id)
