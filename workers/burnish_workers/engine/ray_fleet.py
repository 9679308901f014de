"""The pool of warm Ray actors. One of the two files that import ray."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from burnish_workers.core.keys import Key
from burnish_workers.core.rendezvous import HERE
from burnish_workers.engine.courtesy import go_last
from burnish_workers.engine.devices import Device, devices_of
from burnish_workers.engine.fleet import (
    Bench,
    BlockResult,
    BlockTask,
    JobCode,
    NoSuchClass,
    WorkerDied,
    begun,
    failure_of,
    numeric_class_here,
)
from burnish_workers.engine.places import short_of
from burnish_workers.engine.probing import Verdict, probe

NAMESPACE = "burnish"
_QUEUED = 2
"""Blocks in flight per worker: one running, one waiting, so that no worker idles between blocks."""

_LOOK = 0.5
"""Seconds for a look at the nodes: while Ray's head is away there is no answer, and one look at a time waits for it."""

_RECHECK = 2.0
"""Seconds after which one who waits for a worker asks again whether any can come."""

_NAME = "burnish-worker-"


def dismiss_beyond(size: int) -> None:
    """End the workers that a larger pool of an earlier deployment has left; call it when its runners are gone."""
    actors: Any = ray.util.list_named_actors(all_namespaces=True)  # declared as names, which these are not
    for actor in actors:
        name = str(actor["name"])
        if actor["namespace"] == NAMESPACE and name.startswith(_NAME) and int(name.removeprefix(_NAME)) >= size:
            with contextlib.suppress(ValueError):  # it has just ended
                ray.kill(ray.get_actor(name, NAMESPACE), no_restart=True)


class BlockWorker:
    """Runs blocks in a process of its own with one torch thread (bits depend on the number).

    One computes at a time; those that use the same network meet at its forward passes.
    """

    def __init__(self, device: str, kinds: list[str], generation: int = 0, gpus: float = 0.0):
        from burnish_workers.core.registry import registry
        from burnish_workers.tensors.devices import keep_within, resolve_device

        go_last()
        self._bench, self._device = Bench(device), device
        self._class, self._generation = numeric_class_here(device), generation
        keep_within(resolve_device(device), gpus)
        for name in kinds or registry().names:
            registry().get(name).load()

    def about(self) -> dict[str, Any]:
        context = ray.get_runtime_context()
        told = {"pid": os.getpid(), "numeric_class": self._class, "generation": self._generation}
        where = {"node": context.get_node_id(), "host": socket.gethostname()}
        return {**told, **where, "gpus": context.get_accelerator_ids().get("GPU", [])}

    def run(
        self,
        digest: str,
        code: list[Any],
        key: Key,
        start: int,
        replicates: int,
        carry: dict[str, Any],
        lane: Key | None,
        decision: dict[str, Any],
        pinned: str | None = None,
    ) -> dict[str, Any]:
        """`code` holds an ObjectRef in a list, which Ray does not fetch unless this worker lacks the simulator.

        Nothing is run for a job that is `pinned` to another numeric class than this worker's: Ray may have started it
        again on another machine than its caller knows of.
        """
        if pinned not in (None, self._class):
            return {"numeric_class": self._class}

        def run() -> dict[str, Any]:
            with HERE.turn(shares=False):
                simulator = self._bench.simulator(digest, lambda: ray.get(code[0]))
            with HERE.turn(shares=getattr(simulator, "shares", False)) as watch:
                carry_out, stats = simulator.advance(begun(simulator, carry, lane), key, start, replicates, decision)
            return {"carry": dict(carry_out), "stats": dict(stats), "seconds": watch.seconds}

        return {**self._bench.with_room(run), "numeric_class": self._class}


def _started(device: str, kinds: list[str]) -> None:
    BlockWorker(device, kinds)


@dataclass
class _Seat:
    """One worker of the pool as this runner sees it. `handle`: Ray's, whose methods are made at run time."""

    index: int
    handle: Any
    numeric_class: str
    node: str
    generation: int = 0
    host: str = ""
    in_flight: int = 0
    down: bool = False


