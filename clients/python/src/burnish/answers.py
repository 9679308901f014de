"""All outputs of an answer, whether its event lists them or a file has them. No I/O."""

from __future__ import annotations

from pathlib import PurePosixPath

from burnish import wire
from burnish.record import Record
from burnish.safetensors import read

__all__ = ["file_of", "files_of", "named", "newest", "read"]


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


def files_of(refinement: wire.Refinement) -> list[str]:
    """Names of the files beside a refinement: all outputs of a large answer, and what its kind leaves."""
    arrays = [refinement.arrays.name] if refinement.arrays and refinement.arrays.name else []
    return [*arrays, *(artifact.name for artifact in refinement.artifacts or ())]


def file_of(record: Record, name: str) -> str:
    """The full name of a file that the job left: `samples-64.safetensors` for that, `samples.safetensors` or `samples`.

    The newest one that this handle has seen. Raises `LookupError`, which lists the names there are.
    """
    seen = [full for refinement in reversed(record.history) for full in files_of(refinement)]
    for full in seen:
        path = PurePosixPath(full)
        stem = path.stem.rpartition("-")[0]
        if name in (full, stem, stem + path.suffix):
            return full
    known = ", ".join(dict.fromkeys(seen)) or "it has left none yet"
    raise LookupError(f"job {record.job.id} has no file {name!r}; its files: {known}")
