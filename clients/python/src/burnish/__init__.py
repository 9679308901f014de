"""burnish: answers that sharpen while you wait.

from burnish import Burnish

client = Burnish()
job = client.surrogate(problem="viscous-burgers", surrogate="viscous-burgers-pinn-d20",
                       points=[[0.1] * 20], budget={"seconds": 20})
for refinement in job.refinements():
    print(refinement.blocks, refinement.estimate.value, refinement.interval)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from burnish._version import __version__

if TYPE_CHECKING:
    from burnish.async_client import AsyncBurnish
    from burnish.client import Burnish
    from burnish.errors import (
        BurnishError,
        Conflict,
        DeadlineNotMet,
        JobCrashed,
        JobError,
        JobFailed,
        ModelRejected,
        NotFound,
        Rejected,
        ServiceError,
        StatusError,
        StreamError,
        StreamGap,
        TooManyRequests,
        Unauthorised,
        UnexpectedAnswer,
        Unreachable,
        WaitTimeout,
    )
    from burnish.exporting import ExportedModel, ExportError, export
    from burnish.job import AsyncJob, Job
    from burnish.pages import AsyncPage, Page
    from burnish.reasoned import Reasoned
    from burnish.retries import Retries
    from burnish.wire import Budget, PosteriorSpec, ReasoningSpec, Refinement, SurrogateSpec

_HOME = {
    "AsyncBurnish": "async_client",
    "AsyncJob": "job",
    "AsyncPage": "pages",
    "Budget": "wire",
    "Burnish": "client",
    "BurnishError": "errors",
    "Conflict": "errors",
    "DeadlineNotMet": "errors",
    "Job": "job",
    "ExportError": "exporting",
    "ExportedModel": "exporting",
    "JobCrashed": "errors",
    "JobError": "errors",
    "JobFailed": "errors",
    "ModelRejected": "errors",
    "NotFound": "errors",
    "Page": "pages",
    "PosteriorSpec": "wire",
    "Reasoned": "reasoned",
    "ReasoningSpec": "wire",
    "Refinement": "wire",
    "Rejected": "errors",
    "Retries": "retries",
    "ServiceError": "errors",
    "StatusError": "errors",
    "StreamError": "errors",
    "StreamGap": "errors",
    "SurrogateSpec": "wire",
    "TooManyRequests": "errors",
    "Unauthorised": "errors",
    "UnexpectedAnswer": "errors",
    "Unreachable": "errors",
    "WaitTimeout": "errors",
    "export": "exporting",
}

__all__ = [
    "AsyncBurnish",
    "AsyncJob",
    "AsyncPage",
    "Budget",
    "Burnish",
    "BurnishError",
    "Conflict",
    "DeadlineNotMet",
    "ExportError",
    "ExportedModel",
    "Job",
    "JobCrashed",
    "JobError",
    "JobFailed",
    "ModelRejected",
    "NotFound",
    "Page",
    "PosteriorSpec",
    "Reasoned",
    "ReasoningSpec",
    "Refinement",
    "Rejected",
    "Retries",
    "ServiceError",
    "StatusError",
    "StreamError",
    "StreamGap",
    "SurrogateSpec",
    "TooManyRequests",
    "Unauthorised",
    "UnexpectedAnswer",
    "Unreachable",
    "WaitTimeout",
    "__version__",
    "export",
]


def __getattr__(name: str) -> Any:
    """Import on first use: the service and its workers want `burnish.wire` without an HTTP client."""
    if name not in _HOME:
        raise AttributeError(f"module 'burnish' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"burnish.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
