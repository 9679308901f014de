"""What the store keeps of a job, and what a runner writes to it in one breath."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from burnish.wire import (
    Budget,
    Event,
    Job,
    JobStatus,
    LedgerRow,
    Links,
    Observations,
    Problem,
    Promise,
    Purpose,
    Refinement,
    Spent,
    StoppedBy,
)
from burnish.wire.events import EventType
from burnish.wire.job import TERMINAL
from burnish_workers.engine.tenants import DEFAULT


@dataclass(frozen=True)
class JobRecord:
    """One job as stored. `spec` and `resolved` are the specs as JSON objects; `sequence` numbers the last event.

    `epoch` counts the runners that have held the job: a write with an older epoch is refused (fenced).
    `budget_version` counts the changes of `budget`, so that no runner ends a job on a budget that was just topped up.
    `closed` holds the block counts at which a clock ended the job between looks (confidence was spent there).
    `fitting` is where the training of the job's model stands (see `engine/fitting.py`).
    `given` counts the observations that the spec brings, None for a job that assimilates none; `expected` is how many
    there will be, where that is known; `observed` counts those posted since, `observed_last` says that none is to come.
    `promise` is what was promised by a deadline. `tenant` is whose job it is. `origin` is the request that posted it
    (see `engine/origin.py`).
    `request` is what a job with another purpose than an answer was asked, `outcome` what it ended with.
    """

    id: str
    kind: str
    spec: dict[str, Any]
    budget: Budget
    created_at: str
    status: JobStatus = "queued"
    stage: str | None = None
    resolved: dict[str, Any] | None = None
    started_at: str | None = None
    finished_at: str | None = None
    spent: Spent = field(default_factory=Spent)
    last_refinement: Refinement | None = None
    stopped_by: StoppedBy | None = None
    error: Problem | None = None
    resumable: bool = False
    cancel_requested: bool = False
    budget_version: int = 0
    sequence: int = 0
    epoch: int = 0
    checkpoint: str | None = None
    closed: tuple[int, ...] = ()
    purpose: Purpose = "answer"
    request: dict[str, Any] | None = None
    outcome: dict[str, Any] | None = None
    fitting: dict[str, Any] | None = None
    given: int | None = None
    expected: int | None = None
    observed: int = 0
    observed_last: bool = False
    promise: Promise | None = None
    tenant: str = DEFAULT
    origin: dict[str, str] | None = None

    @property
    def done(self) -> bool:
        return self.status in TERMINAL

    def with_changes(self, changes: dict[str, Any]) -> JobRecord:
        return replace(self, **changes)

    def observations(self) -> Observations | None:
        """Where the job's observations stand; None for one that assimilates none."""
        if self.given is None:
            return None
        count = self.given + self.observed
        newest = self.last_refinement.observation if self.last_refinement else None
        complete = self.observed_last or (self.expected is not None and count >= self.expected)
        return Observations(
            count=count,
            last=self.observed_last,
            expected=self.expected,
            closed=complete or self.done,
            assimilated=0 if newest is None else newest + 1,
        )

    def to_job(self) -> Job:
        """The job as the API shows it."""
        base = f"/v1/jobs/{self.id}"
        links = Links(
            self=base,
            events=f"{base}/events",
            refinements=f"{base}/refinements",
            budget=f"{base}/budget",
            cancel=f"{base}/cancel",
            verify=f"{base}/verify",
            resume=f"{base}/resume",
            ledger=f"{base}/ledger",
            observations=None if self.given is None else f"{base}/observations",
        )
        return Job.model_validate(
            {
                "id": self.id,
                "kind": self.kind,
                "status": self.status,
                "stage": self.stage,
                "created_at": self.created_at,
                "started_at": self.started_at,
                "finished_at": self.finished_at,
                "spec": {**self.spec, "budget": self.budget.model_dump(mode="json")},
                "resolved": self.resolved,
                "last_refinement": self.last_refinement,
                "spent": self.spent,
                "stopped_by": self.stopped_by,
                "error": self.error,
                "resumable": self.resumable,
                "purpose": self.purpose,
                "plan": self.outcome if self.purpose == "plan" else None,
                "verification": self.outcome if self.purpose == "verify" else None,
                "observations": self.observations(),
                "promise": self.promise,
                "links": links,
            }
        )


@dataclass(frozen=True)
class NewEvent:
    """An event before it has a sequence number. `data` of a refinement gets its number when it is read."""

    type: EventType
    data: dict[str, Any]


