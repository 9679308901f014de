"""The wire contract: pydantic models only, shared by the service, its workers and the SDK."""

from burnish.wire.array import Array
from burnish.wire.budget import Budget, Spent, StoppedBy
from burnish.wire.catalogue import Catalogue, CatalogueEntry, KindInfo, Kinds
from burnish.wire.estimate import Estimate, Interval, Refused
from burnish.wire.events import TERMINAL_EVENTS, Event, EventPage
from burnish.wire.forecast import Forecast, Range
from burnish.wire.job import TERMINAL, Job, JobPage, JobStatus, LedgerPage, LedgerRow, Links
from burnish.wire.problem import FieldError, Problem
from burnish.wire.refinement import Refinement
from burnish.wire.specs import JobSpec, Resolution, SpecBase, SurrogateSpec, UnknownSpec

__all__ = [
    "TERMINAL",
    "TERMINAL_EVENTS",
    "Array",
    "Budget",
    "Catalogue",
    "CatalogueEntry",
    "Estimate",
    "Event",
    "EventPage",
    "FieldError",
    "Forecast",
    "Interval",
    "Job",
    "JobPage",
    "JobSpec",
    "JobStatus",
    "KindInfo",
    "Kinds",
    "LedgerPage",
    "LedgerRow",
    "Links",
    "Problem",
    "Range",
    "Refinement",
    "Refused",
    "Resolution",
    "SpecBase",
    "Spent",
    "StoppedBy",
    "SurrogateSpec",
    "UnknownSpec",
]
