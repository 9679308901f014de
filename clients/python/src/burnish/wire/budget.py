"""What a job may spend, what it has spent, and which of the two ended it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from burnish.wire.base import Received, Wire

DAY = 86_400.0
MOST_SECONDS = 7 * DAY
"""Of running, by the clock."""

StoppedBy = Literal[
    "seconds",
    "worker_seconds",
    "gpu_seconds",
    "units",
    "tokens",
    "verifier_calls",
    "deadline",
    "tolerance",
    "settled",
    "floor",
    "planned_blocks",
    "observations",
    "cancelled",
]
"""Why a job ended. `planned_blocks`: a job with a tolerance and nothing else reached the end of its plan, three times
what its pilot forecast, without meeting its tolerance. `settled`: what the job asks is decided at a look, see
`early_stop`. `floor`: no sampling can meet the tolerance, see `refused`. `observations`: the last of them is
assimilated."""


class Budget(Wire):
    """Any of these; the first reached ends the job. At least one must be given.

    A tolerance is met when *every* half-width is at most max(abs_tol, rel_tol |estimate|). A tolerance with a deadline
    is promised: a job whose forecast does not fit is refused, with the tolerance that could be met.
    """

    seconds: float | None = Field(default=None, gt=0, le=MOST_SECONDS, description="Wall-clock seconds of running.")
    worker_seconds: float | None = Field(default=None, gt=0, le=365 * DAY, description="Seconds summed over workers.")
    gpu_seconds: float | None = Field(default=None, gt=0, le=365 * DAY, description="Seconds summed over GPU shares.")
    units: int | None = Field(default=None, gt=0, le=10**12, description="Units of simulation (paths, for surrogate).")
    tokens: int | None = Field(
        default=None, gt=0, le=10**12, description="Generated tokens, those of rejected candidates too (reasoning)."
    )
    verifier_calls: int | None = Field(default=None, gt=0, le=10**12, description="Prefixes valued by a verifier.")
    abs_tol: float | None = Field(default=None, gt=0, le=1e12, description="Absolute half-width to reach.")
    rel_tol: float | None = Field(default=None, gt=0, lt=1, description="Half-width relative to |estimate| to reach.")

    deadline: str | None = Field(
        default=None,
        max_length=40,
        description="When the answer must be there: RFC 3339 with an offset, as in 2026-01-31T12:00:00Z.",
        json_schema_extra={"format": "date-time"},
    )

    @field_validator("deadline")
    @classmethod
    def _moment(cls, deadline: str | None) -> str | None:
        if deadline is not None and _moment_of(deadline) is None:
            raise ValueError(f"{deadline!r} is no moment; write RFC 3339 with an offset, as in 2026-01-31T12:00:00Z")
        return deadline

    @property
    def has_tolerance(self) -> bool:
        return self.abs_tol is not None or self.rel_tol is not None

    @property
    def has_clock(self) -> bool:
        """Whether an amount bounds the job."""
        amounts = (self.units, self.tokens, self.verifier_calls)
        return self.has_time or any(v is not None for v in amounts)

    @property
    def has_time(self) -> bool:
        """Whether any kind of seconds bounds the job."""
        return any(v is not None for v in (self.seconds, self.worker_seconds, self.gpu_seconds))

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not (self.has_tolerance or self.has_clock or self.deadline is not None):
            raise ValueError(f"the budget is empty; give at least one of {', '.join(type(self).model_fields)}")
        return self

    def plus(self, more: Budget) -> Budget:
        """This budget topped up: amounts add, tolerances and the deadline are replaced where `more` names one."""

        def added(mine: float | None, other: float | None) -> float | None:
            return mine if other is None else other if mine is None else mine + other

        def counted(mine: int | None, other: int | None) -> int | None:
            return mine if other is None else other + (mine or 0)

        return Budget(
            seconds=added(self.seconds, more.seconds),
            worker_seconds=added(self.worker_seconds, more.worker_seconds),
            gpu_seconds=added(self.gpu_seconds, more.gpu_seconds),
            units=counted(self.units, more.units),
            tokens=counted(self.tokens, more.tokens),
            verifier_calls=counted(self.verifier_calls, more.verifier_calls),
            abs_tol=self.abs_tol if more.abs_tol is None else more.abs_tol,
            rel_tol=self.rel_tol if more.rel_tol is None else more.rel_tol,
            deadline=self.deadline if more.deadline is None else more.deadline,
        )


def _moment_of(text: str) -> datetime | None:
    """The moment, if it has a date, a time and an offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None and "T" in text.upper() else None


class Spent(Received):
    """What a job has used so far; mirrors the amounts of `Budget` field by field."""

    seconds: float = 0.0
    worker_seconds: float = 0.0
    gpu_seconds: float = 0.0
    units: int = 0
    tokens: int = 0
    verifier_calls: int = 0
