"""The deployments on Ray Serve: Front (HTTP) and Runner (conducts jobs). One of the two files that import ray."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from typing import Any

import ray
import structlog
from fastapi import FastAPI
from ray import serve
from ray.serve.config import HTTPOptions

from burnish_service.context import Context, Pool
from burnish_service.main import create_app
from burnish_service.settings import Settings
from burnish_service.telemetry import configure_logging, configure_tracing
from burnish_workers.core.registry import registry
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.dispatcher import Dispatcher, Terms
from burnish_workers.engine.file_artifacts import FileArtifacts
from burnish_workers.engine.ray_fleet import NAMESPACE, RayFleet, dismiss_beyond
from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.redis_coordination import RedisCoordination
from burnish_workers.engine.redis_library import RedisLibrary
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_store import RedisStore
from burnish_workers.engine.redis_tenancy import RedisTenancy
from burnish_workers.engine.storage import Storage

log = structlog.get_logger()

APP = "burnish"
RUNNER = "Runner"
_POOL_TIMEOUT = 2.0
_STOPPING = 6.0


async def _connect(settings: Settings) -> Context:
    """The front's context. Few retries: a user is waiting, and a 503 tells him more than a hanging request."""
    configure_logging(settings.log_level)
    configure_tracing(settings.otlp_endpoint, "front")
    clock = SystemClock()
    storage = _storage(settings, patience=3)
    await _opened(storage)
    app = storage.app(registry(), clock)
    pool = lambda: _pool(settings.workers)  # noqa: E731
    return Context(app, settings, clock, pool, storage.coordination, storage.tenancy)


def _storage(settings: Settings, patience: int = 30) -> Storage:
    """`patience`: seconds, about, for which a store that is away or a disk that is full is waited for."""
    link = RedisLink(_url(settings), retries=patience)
    artifacts = FileArtifacts(settings.data_dir / "artifacts", patience=float(patience))
    return Storage(RedisStore(link), RedisLibrary(link), artifacts, RedisCoordination(link), RedisTenancy(link))


async def _opened(storage: Storage) -> None:
    """Refuse a store that has served a newer version; one that is away may come. Raises StoreTooNew."""
    try:
        await storage.store.open()
    except StoreUnavailable as error:
        log.warning("store.unavailable", why=str(error))


async def _pool(wanted: int) -> Pool:
    """A pool of `wanted` workers, as a runner sees it."""
    try:
        handle = serve.get_deployment_handle(RUNNER, APP)
        async with asyncio.timeout(_POOL_TIMEOUT):
            about = await handle.about.remote()
    except Exception as error:
        return Pool(0, wanted, f"no runner answers ({type(error).__name__})")
    up = about["workers"]
    lacking = about["lacking"] or (None if up >= wanted else f"{up} of {wanted} workers are up")
    return Pool(up, wanted, lacking)


def _url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise ValueError("a deployment needs BURNISH_REDIS_URL; only `burnish-server serve` brings a store of its own")
    return settings.redis_url


@serve.deployment(
    name=RUNNER,
    ray_actor_options={"num_cpus": 0},
    health_check_period_s=2,
    graceful_shutdown_timeout_s=5,
    graceful_shutdown_wait_loop_s=0.1,
    max_ongoing_requests=100,
)
class Runner:
    """One dispatcher. When it dies, Serve starts another; the jobs it held are claimed when their leases expire."""

    def __init__(self, settings: dict[str, Any], generation: int):
        self._settings = Settings.model_validate(settings)
        configure_logging(self._settings.log_level)
        configure_tracing(self._settings.otlp_endpoint, "runner")
        self._dispatcher: Dispatcher | None = None
        self._leaving = False
        self._task: asyncio.Task[None] | None = None
        self._fleet = RayFleet(
            size=self._settings.workers,
            gpus=self._settings.gpus_per_worker,
            on_gpus=self._settings.gpu_workers,
            device=self._settings.device,
            kinds=tuple(registry().names),
            generation=generation,
        )

    async def _start(self) -> None:
        settings, storage = self._settings, _storage(self._settings)
        await _opened(storage)
        terms = Terms(
            lease=settings.lease,
            canaries=settings.canary_every,
            sharing=settings.sharing,
            retention=settings.retention,
        )
        self._dispatcher = storage.dispatcher(registry(), self._fleet, SystemClock(), terms)
        self._task = asyncio.create_task(self._dispatcher.run())

    async def check_health(self) -> None:
        """Serve calls this every two seconds; the first call starts the dispatcher in the replica's own loop."""
        if self._task is None:
            await self._start()
        elif self._task.done() and not self._leaving:
            self._task.result()
            raise RuntimeError("the dispatcher ended by itself")

    async def __del__(self) -> None:
        """Serve awaits this before it stops a replica: its jobs go on elsewhere at once."""
        self._leaving = True
        if self._dispatcher is not None:
            await self._dispatcher.leave()

    async def about(self) -> dict[str, Any]:
        jobs = self._dispatcher.jobs if self._dispatcher else []
        return {"pid": os.getpid(), "workers": self._fleet.workers, "jobs": jobs, "lacking": self._fleet.lacking}


