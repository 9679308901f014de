"""Errors as OpenAI's clients read them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.responses import JSONResponse

from burnish.wire import Problem
from burnish.wire.base import Received
from burnish_workers.engine.refusals import Refusal

Name = Callable[[str], str | None]
"""From a JSON pointer into what was judged to the field that was sent."""


class Refused(Exception):
    """What is wrong with the spec that a request stands for, and how its fields were named."""

    def __init__(self, problem: Problem, name: Name):
        super().__init__(problem.detail)
        self.problem, self.name = problem, name


class ErrorDetail(Received):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIError(Received):
    """Every error of the adapters."""

    error: ErrorDetail


def answer(problem: Problem, name: Name, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem in OpenAI's shape. What is wrong with a request is a 400 there; clients try 429 and 5xx again."""
    status = 400 if problem.status == 422 else problem.status
    headers = dict(headers or {})
    if problem.status not in (429, 503):
        headers["x-should-retry"] = "false"
    detail, status = _detail(problem, name, status)
    return JSONResponse({"error": detail.model_dump()}, status, headers)


def _detail(problem: Problem, name: Name, status: int) -> tuple[ErrorDetail, int]:
    first = problem.errors[0] if problem.errors else None
    kind = "server_error" if status >= 500 else "invalid_request_error"
    if status == 429:
        return ErrorDetail(message=problem.detail, type="insufficient_quota", code="insufficient_quota"), status
    if first is None:
        return ErrorDetail(message=problem.detail, type=kind, code=_slug(problem)), status
    param = name(first.pointer)
    more = f" (and {len(problem.errors) - 1} more)" if len(problem.errors) > 1 else ""
    message = f"{param or 'the request'}: {first.detail}{more}"
    code = _code(first.detail) if status == 400 else _slug(problem)
    if param == "model" and code != "missing_required_parameter":
        code, status = "model_not_found", 404
    return ErrorDetail(message=message, type=kind, param=param, code=code), status


def _code(detail: str) -> str:
    if detail.startswith("unknown field"):
        return "unsupported_parameter"
    return "missing_required_parameter" if detail.startswith("required field") else "invalid_value"


def _slug(problem: Problem) -> str | None:
    """The last part of a problem's type."""
    return problem.type.rsplit("/", 1)[-1].replace("-", "_") if problem.type != "about:blank" else None


def broken(problem: dict[str, Any], status: str) -> ErrorDetail:
    """A job that ended `failed`, by its user's cause, or `crashed`, by ours."""
    kind = "invalid_request_error" if status == "failed" else "server_error"
    detail = problem.get("detail") or f"the job ended as {status!r}"
    return ErrorDetail(message=detail, type=kind, param=None, code=f"job_{status}")


def unavailable(error: Exception) -> ErrorDetail:
    """The store does not answer, or the job was deleted, or the key was revoked, while somebody waited for it."""
    if isinstance(error, Refusal) and error.problem.status == 401:
        return ErrorDetail(message=str(error), type="invalid_request_error", code=_slug(error.problem))
    if isinstance(error, Refusal):
        return ErrorDetail(message=str(error), type="invalid_request_error", code="job_deleted")
    return ErrorDetail(message="the store does not answer; try again shortly", type="server_error", code="unavailable")
