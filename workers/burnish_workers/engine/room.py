"""Memory that does not hold a block: another resolved spec, with fewer rows at once.

The micro-batch is part of the resolved spec because results depend on it: random numbers are drawn micro-batch by
micro-batch, and sums are taken in other orders. So it is never changed under a running job. The job gets a new resolved
spec, says so, and begins again from block 0 (decision 18).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from burnish.wire import SpecBase
from burnish_workers.core.kind import Draft, Kind, resolution_of
from burnish_workers.engine.fleet import OutOfMemory
from burnish_workers.engine.records import JobRecord

LESS = 4
"""From one try to the next the rows are divided by this: from what fills a large GPU to one row in ten tries."""


Tell = Callable[[str], Awaitable[None]]
"""Says something of a job."""


async def to_nobody(why: str) -> None: ...


def fewer(error: OutOfMemory) -> int:
    """Rows for the next try. Raises `error` where there is nothing left to divide."""
    if error.rows is None or error.rows == 1:
        raise error
    return max(1, error.rows // LESS)


def at_most(kind: Kind, rows: int) -> Kind:
    """The same kind, whose drafts ask for no more rows at once."""

    def draft(*given: Any) -> Draft:
        return _limited(kind.draft(*given), rows)

    def rivals(*given: Any) -> tuple[Draft, ...]:
        return tuple(_limited(each, rows) for each in kind.rivals(*given))

    return replace(kind, draft=draft, rivals=rivals)


def _limited(draft: Draft, rows: int) -> Draft:
    return replace(
        draft,
        micro_batch=min(draft.micro_batch, rows),
        rivals=tuple(_limited(each, rows) for each in draft.rivals),
        glimpse=draft.glimpse and _limited(draft.glimpse, rows),
    )


def with_fewer_rows(spec: SpecBase, error: OutOfMemory, record: JobRecord) -> tuple[SpecBase, str]:
    """The spec to begin again with, and what is said of it. Raises `error` where no smaller one may be taken: a spec
    that was posted resolved asks for exactly that."""
    rows = fewer(error)
    if posted_resolved(record):
        raise error
    resolution = resolution_of(spec).model_copy(update={"micro_batch": rows})
    return spec.model_copy(update={"resolution": resolution}), f"{told(error, rows)}; begins again from block 0"


def told(error: OutOfMemory, rows: int) -> str:
    """The event in words."""
    return f"{error.rows:,} rows at once do not fit into the memory of a worker ({error}): micro_batch is now {rows:,}"


def posted_resolved(record: JobRecord) -> bool:
    return record.spec.get("resolution") is not None


def without_room(error: OutOfMemory, record: JobRecord) -> str:
    """Why a job ends that memory does not hold, and what to do."""
    if error.rows is None:
        return f"training does not fit into the memory of a worker ({error}): lower its batch, width or depth"
    if error.rows > 1 and posted_resolved(record):
        what = f"{error.rows:,} rows at once, as resolution.micro_batch asks, do not fit into the memory of a worker"
        return f"{what} ({error}): post a smaller one, or leave `resolution` out to have the job resolved anew"
    if error.rows > 1:
        what = f"{error.rows:,} rows at once do not fit into the memory of a worker ({error})"
        return f"{what}: give workers more memory"
    what = f"not even one row at once fits into the memory of a worker ({error})"
    return f"{what}: ask for fewer outputs or replicates or a smaller model, or give workers more memory"
