"""A job as the service shows it."""

from __future__ import annotations

from typing import Literal

from burnish.wire.base import Received
from burnish.wire.budget import Spent, StoppedBy
from burnish.wire.observations import Observations
from burnish.wire.plan import Plan
from burnish.wire.problem import Problem
from burnish.wire.promise import Promise
from burnish.wire.refinement import Refinement
from burnish.wire.specs import JobSpec
from burnish.wire.verification import Verification

JobStatus = Literal[
    "queued",
    "resolving",
    "waiting_for_resources",
    "waiting_for_observations",
    "running",
    "completed",
    "failed",
    "crashed",
    "cancelled",
]
Purpose = Literal["answer", "plan", "verify", "canary"]
"""What the job is for; those of `POST /v1/plan` and `.../verify` that take long are jobs too. `canary`: a known answer
that the service runs on itself, listed only when asked for and in nobody's usage."""

TERMINAL = frozenset({"completed", "failed", "crashed", "cancelled"})


class Links(Received):
    """Where to go from here, as paths."""

    self: str
    events: str
    refinements: str
    budget: str
    cancel: str
    verify: str = ""
    resume: str = ""
    ledger: str = ""
    observations: str | None = None


class Job(Received):
    """`failed`: the user's cause, named in `error`. `crashed`: ours, `resumable`. Both keep their last refinement.

    `resolved` is the spec with its `resolution` filled in: post it to replay the job. `plan` and `verification` are
    what jobs with that `purpose` end with. `observations`: null for jobs that assimilate none. `promise`: null for jobs
    without a tolerance and a deadline.
    """

    id: str
    kind: str
    status: JobStatus
    stage: str | None = None
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    spec: JobSpec
    resolved: JobSpec | None = None
    last_refinement: Refinement | None = None
    spent: Spent = Spent()
    stopped_by: StoppedBy | None = None
    error: Problem | None = None
    resumable: bool = False
    purpose: Purpose = "answer"
    plan: Plan | None = None
    verification: Verification | None = None
    observations: Observations | None = None
    promise: Promise | None = None
    links: Links

    @property
    def done(self) -> bool:
        return self.status in TERMINAL


class JobPage(Received):
    """Jobs, newest first; ask again with `after=next` when `has_more`."""

    data: list[Job]
    has_more: bool
    next: str | None


class LedgerRow(Received):
    """What is kept of one folded block: enough to check a re-run, and how often it had to be issued.

    `summary`: for each component the mean and the standard deviation of its samples, averaged over outputs, for a
    re-run where bits cannot be equal. `carry`: the digest of what the block left to the next of its lane.
    """

    index: int
    digest: str
    numeric_class: str
    seconds: float
    attempts: int
    epoch: int
    summary: dict[str, list[float]] = {}
    carry: str | None = None


class LedgerPage(Received):
    data: list[LedgerRow]
    has_more: bool
    next: int | None