def deployment(settings: Settings, generation: int | None = None) -> serve.Application:
    """Front and Runner, bound together. Replicas take no CPU: the cores belong to the workers.

    `generation`: of this deployment, by default the time in milliseconds: a later one replaces all of an older one.
    """
    generation = time.time_ns() // 1_000_000 if generation is None else generation
    plain = settings.model_dump(mode="json")

    def build() -> FastAPI:
        return create_app(lambda: _connect(Settings.model_validate(plain)), echo=False)

    @serve.deployment(
        name="Front",
        num_replicas=settings.fronts,
        ray_actor_options={"num_cpus": 0},
        max_ongoing_requests=4_000,
        health_check_period_s=2,
        graceful_shutdown_timeout_s=5,
    )
    @serve.ingress(build)
    class Front:
        def __init__(self, runner: Any, generation: int):
            self.runner = runner  # bound, so that Serve deploys it too
            self.generation = generation  # another argument is what makes Serve replace a replica

    return Front.bind(Runner.options(num_replicas=settings.runners).bind(plain, generation), generation)


class RayTooSlow(RuntimeError):
    """Ray gave up on its daemons, which need long to start where much else runs."""


def start_ray(settings: Settings) -> None:
    """A cluster on this machine, with no dashboard. Set up in `environment` before anything imports ray.

    Raises RayTooSlow; this process has no Ray then and gets none: another is needed.
    """
    try:
        ray.init(
            "local",  # whatever RAY_ADDRESS says
            num_cpus=max(settings.workers, os.cpu_count() or 1),
            include_dashboard=False,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    except Exception as error:  # Ray raises a bare Exception
        if "timed out during startup" not in str(error):
            raise
        raise RayTooSlow("Ray did not start within its 30 s; much else seems to run on this machine") from error


def join_ray(address: str, environment: dict[str, str]) -> float:
    """Connect to a running cluster: its CPUs. Whatever is started from here has `environment` too."""
    ray.init(
        address,
        namespace=NAMESPACE,
        # Ray hands an idle process to whoever wants the same environment, with all that it has imported: older code.
        runtime_env={"env_vars": {**environment, "BURNISH_DEPLOYED": str(time.time_ns())}},
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    return float(ray.cluster_resources().get("CPU", 0.0))


def leave_ray() -> None:
    """What runs on the cluster goes on."""
    ray.shutdown()


async def until_ready(settings: Settings, timeout: float) -> None:
    """Wait until a runner says that its whole pool is up, and what was there before is gone.

    Raises TimeoutError with what is lacking.
    """
    deadline = time.monotonic() + timeout
    while (lacking := (await _pool(settings.workers)).lacking or _leaving()) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the service was not ready after {timeout:g} s: {lacking}")
        await asyncio.sleep(0.5)
    dismiss_beyond(settings.workers)


def _leaving() -> str | None:
    """Replicas that Serve is still stopping."""
    deployments = serve.status().applications[APP].deployments
    ending = [name for name, each in deployments.items() if "STOPPING" in each.replica_states]
    return f"older replicas of {' and '.join(ending)} are still ending" if ending else None


def address() -> str:
    """Where the cluster is that this process started."""
    return str(ray.get_runtime_context().gcs_address)


def start(settings: Settings) -> None:
    """Deploy and wait until every replica is up; those of an earlier deployment are replaced one after the other."""
    serve.start(http_options=HTTPOptions(host=settings.host, port=settings.port))
    serve.run(deployment(settings), name=APP, route_prefix="/")


def _shut_down_serve() -> None:
    with contextlib.suppress(Exception):
        serve.shutdown()


def stop() -> None:
    """Take everything down that `start_ray` and `start` brought up."""
    # HAProxy waits for the last of its connections; when the whole machine stops, nobody else need wait for them.
    ending = threading.Thread(target=_shut_down_serve, daemon=True)
    ending.start()
    ending.join(_STOPPING)
    if not ending.is_alive():  # Ray ends the whole process with an error when one thread closes what another uses
        ray.shutdown()
