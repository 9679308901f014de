"""All outputs of an answer, whether its event lists them or a file has them. No I/O."""

from __future__ import annotations

from burnish import wire
from burnish.record import Record
from burnish.safetensors import read

__all__ = ["named", "newest", "read"]


def newest(record: Record) -> wire.Refinement:
    """The newest refinement all of whose outputs can be had. Raises `LookupError` where there is none."""
    for refinement in reversed(record.history):
        if refinement.arrays is None or refinement.arrays.name is not None:
            return refinement
    raise LookupError(f"job {record.job.id} has no answer yet whose outputs could be read; wait for its first look")


def named(refinement: wire.Refinement) -> tuple[str, str]:
    """(job, name) of the file that has them."""
    assert refinement.arrays is not None
    assert refinement.arrays.name is not None
    return refinement.job_id, refinement.arrays.name
