"""Jobs that find something out instead of an answer: what a job would cost, whether another's blocks reproduce."""

from __future__ import annotations

from typing import Any, cast

from burnish.wire import LedgerRow, SpecBase
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Kind
from burnish_workers.engine.fleet import Fleet
from burnish_workers.engine.planning import make_plan
from burnish_workers.engine.records import JobRecord
from burnish_workers.engine.store import Store
from burnish_workers.engine.verifying import verify


async def run_errand(
    record: JobRecord, spec: SpecBase, kind: Kind, fleet: Fleet, store: Store, inputs: Inputs
) -> dict[str, Any]:
    """The outcome of a job whose purpose is `plan` or `verify`, as JSON. Raises as `Fleet.run` does."""
    if record.purpose == "plan":
        return (await make_plan(spec, kind, fleet, inputs)).model_dump(mode="json")
    request = cast("dict[str, Any]", record.request)
    rows = [row for index in request["indices"] for row in await _row(store, request["job"], index)]
    return (await verify(request["job"], spec, rows, request["of"], fleet, inputs)).model_dump(mode="json")


async def _row(store: Store, job: str, index: int) -> list[LedgerRow]:
    return [row for row in await store.ledger(job, after=index - 1, limit=1) if row.index == index]
