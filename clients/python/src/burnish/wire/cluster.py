"""The pool, and who has what of it now."""

from __future__ import annotations

from burnish.wire.base import Received


class RunnerView(Received):
    """A runner and the slots that it may use. `leads`: it shares the pool among all."""

    id: str
    jobs: int
    slots: int
    leads: bool


class DeviceView(Received):
    """Workers of one numeric class (device, instruction set, torch version, threads) on one node.

    `up` of `workers` answer now. `gpus`: of each worker, a fraction where several share one. `node`: its name, told to
    administrators alone.
    """

    numeric_class: str
    workers: int
    up: int
    gpus: float = 0.0
    node: str | None = None


class LiveJob(Received):
    """A job that is being conducted: what it has, and what the allocation knows of it.

    `slots`: blocks that it may have in flight; `demand`: those that it could use; `remaining`: worker-seconds to its
    tolerance by the forecast, null without one; `barred`: refused, or at its floor: only its fair share.
    `tenant`: for whom it is.
    """

    id: str
    runner: str
    slots: int
    in_flight: int
    demand: int
    weight: float
    blocks: int
    worker_seconds: float
    remaining: float | None = None
    barred: bool = False
    tenant: str | None = None


class ClusterView(Received):
    """`workers` of `workers_wanted` are up; `lacking` says what is missing. A view is half a second old at most.

    `devices`: what those workers run on, as the runner that was asked sees it.
    """

    workers: int
    workers_wanted: int
    lacking: str | None = None
    runners: list[RunnerView]
    jobs: list[LiveJob]
    devices: list[DeviceView] = []
