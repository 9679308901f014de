"""What the routes of OpenAI's API share: reading a request, creating its job, errors in their shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel

from burnish.wire import Job, Problem
from burnish_service.adapters.errors import OpenAIError, Refused, answer, broken, unavailable
from burnish_service.adapters.findings import Finding
from burnish_service.adapters.specs import Asked, dotted
from burnish_service.context import Context
from burnish_service.openapi import REFERENCE
from burnish_service.problems import read_body
from burnish_service.tied import born
from burnish_workers.engine.quotas import OverQuota
from burnish_workers.engine.reading import read_json, validated
from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.refusals import Refusal

JOB_HEADER = "x-burnish-job"

M = TypeVar("M", bound=BaseModel)


def error_responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route answers with, and that all others look alike: no 422, which FastAPI would add."""
    content = {"application/json": {"schema": {"$ref": REFERENCE.format(model=OpenAIError.__name__)}}}
    return {code: {"description": "Error", "content": content} for code in (*codes, "default")}


async def read(request: Request, context: Context, model: type[M]) -> M:
    """The body. Raises Refusal."""
    body = await read_body(request, context.settings.max_body)
    return validated(model, body, read_json(body))


async def created(context: Context, asked: Asked, idempotency_key: str | None, *, keep: bool) -> Job:
    """The job that was asked for; `keep`: also when its reader leaves before it is there.

    Raises Refused, which knows how the fields of its spec were named.
    """

    async def made() -> Job:
        return (await context.app.create(asked.body, idempotency_key)).job

    try:
        return await born(context, made(), keep=keep)
    except OverQuota:
        raise
    except Refusal as error:
        raise Refused(error.problem, asked.param) from None


class Route(APIRoute):
    """Errors in OpenAI's shape: the one place where FastAPI lets a group of routes have its own."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as error:
                return answer(error.problem, error.name)
            except Refusal as error:
                return answer(error.problem, _sent, error.all_headers)
            except RequestValidationError as error:
                return answer(_parameter(error), _sent)
            except StoreUnavailable as error:
                detail = unavailable(error).message
                return answer(Problem(title="Unavailable", status=503, detail=detail), _sent, {"Retry-After": "2"})

        return handled


def _sent(pointer: str) -> str | None:
    return dotted("", pointer) or None


def _parameter(error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    detail = f"{' '.join(map(str, first['loc']))}: {first['msg']}; got {first.get('input')!r:.80}"
    return Problem(title="Invalid request", status=400, detail=detail)


def failure(finding: Finding) -> Response:
    """A job that broke, for somebody who has waited for its answer. Clients need not try again."""
    error = broken(finding.error or {}, finding.status)
    code = 400 if finding.status == "failed" else 500
    headers = {"x-should-retry": "false", JOB_HEADER: finding.job}
    return JSONResponse({"error": error.model_dump()}, code, headers)


def compact(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"), allow_nan=False)
