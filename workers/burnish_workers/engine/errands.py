"""Jobs that find something out instead of an answer: what a job would cost, whether another's blocks reproduce."""

from __future__ import annotations

import contextlib
from typing import Any, cast

from burnish.wire import LedgerRow, SpecBase
from burnish_workers.core.decisions import Decision
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Kind, resolution_of
from burnish_workers.core.report import schedule_of
from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.checkpoint import Checkpoint, lanes_at
from burnish_workers.engine.fleet import Fleet
from burnish_workers.engine.inflow import inflow_of
from burnish_workers.engine.lanes import Carry
from burnish_workers.engine.planning import make_plan
from burnish_workers.engine.records import JobRecord
from burnish_workers.engine.store import Store
from burnish_workers.engine.verifying import Rerun, verify


async def run_errand(
    record: JobRecord, spec: SpecBase, kind: Kind, fleet: Fleet, store: Store, artifacts: Artifacts, inputs: Inputs
) -> dict[str, Any]:
    """The outcome of a job whose purpose is `plan` or `verify`, as JSON. Raises as `Fleet.run` does."""
    if record.purpose == "plan":
        return (await make_plan(spec, kind, fleet, inputs)).model_dump(mode="json")
    request = cast("dict[str, Any]", record.request)
    rows = [row for index in request["indices"] for row in await _row(store, request["job"], index)]
    kept = await _kept(request["job"], spec, store, artifacts)
    decided = await _decided(request["job"], spec, store, artifacts)
    inflow = await inflow_of(request["job"], spec, kind, inputs, store)
    rerun = Rerun(spec, fleet, inputs, kept, decided, inflow)
    return (await verify(request["job"], rows, request["of"], rerun)).model_dump(mode="json")


async def _kept(job: str, spec: SpecBase, store: Store, artifacts: Artifacts) -> dict[int, Carry]:
    """The carries of a job's lanes that were kept at its looks."""
    if resolution_of(spec).lanes is None:
        return {}
    record = await store.get(job)
    last = record.last_refinement.blocks if record and record.last_refinement else 0
    found: dict[int, Carry] = {}
    schedule = schedule_of(spec)
    for look in [look for look in schedule.looks_until(last) if schedule.keeps(look.blocks)]:
        with contextlib.suppress(KeyError):  # handed over or ended in between
            found |= Checkpoint.from_bytes(await artifacts.read(lanes_at(job, look.blocks))).carries
    return found


async def _decided(job: str, spec: SpecBase, store: Store, artifacts: Artifacts) -> dict[int, Decision]:
    """What was decided at the looks of a job: any checkpoint knows all that its blocks were run by."""
    while resolution_of(spec).decides_from is not None:
        record = await store.get(job)
        if record is None or record.checkpoint is None:
            break
        with contextlib.suppress(KeyError):  # a newer one has taken its place just now
            return Checkpoint.from_bytes(await artifacts.read(record.checkpoint)).decisions
    return {}


async def _row(store: Store, job: str, index: int) -> list[LedgerRow]:
    return [row for row in await store.ledger(job, after=index - 1, limit=1) if row.index == index]