@dataclass
class RayFleet:
    """Named actors `burnish-worker-<i>`, shared by all runners of the cluster, restarted by Ray when they die.

    `gpus`: GPUs per worker, a fraction for several workers on one; `on_gpus`: how many workers have them, the first
    ones, None for all: the others compute on processors. `device`: `auto`, `cpu`, `cuda`, of workers with GPUs;
    `kinds`: what workers import before they answer, so that no job waits for that: by default all that are installed.
    `generation` grows with every deployment: workers of an older one run older code, and are replaced one after the
    other.
    """

    size: int
    gpus: float = 0.0
    on_gpus: int | None = None
    cpus: float = 1.0
    device: str = "auto"
    kinds: tuple[str, ...] = ()
    generation: int = 0
    _replacing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _seats: list[_Seat] = field(default_factory=list[_Seat])
    _codes: dict[str, ray.ObjectRef[JobCode]] = field(default_factory=dict[str, "ray.ObjectRef[JobCode]"])
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _returning: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _look: asyncio.Task[None] | None = None

    @property
    def slots(self) -> int:
        return _QUEUED * self.size

    @property
    def workers(self) -> int:
        """Those that have joined; one that died is on its way back."""
        return len(self._seats)

    async def up(self) -> int:
        """Workers that have joined and are there, as far as is known."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._miss())
        await asyncio.wait({self._look}, timeout=_LOOK)
        return sum(not seat.down for seat in self._seats)

    async def _miss(self) -> None:
        """Seek those anew whose node is gone, though no block was lost."""
        try:
            nodes = await asyncio.to_thread(ray.nodes)
        except Exception:  # Ray's head is away: what was known holds
            return
        alive = {node["NodeID"] for node in nodes if node["Alive"]}
        for seat in self._seats:
            if seat.node not in alive:
                self._replace(seat)

    @property
    def _up(self) -> list[_Seat]:
        return [seat for seat in self._seats if not seat.down]

    def gpus_of(self, index: int) -> float:
        """GPUs of the worker with this number."""
        return self.gpus if self.on_gpus is None or index < self.on_gpus else 0.0

    @property
    def lacking(self) -> str | None:
        """What workers that never joined ask for and the cluster does not have; Ray would wait for it in silence."""
        return self._lacking({seat.index for seat in self._seats})

    def _lacking(self, up: set[int]) -> str | None:
        """The same for all but these workers."""
        missing = {self.gpus_of(index) for index in range(self.size) if index not in up}
        if not missing:
            return None
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        told = [short_of(nodes, {"GPU": gpus, "CPU": self.cpus}, self._like(gpus)) for gpus in sorted(missing)]
        return "; ".join(filter(None, told)) or None

    def _like(self, gpus: float) -> int:
        """How many workers ask for so many GPUs."""
        return sum(self.gpus_of(index) == gpus for index in range(self.size))

    @property
    def devices(self) -> tuple[Device, ...]:
        """What the workers run on that have joined."""
        return devices_of([(seat.host, seat.numeric_class, not seat.down) for seat in self._seats], self.gpus)

    async def start(self) -> None:
        """Find or create the workers and wait until each has imported its libraries; each serves as soon as it has."""
        await asyncio.gather(*(self._join(i) for i in range(self.size)))

    async def _join(self, index: int) -> None:
        seat = await self._seat(index)
        async with self._changed:
            self._seats.append(seat)
            self._changed.notify_all()

    async def _seat(self, index: int) -> _Seat:
        """The worker, once it answers: Ray restarts one that died; one whose node is gone is created anew."""
        seat = await self._answering(index)
        if seat.generation >= self.generation:
            return seat
        async with self._replacing:  # the others of the pool work meanwhile
            while seat.generation < self.generation:
                # What it runs is run again by the new one, for whoever sent it, with equal bits.
                ray.kill(seat.handle, no_restart=True)
                seat = await self._answering(index)
        return seat

    async def _answering(self, index: int) -> _Seat:
        while True:
            handle = self._create(index)
            try:
                about = await handle.about.remote()
                told = about.get("node", ""), about.get("generation", 0), about.get("host", "")
                # One of an older version does not say all of it, and is replaced.
                return _Seat(index, handle, about["numeric_class"], *told)
            except RayActorError:
                await asyncio.sleep(0.2)

    def _create(self, index: int) -> Any:
        options: dict[str, Any] = {
            "name": f"{_NAME}{index}",
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "get_if_exists": True,
            "max_restarts": -1,
            "max_task_retries": 0,
            "max_concurrency": _QUEUED,
            "num_cpus": self.cpus,
            "num_gpus": self.gpus_of(index),
            "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}},
        }
        # A worker without a GPU on a machine that has some sees them all, and must not take one.
        gpus, beside = self.gpus_of(index), self.on_gpus is not None or self.device == "auto"
        device = "cpu" if gpus == 0 and beside else self.device
        return ray.remote(BlockWorker).options(**options).remote(device, list(self.kinds), self.generation, gpus)

    def trial(self) -> ray.ObjectRef[None] | None:
        """A process that starts what a worker starts, beside the pool, and ends; None where no node could have one.

        It computes on the processor where workers have GPUs: those are the pool's.
        """
        amounts = {"GPU": self.gpus, "CPU": self.cpus}
        nodes = [node for node in ray.nodes() if node["Alive"] and not short_of([node["Resources"]], amounts, 1)]
        if not nodes:
            return None
        device = "cpu" if self.gpus > 0 or self.device == "auto" else self.device
        there: Any = NodeAffinitySchedulingStrategy(nodes[0]["NodeID"], soft=False)
        once: Any = ray.remote(num_cpus=0, max_retries=0, max_calls=1, scheduling_strategy=there)
        return once(_started).remote(device, list(self.kinds))

    async def numeric_class(self) -> str:
        """That of the worker with the lowest number: of those with GPUs while one is up."""
        lacking = None if self._up else self._lacking(set())
        known = self._up if lacking else self._up or self._seats  # one that died comes back in a moment
        if not known:
            raise NoSuchClass(lacking or "the pool has no workers yet")
        return min(known, key=lambda seat: seat.index).numeric_class

    async def run(self, task: BlockTask) -> BlockResult:
        while True:
            seat = await self._take(task.numeric_class)
            try:
                reply = await self._on(seat, task)
            finally:
                await self._give_back(seat)
            seat.numeric_class = reply["numeric_class"]
            if "stats" in reply:
                gpus = self.gpus_of(seat.index)
                return BlockResult(reply["carry"], reply["stats"], reply["seconds"], seat.numeric_class, gpus)

    async def _on(self, seat: _Seat, task: BlockTask) -> dict[str, Any]:
        try:
            return await seat.handle.run.remote(
                task.code.digest,
                [self._code(task.code)],
                task.key,
                task.start,
                task.replicates,
                dict(task.carry),
                task.lane,
                dict(task.decision),
                task.numeric_class,
            )
        except RayTaskError as error:
            cause = error.cause if isinstance(error.cause, Exception) else error
            if isinstance(cause, RayError):  # what it needed was lost with another process
                raise WorkerDied(f"worker {seat.index}: {type(cause).__name__}") from error
            raise failure_of(cause, task) from error
        except (RayActorError, WorkerCrashedError, OutOfMemoryError) as error:
            self._replace(seat)
            raise WorkerDied(f"worker {seat.index}: {type(error).__name__}") from error

    def _code(self, code: JobCode) -> ray.ObjectRef[JobCode]:
        if code.digest not in self._codes:
            self._codes[code.digest] = ray.put(code)
            while len(self._codes) > 256:
                self._codes.pop(next(iter(self._codes)))
        return self._codes[code.digest]

    async def _take(self, numeric_class: str | None) -> _Seat:
        """The least loaded worker of the class that has room, waiting for one if need be.

        Raises NoSuchClass where there is none, or all are gone and the cluster lacks what they ask for.
        """
        async with self._changed:
            while True:
                fit = [seat for seat in self._seats if numeric_class in (None, seat.numeric_class)]
                up = [seat for seat in fit if not seat.down]
                if not fit or (not up and self._lacking({seat.index for seat in self._up})):
                    raise NoSuchClass(self._without(numeric_class))
                free = [seat for seat in up if seat.in_flight < _QUEUED]
                if free:
                    seat = min(free, key=lambda s: (s.in_flight, s.index))
                    seat.in_flight += 1
                    return seat
                with contextlib.suppress(TimeoutError):  # nobody tells of a node that has gone
                    async with asyncio.timeout(_RECHECK):
                        await self._changed.wait()

    def _without(self, numeric_class: str | None) -> str:
        """What is said where a job finds no worker."""
        known, lacking = sorted({seat.numeric_class for seat in self._up}), self._lacking({s.index for s in self._up})
        pinned = f"the job is pinned to {numeric_class!r}; the pool has {known}"
        return f"{pinned}; {lacking}" if lacking else pinned

    async def _give_back(self, seat: _Seat) -> None:
        async with self._changed:
            seat.in_flight -= 1
            self._changed.notify_all()

    def _replace(self, seat: _Seat) -> None:
        """Send nothing to a worker that died until it is back, wherever that is: its blocks go elsewhere meanwhile."""
        if not seat.down:
            seat.down = True
            returning = asyncio.create_task(self._back(seat))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)

    async def _back(self, seat: _Seat) -> None:
        fresh = await self._seat(seat.index)
        async with self._changed:
            seat.handle, seat.numeric_class = fresh.handle, fresh.numeric_class
            seat.node, seat.host, seat.down = fresh.node, fresh.host, False
            self._changed.notify_all()

    async def probe(self, data: bytes) -> Verdict:
        """As a task of its own: no block waits for it."""
        task: Any = ray.remote(probe).options(num_cpus=0, max_retries=0)
        try:
            return await task.remote(data)
        except RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from None
        except RayError as error:
            raise WorkerDied(f"a model's probe: {type(error).__name__}") from error

    async def close(self) -> None:
        """Leave the workers to the other runners; they end with the cluster."""
        for task in self._returning:
            task.cancel()
        self._seats = []
