"""The deployments on Ray Serve: Front (HTTP) and Runner (conducts jobs). One of the two files that import ray."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
import threading
import time
from dataclasses import asdict, fields
from typing import Any

import ray
import structlog
from fastapi import FastAPI
from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.config import HTTPOptions

from burnish_service.context import Context, Pool
from burnish_service.ingress import KEEP_ALIVE
from burnish_service.lean import stay_lean
from burnish_service.main import create_app
from burnish_service.settings import Settings
from burnish_service.telemetry import configure_logging, configure_tracing
from burnish_workers.core.registry import registry
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.devices import Device
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
_TRIAL = 300.0
"""Seconds: a node that has just been started reads its libraries for the first time."""


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
    joined, up = about["workers"], about.get("up", about["workers"])  # an older runner does not say
    lacking = Pool(joined, wanted, about["lacking"]).short
    # One that is lost takes nobody out of a load balancer: the others go on, and its place is taken again.
    return Pool(up, wanted, lacking or (None if up else "no worker is up"), _devices(about.get("devices", [])))


def _devices(told: list[dict[str, Any]]) -> tuple[Device, ...]:
    """Of a runner that may be of another version: what it tells beyond these fields is left out."""
    known = [field.name for field in fields(Device)]
    return tuple(Device(**{name: each[name] for name in known if name in each}) for each in told)


def _url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise ValueError("a deployment needs BURNISH_REDIS_URL; only `burnish-server serve` brings a store of its own")
    return settings.redis_url


def _fleet(settings: Settings, generation: int, kinds: tuple[str, ...] = ()) -> RayFleet:
    return RayFleet(
        size=settings.workers,
        gpus=settings.gpus_per_worker,
        on_gpus=settings.gpu_workers,
        device=settings.device,
        kinds=kinds,
        generation=generation,
    )


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
        self._fleet = _fleet(self._settings, generation, tuple(registry().names))

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
        fleet = self._fleet
        told = {"workers": fleet.workers, "up": await fleet.up(), "lacking": fleet.lacking}
        # Plain, so that a front of another version reads what it knows of it.
        devices = [asdict(device) for device in fleet.devices]
        return {"pid": os.getpid(), "jobs": jobs, **told, "devices": devices}


def deployment(settings: Settings, generation: int | None = None) -> serve.Application:
    """Front and Runner, bound together. Replicas take no CPU: the cores belong to the workers.

    `generation`: of this deployment, by default the time in milliseconds: a later one replaces all of an older one.
    """
    generation = time.time_ns() // 1_000_000 if generation is None else generation
    plain = settings.model_dump(mode="json")

    def build() -> FastAPI:
        stay_lean()
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


class DoesNotStart(RuntimeError):
    """What was to be deployed does not start; `str(error)` says what of it, and why."""


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
    """Deploy and wait until every replica is up; those of an earlier deployment are replaced one after the other.

    Raises DoesNotStart.
    """
    listens = HTTPOptions(host=settings.host, port=settings.port, keep_alive_timeout_s=KEEP_ALIVE)
    serve.start(proxy_location=settings.proxy_location, http_options=listens)
    try:
        serve.run(deployment(settings), name=APP, route_prefix="/")
    except RuntimeError as error:  # Serve says what kept dying, with the traceback of the last one
        raise DoesNotStart(f"Serve gave up: {_last_line(error)}") from error


def rehearse(settings: Settings) -> None:
    """Start once, in new processes on the cluster, what fronts, runners and workers start, before any is replaced.

    Raises DoesNotStart.
    """
    plain = settings.model_dump(mode="json")
    once: Any = ray.remote(num_cpus=0, max_retries=0, max_calls=1)
    trials = {"a front or a runner": once(_tried).remote(plain)}
    worker = _fleet(settings, 0).trial()
    if worker is not None:
        trials["a worker"] = worker
    for what, ends in trials.items():
        try:
            ray.get(ends, timeout=_TRIAL)
        except RayTaskError as error:
            raise DoesNotStart(f"{what}: {_last_line(error.cause)}") from error
        except RayError as error:
            raise DoesNotStart(f"{what}: {_last_line(error)}") from error


def _tried(plain: dict[str, Any]) -> None:
    """Build the application, know all kinds, reach the store, write where all nodes write. Raises what keeps it."""
    settings = Settings.model_validate(plain)
    create_app(lambda: _connect(settings), echo=False)
    registry()
    asyncio.run(_reached(settings))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=settings.data_dir).close()


async def _reached(settings: Settings) -> None:
    context = await _connect(settings)
    try:
        await context.app.store.ping()
    finally:
        await context.app.store.close()


def _last_line(error: BaseException | None) -> str:
    """What it comes to: Ray's errors carry tracebacks of other processes."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else 'nothing was said'}"


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
