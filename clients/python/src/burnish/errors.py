"""Everything that goes wrong, as one tree:

    BurnishError
    |-- Unreachable           no answer: refused, timed out, broken off
    |-- StatusError           the service answered with an error
    |   |-- Rejected          400, 413, 415, 422: the request itself is wrong; see `problem.errors`
    |   |   `-- ModelRejected an uploaded model is not one that the service will run
    |   |-- Unauthorised      401, 403: no API key, or not this one
    |   |-- NotFound          404: no such job (or another tenant's)
    |   |-- Conflict          409: the job's state does not allow this
    |   |   `-- DeadlineNotMet the tolerance cannot be promised by the deadline
    |   |-- TooManyRequests   429: over quota or the queue is full; see `retry_after`
    |   `-- ServiceError      5xx: not your fault
    |-- UnexpectedAnswer      an answer that is not what the contract says
    |-- StreamError           the stream of events cannot go on
    |   `-- StreamGap         events are missing
    |-- WaitTimeout           the time given to `wait` is over; the job goes on (also a TimeoutError)
    `-- JobError              a job ended without its answer
        |-- JobFailed         the cause is in the request: `problem` names it
        `-- JobCrashed        the cause is in the service; resumable

Every one of them carries `status`, `problem` and `request_id`, null where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import ValidationError

from burnish.wire import DeadlineProblem, Problem
from burnish.words import duration


class BurnishError(Exception):
    """The root. `str(error)` says what happened, where, and what to do about it."""

    def __init__(self, message: str, *, status: int | None = None, problem: Problem | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem
        self.request_id = problem.request_id if problem else None


class Unreachable(BurnishError):
    """No answer came."""


class StatusError(BurnishError):
    """The service answered with an error; `retry_after` in seconds where it says when to come back."""

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(describe(problem, retry_after), status=problem.status, problem=problem)
        self.retry_after = retry_after


class Rejected(StatusError):
    """The request itself is wrong."""


class ModelRejected(Rejected):
    """An uploaded model was tried and is not one that the service will run; `problem` says why."""


class Unauthorised(StatusError):
    """No API key, or not this one."""


class NotFound(StatusError):
    """No such thing."""


class Conflict(StatusError):
    """The job's state does not allow this."""


class DeadlineNotMet(Conflict):
    """The tolerance cannot be promised by the deadline.

    `reachable`: the tolerance that could be; `earliest`: the deadline by which the one asked for could be. Null where
    there is none.
    """

    def __init__(self, problem: DeadlineProblem, retry_after: float | None = None) -> None:
        super().__init__(problem, retry_after)
        self.reachable, self.earliest = problem.reachable, problem.earliest


class TooManyRequests(StatusError):
    """Over quota, or the queue is full."""


class ServiceError(StatusError):
    """The service failed, or is not ready."""


class UnexpectedAnswer(BurnishError):
    """An answer that is not what the contract says: another service at this address, or another version."""


class StreamError(BurnishError):
    """The stream of events cannot go on."""


class StreamGap(StreamError):
    """Events are missing between `after` and `sequence`."""

    def __init__(self, after: int, sequence: int) -> None:
        missing = f"event {after + 1} is" if sequence == after + 2 else f"events {after + 1} to {sequence - 1} are"
        super().__init__(
            f"{missing} missing from the stream: {sequence} came right after {after}. "
            f"Ask again with after={after}, or read the events as pages."
        )
        self.after = after
        self.sequence = sequence


class WaitTimeout(BurnishError, TimeoutError):
    """The time given to `wait` is over; the job goes on."""


class JobError(BurnishError):
    """A job ended without its answer; what it had found before is in its last refinement."""


class JobFailed(JobError):
    """The cause is in the request."""


class JobCrashed(JobError):
    """The cause is in the service."""


_MODEL_REJECTED = "/problems/model-rejected/"
"""How the types of problems begin that say why a model is rejected, at the door or after it was tried."""

_DEADLINE = "/problems/deadline-cannot-be-met"

_BY_STATUS: Mapping[int, type[StatusError]] = {
    401: Unauthorised,
    403: Unauthorised,
    404: NotFound,
    409: Conflict,
    429: TooManyRequests,
}


def describe(problem: Problem, retry_after: float | None = None) -> str:
    """The problem in plain words, one line per wrong field."""
    lines = [f"{problem.status} {problem.title}: {problem.detail}" if problem.detail else problem.title]
    fields = [f"{error.pointer or '(the whole body)'}: {error.detail}" for error in problem.errors]
    lines += [f"  {field}" for field in fields if field not in lines[0]]
    if retry_after is not None:
        lines.append(f"  come back in {duration(retry_after)}")
    if problem.request_id:
        lines.append(f"  request id: {problem.request_id}")
    return "\n".join(lines)


def from_reply(status: int, body: bytes, *, request_id: str | None, retry_after: float | None) -> StatusError:
    """The error that an answer with `status` >= 400 stands for, also when a proxy wrote it."""
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        problem = Problem(title=_phrase(status), status=status, detail=_excerpt(body))
    if problem.request_id is None and request_id:
        problem = problem.model_copy(update={"request_id": request_id})
    if problem.type.startswith(_MODEL_REJECTED):
        return ModelRejected(problem, retry_after)
    if problem.type == _DEADLINE:
        return DeadlineNotMet(DeadlineProblem.model_validate(problem.model_dump()), retry_after)
    otherwise = ServiceError if status >= 500 else Rejected
    return _BY_STATUS.get(status, otherwise)(problem, retry_after)


def from_job(job_id: str, status: str, problem: Problem | None) -> JobError:
    """The error that a job's ending as `failed` or `crashed` stands for."""
    detail = describe(problem) if problem else "no reason is given"
    if status == "crashed":
        text = f"job {job_id} crashed, which is not the fault of the request: {detail}"
        return JobCrashed(text, status=problem.status if problem else None, problem=problem)
    return JobFailed(f"job {job_id} failed: {detail}", status=problem.status if problem else None, problem=problem)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _excerpt(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return text[:200] + ("..." if len(text) > 200 else "") or "the answer has no body"
