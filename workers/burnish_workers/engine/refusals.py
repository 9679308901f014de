"""Requests that cannot be honoured, as the problems to show (RFC 9457)."""

from __future__ import annotations

from burnish.wire import FieldError, Problem


class Refusal(Exception):
    """A request that cannot be honoured, as the problem to show."""

    def __init__(self, status: int, title: str, detail: str, errors: list[FieldError] | None = None):
        super().__init__(detail)
        known = {"type": problem_type(title), "title": title, "status": status, "detail": detail}
        self.problem = Problem.model_validate({**known, "errors": errors or []})
        self.retry_after: int | None = None
        self.headers: dict[str, str] = {}

    @property
    def all_headers(self) -> dict[str, str]:
        """What is told beside the problem."""
        return self.headers if self.retry_after is None else {**self.headers, "Retry-After": str(self.retry_after)}

    @staticmethod
    def of(problem: Problem, retry_after: int | None = None) -> Refusal:
        """One whose problem says more. `retry_after`: seconds after which the same request may succeed."""
        found = Refusal(problem.status, problem.title, problem.detail)
        found.problem, found.retry_after = problem, retry_after
        return found


def problem_type(title: str) -> str:
    return f"/problems/{title.lower().replace(' ', '-')}"


def invalid(errors: list[FieldError]) -> Refusal:
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Refusal(422, "Invalid request", f"{first.pointer or '/'}: {first.detail}{more}", errors)


def conflict() -> Refusal:
    detail = "this Idempotency-Key was used within 24 hours with another body; send a new key, or the same body"
    return Refusal(422, "Idempotency conflict", detail)


def missing(job: str) -> Refusal:
    return Refusal(404, "Not found", f"there is no job {job!r}; GET /v1/jobs lists yours")


def invalid_header(detail: str) -> Refusal:
    """What is wrong is no part of the body: the pointer is that of the whole, the text names the header."""
    return Refusal(422, "Invalid request", detail, [FieldError(pointer="", detail=detail)])