@dataclass(frozen=True)
class Emission:
    """Everything that one fenced write changes: events, fields of the record, ledger rows. All of it or none.

    `changes` names fields of `JobRecord` (not id, kind, spec, sequence, epoch, budget, budget_version or
    cancel_requested). `ends` marks the terminal write, the one that sets a terminal status: it is refused
    (`BudgetChanged`) when the budget moved on from `budget_version`, unless that is negative (cancelled or broken jobs
    end whatever their budget). `counts`: amounts of usage to add, beside what the job spent. `anew`: the job begins
    again from block 0: the ledger so far is of blocks that no answer holds, and goes.
    """

    events: tuple[NewEvent, ...] = ()
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    ledger: tuple[LedgerRow, ...] = ()
    ends: bool = False
    budget_version: int = 0
    counts: dict[str, int] = field(default_factory=dict[str, int])
    anew: bool = False


@dataclass(frozen=True)
class Renewal:
    """The answer to a lease renewal: whether the lease still holds, and what the user has changed meanwhile."""

    state: Literal["held", "fenced"]
    cancel_requested: bool = False
    budget: Budget | None = None
    budget_version: int = 0


@dataclass(frozen=True)
class Created:
    """`replayed`: the idempotency key had been used with the same body; `record` is the job it made then."""

    record: JobRecord
    replayed: bool


@dataclass(frozen=True)
class Promised:
    """The open promises of live jobs; `version` counts those that were ever made."""

    version: int
    open: dict[str, Promise]


@dataclass(frozen=True)
class Posted:
    """Observations for a job, as texts: equal ones have equal texts.

    `first`: number of the first among those posted (those of the spec are not counted); `last`: none comes after these;
    `most`: how many may be posted in all.
    """

    first: int
    texts: tuple[str, ...]
    last: bool
    most: int


@dataclass(frozen=True)
class Taken:
    """`replayed`: the job had all of it already. `record`: the job as it is now."""

    record: JobRecord
    replayed: bool


@dataclass(frozen=True)
class Heard:
    """Some posted observations; `last`: none comes after those that the job has."""

    texts: list[str]
    last: bool


@dataclass(frozen=True)
class Page:
    records: list[JobRecord]
    has_more: bool


@dataclass(frozen=True)
class Idempotency:
    """The client's key and the sha256 of the body it came with."""

    key: str
    body: str


class StoreError(Exception):
    """The root of what a store raises on purpose."""


class Fenced(StoreError):
    """Another runner holds the job now; whatever this one wanted to write was not written."""


class BudgetChanged(StoreError):
    """The job was about to end, but its budget was changed meanwhile: read it again and go on."""


class IdempotencyConflict(StoreError):
    """The idempotency key was used before with another body."""


class PromisesMoved(StoreError):
    """Others were promised something meanwhile: look at what is promised again."""


class ObservationDiffers(StoreError):
    """The job has another observation under this number. `number`: among those posted; `kept`: its text."""

    def __init__(self, number: int, kept: str):
        super().__init__(f"posted observation {number} is {kept}")
        self.number, self.kept = number, kept


class ObservationRefused(StoreError):
    """Observations were not taken. `record`: the job as it is."""

    def __init__(self, record: JobRecord):
        super().__init__(f"job {record.id} has {record.observed} posted observations and is {record.status}")
        self.record = record


class ObservationGap(ObservationRefused):
    """One between these and those that the job has is missing."""


class ObservationsBeyond(ObservationRefused):
    """One was said to be the last, but the job has more."""


class TakesNoMore(ObservationRefused):
    """The job has ended, or its last observation was marked, or it has as many as it may."""


REFUSED = {"gap": ObservationGap, "beyond": ObservationsBeyond, "closed": TakesNoMore}


class NotExtensible(StoreError):
    """The job ended in a way from which more budget cannot continue (failed or crashed)."""


class NotResumable(StoreError):
    """The job did not crash: there is nothing to take up again."""


class TooManyJobs(StoreError):
    """The tenant has as many live jobs as it may."""


class StillLive(StoreError):
    """The job has not ended: cancel it first."""


class StoreUnavailable(StoreError):
    """The store did not answer; try again later."""


class NotDurable(StoreError):
    """The store is set up such that it could lose what it has acknowledged."""


__all__ = [
    "REFUSED",
    "BudgetChanged",
    "Created",
    "Emission",
    "Event",
    "Fenced",
    "Heard",
    "Idempotency",
    "IdempotencyConflict",
    "JobRecord",
    "NewEvent",
    "NotDurable",
    "NotExtensible",
    "NotResumable",
    "ObservationDiffers",
    "ObservationGap",
    "ObservationRefused",
    "ObservationsBeyond",
    "Page",
    "Posted",
    "Promised",
    "PromisesMoved",
    "Renewal",
    "StillLive",
    "StoreError",
    "StoreUnavailable",
    "Taken",
    "TakesNoMore",
    "TooManyJobs",
]
