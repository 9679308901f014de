"""The wire contract: pydantic models only, shared by the service, its workers and the SDK."""

from burnish.wire.array import Array
from burnish.wire.artifacts import Artifact
from burnish.wire.budget import Budget, Spent, StoppedBy
from burnish.wire.canaries import Canaries, Canary
from burnish.wire.catalogue import Catalogue, CatalogueEntry, KindInfo, Kinds
from burnish.wire.cluster import ClusterView, DeviceView, LiveJob, RunnerView
from burnish.wire.estimate import Estimate, Interval, Refused
from burnish.wire.events import TERMINAL_EVENTS, Event, EventPage
from burnish.wire.files import ArrayReference, FilePage, FileType, ModelReference, StoredFile
from burnish.wire.forecast import Forecast, Range
from burnish.wire.job import TERMINAL, Job, JobPage, JobStatus, LedgerPage, LedgerRow, Links, Purpose
from burnish.wire.keys import ApiKey, ApiKeys, IssuedKey, NewKey, QuotaUse, RotateKey, Scope, TenantQuota
from burnish.wire.layout import OutputPart, Part
from burnish.wire.observations import Observation, ObservationPage, Observations, Observe, Observed
from burnish.wire.plan import FitPlan, FitTrial, Goal, Plan, PlannedLook
from burnish.wire.problem import FieldError, Problem
from burnish.wire.promise import DeadlineProblem, Promise, Reachable
from burnish.wire.refinement import Refinement
from burnish.wire.scaling import Foretold, Prices, ScalingLaw, ScalingPoint, ScalingRecord, ScalingRequest, Split
from burnish.wire.specs import JobSpec, PosteriorSpec, ReasoningSpec, Resolution, SpecBase, SurrogateSpec, UnknownSpec
from burnish.wire.usage import Consumption, DayUsage, Usage
from burnish.wire.verification import Verification, VerifiedBlock, VerifyRequest
from burnish.wire.webhooks import (
    IssuedWebhook,
    NewWebhook,
    RotateWebhook,
    Webhook,
    WebhookDeliveries,
    WebhookDelivery,
    WebhookEvent,
    WebhookList,
)

__all__ = [
    "TERMINAL",
    "TERMINAL_EVENTS",
    "ApiKey",
    "ApiKeys",
    "Array",
    "ArrayReference",
    "Artifact",
    "Budget",
    "Canaries",
    "Canary",
    "Catalogue",
    "CatalogueEntry",
    "ClusterView",
    "Consumption",
    "DayUsage",
    "DeadlineProblem",
    "DeviceView",
    "Estimate",
    "Event",
    "EventPage",
    "FieldError",
    "FilePage",
    "FileType",
    "FitPlan",
    "FitTrial",
    "Forecast",
    "Foretold",
    "Goal",
    "Interval",
    "IssuedKey",
    "IssuedWebhook",
    "Job",
    "JobPage",
    "JobSpec",
    "JobStatus",
    "KindInfo",
    "Kinds",
    "LedgerPage",
    "LedgerRow",
    "Links",
    "LiveJob",
    "ModelReference",
    "NewKey",
    "NewWebhook",
    "Observation",
    "ObservationPage",
    "Observations",
    "Observe",
    "Observed",
    "OutputPart",
    "Part",
    "Plan",
    "PlannedLook",
    "PosteriorSpec",
    "Prices",
    "Problem",
    "Promise",
    "Purpose",
    "QuotaUse",
    "Range",
    "Reachable",
    "ReasoningSpec",
    "Refinement",
    "Refused",
    "Resolution",
    "RotateKey",
    "RotateWebhook",
    "RunnerView",
    "ScalingLaw",
    "ScalingPoint",
    "ScalingRecord",
    "ScalingRequest",
    "Scope",
    "SpecBase",
    "Spent",
    "Split",
    "StoppedBy",
    "StoredFile",
    "SurrogateSpec",
    "TenantQuota",
    "UnknownSpec",
    "Usage",
    "Verification",
    "VerifiedBlock",
    "VerifyRequest",
    "Webhook",
    "WebhookDeliveries",
    "WebhookDelivery",
    "WebhookEvent",
    "WebhookList",
]
