"""Every error as RFC 9457 `application/problem+json`, and a request id on every answer."""

from __future__ import annotations

import re
import uuid

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burnish.wire import FieldError, Problem
from burnish_service import ratelimit
from burnish_workers.engine import tracing
from burnish_workers.engine.origin import ORIGIN
from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.refusals import Refusal
from burnish_workers.engine.schema import StoredByNewer

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_JSON = re.compile(r"\s*application/([\w.-]+\+)?json\s*(;|$)", re.IGNORECASE)
_RETRY_AFTER = "2"


def answer(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """The problem, with the id of the request that ran into it."""
    body = problem.model_copy(update={"request_id": request.scope.get("request_id")})
    return JSONResponse(body.model_dump(mode="json"), problem.status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Turn every exception into a problem."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return answer(request, error.problem, error.all_headers)

    @app.exception_handler(StoreUnavailable)
    async def away(request: Request, error: StoreUnavailable) -> Response:
        log.warning("store.unavailable", why=str(error))
        detail = "the store does not answer; nothing was accepted; try again shortly"
        if isinstance(error, StoredByNewer):
            detail = str(error)
        problem = Problem(type="/problems/unavailable", title="Unavailable", status=503, detail=detail)
        return answer(request, problem, {"Retry-After": _RETRY_AFTER})

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [_parameter(item["loc"], item["msg"], item.get("input")) for item in error.errors()]
        detail = "; ".join(item.detail for item in errors)
        problem = Problem(
            type="/problems/invalid-request", title="Invalid request", status=422, detail=detail, errors=errors
        )
        return answer(request, problem)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        detail = f"{request.method} {request.url.path}: {error.detail}; see /openapi.json for what there is"
        problem = Problem(title=str(error.detail), status=error.status_code, detail=detail)
        return answer(request, problem, dict(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody is there to read it

    @app.exception_handler(Exception)
    async def ours(request: Request, error: Exception) -> Response:
        request_id = request.scope.get("request_id", "")
        log.error("request.broken", path=request.url.path, request_id=request_id, exc_info=error)
        detail = "a mistake of ours; the request id finds it in our log"
        problem = Problem(title="Internal error", status=500, detail=detail)
        # Sent by the outermost layer, which `RequestId` does not see.
        return answer(request, problem, {"X-Request-Id": request_id})


def _parameter(loc: tuple[int | str, ...], message: str, given: object) -> FieldError:
    """A query or path parameter is no part of the body: the pointer is that of the whole, the text names it."""
    name = " ".join(str(step) for step in loc)
    return FieldError(pointer="", detail=f"{name}: {message}; got {given!r:.80}")


class RequestId:
    """Echo X-Request-Id, or mint one, and tell what is left of quotas. Plain ASGI: BaseHTTPMiddleware would buffer
    streams."""

    def __init__(self, app: ASGIApp, echo: bool = True):
        self._app, self._echo = app, echo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"
        scope["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)  # of this request's task alone

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(b"x-request-id", request_id.encode())] if self._echo else []
                caller = scope.get("caller")
                refused = message["status"] == 429
                told = ratelimit.headers(caller.limits.values(), refused=refused) if caller else []
                message["headers"] = [*message.get("headers", []), *own, *told]
            await send(message)

        sent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        with tracing.span(f"{scope['method']} request", parent=sent or None, path=scope["path"], request_id=request_id):
            told = {"request_id": request_id, "traceparent": tracing.traceparent()}
            token = ORIGIN.set({name: text for name, text in told.items() if text is not None})
            try:
                await self._app(scope, receive, tagged)
            finally:
                ORIGIN.reset(token)


async def read_body(request: Request, limit: int) -> bytes:
    """As `read_bytes`, refused when the body does not say that it is JSON.

    Browsers send JSON to another origin only after asking, but plain text and forms at once: no web page can make its
    reader's browser queue jobs here.
    """
    kind = request.headers.get("content-type", "")
    if not _JSON.match(kind):
        detail = f"the body must be application/json, got Content-Type {kind!r}; send `Content-Type: application/json`"
        raise Refusal(415, "Unsupported media type", detail, [FieldError(pointer="", detail=detail)])
    return await read_bytes(request, limit)


async def read_bytes(request: Request, limit: int) -> bytes:
    """The whole body, refused as soon as it is longer than `limit` bytes."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> Refusal:
    detail = f"the body is over {limit} bytes; send less, or large arrays apart (PUT /v1/arrays)"
    return Refusal(413, "Body too large", detail, [FieldError(pointer="", detail=detail)])
