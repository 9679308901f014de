"""Answers of many outputs: what an event lists of them, and the file that has them all.

An event of more than 64 KB is slow to read for everybody who only wants to know how it goes. So answers of more than
MOST_LISTED outputs list the first LISTED; all are in a safetensors file with float64 arrays `value`, `standard_error`,
`lower` and `upper` (nan where there is none), kept for every look and for the end of the job.
"""

from __future__ import annotations

import hashlib

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from burnish.wire import Estimate, Interval, Refinement
from burnish.wire.refinement import AnswerArrays
from burnish_workers.core.report import Report

MOST_LISTED, LISTED = 800, 100


def artifact_at(job: str, name: str) -> str:
    """Where the store of artifacts keeps what users may fetch of a job."""
    return f"{job}/artifacts/{name}"


def abridged(refinement: Refinement, found: Report, *, kept: bool) -> tuple[Refinement, bytes | None]:
    """What an event carries, and the file beside it if there is one. `kept`: this is a look, or the end."""
    outputs = len(found.value)
    if outputs <= MOST_LISTED:
        return refinement, None
    data = safetensors.numpy.save(_arrays(refinement, found)) if kept else None
    name = f"answer-{found.blocks}.safetensors"
    about = AnswerArrays(
        outputs=outputs,
        listed=LISTED,
        name=name if data else None,
        href=f"/v1/jobs/{refinement.job_id}/artifacts/{name}" if data else None,
        bytes=len(data) if data else None,
        sha256=hashlib.sha256(data).hexdigest() if data else None,
        widest_half_width=_largest(found.half_width),
        median_half_width=_median(found.half_width),
        without_interval=int(np.isnan(found.half_width).sum()),
    )
    refused = refinement.refused and refinement.refused.model_copy(update={"robust": None})
    shorter = {
        "estimate": Estimate(**{name: values[:LISTED] for name, values in refinement.estimate}),
        "interval": refinement.interval and _begun(refinement.interval),
        "refused": refused,
        "arrays": about,
    }
    return refinement.model_copy(update=shorter), data


def _begun(interval: Interval) -> Interval:
    return interval.model_copy(update={"lower": interval.lower[:LISTED], "upper": interval.upper[:LISTED]})


def _arrays(refinement: Refinement, found: Report) -> dict[str, NDArray[np.float64]]:
    interval, robust = refinement.interval, refinement.refused.robust if refinement.refused else None
    none: list[float | None] = [None] * len(found.value)
    lists = {
        "value": refinement.estimate.value,
        "standard_error": refinement.estimate.standard_error,
        "lower": interval.lower if interval else none,
        "upper": interval.upper if interval else none,
        **({"robust": robust.value, "tail_index": robust.tail_index} if robust else {}),
    }
    return {name: np.array([np.nan if v is None else v for v in values]) for name, values in lists.items()}


def _largest(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else None


def _median(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
