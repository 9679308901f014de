"""What jobs end with whose purpose is no answer."""

from __future__ import annotations

from typing import TypeVar

from burnish import wire
from burnish.errors import UnexpectedAnswer
from burnish.job import AsyncJob, Job

T = TypeVar("T")


def plan(job: Job | AsyncJob) -> wire.Plan:
    """The plan that a job has ended with."""
    return _present(job, job.snapshot.plan, "plan")


def verification(job: Job | AsyncJob) -> wire.Verification:
    """The verdict that a job has ended with."""
    return _present(job, job.snapshot.verification, "verification")


def _present(job: Job | AsyncJob, found: T | None, name: str) -> T:
    if found is None:
        raise UnexpectedAnswer(f"job {job.id} ended as {job.status} without a {name}", status=200)
    return found
