"""/v1/cluster: the pool, and who has what of it now."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request

from burnish.wire import ClusterView, DeviceView, LiveJob, RunnerView
from burnish_service.context import base_of, caller_of
from burnish_service.openapi import problem_responses
from burnish_workers.engine.coordination import Overview
from burnish_workers.engine.devices import Device, devices_of
from burnish_workers.engine.quotas import Caller
from burnish_workers.engine.tenants import DEFAULT

router = APIRouter(prefix="/v1", tags=["cluster"])


@router.get("/cluster", responses=problem_responses(503))
async def cluster(request: Request) -> ClusterView:
    """Workers, runners, and the share that every live job of yours has of the pool; administrators see all jobs."""
    context, caller = base_of(request), caller_of(request)
    pool, seen = await context.pool(), await context.coordination.overview()
    runners = [
        RunnerView(id=r.runner, jobs=len(r.needs), slots=_slots(seen, r.runner), leads=r.runner == seen.leader)
        for r in seen.reports
    ]
    return ClusterView(
        workers=pool.up,
        workers_wanted=pool.wanted,
        lacking=pool.short,
        runners=runners,
        jobs=_jobs(seen, caller),
        devices=_devices(pool.devices, caller),
    )


def _devices(found: Sequence[Device], caller: Caller) -> list[DeviceView]:
    """Names of nodes are for those who run them; others see their devices together."""
    if caller.operator:
        named = [(device.node or None, device) for device in found]
    else:
        seats = [("", d.numeric_class, i < d.up) for d in found for i in range(d.workers)]
        named = [(None, device) for device in devices_of(seats, max((d.gpus for d in found), default=0.0))]
    return [
        DeviceView(numeric_class=d.numeric_class, workers=d.workers, up=d.up, gpus=d.gpus, node=node)
        for node, d in named
    ]


def _slots(seen: Overview, runner: str) -> int:
    return seen.shares[runner].slots if runner in seen.shares else 0


def _jobs(seen: Overview, caller: Caller) -> list[LiveJob]:
    split = {job: slots for share in seen.shares.values() for job, slots in share.jobs.items()}
    return [
        LiveJob(
            id=need.id,
            runner=need.runner,
            slots=split.get(need.id, 0),
            in_flight=need.in_flight,
            demand=need.demand,
            weight=need.weight,
            blocks=need.blocks,
            worker_seconds=need.seconds,
            remaining=need.remaining,
            barred=need.barred,
            tenant=need.tenant or DEFAULT,
        )
        for report in seen.reports
        for need in report.needs
        if caller.operator or (need.tenant or DEFAULT) == caller.tenant
    ]
