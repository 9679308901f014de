"""Port: where blocks run. `InlineFleet` runs them in threads of this process."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from burnish_workers.core.decisions import Decision
from burnish_workers.core.estimator import Simulator
from burnish_workers.core.inputs import NOTHING, Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import SpecError
from burnish_workers.core.registry import registry
from burnish_workers.engine.devices import Device, devices_of
from burnish_workers.engine.probing import Verdict, probe

T = TypeVar("T")


@dataclass(frozen=True)
class JobCode:
    """What workers need to know of a job. `digest` names it, so that a worker builds its simulator only once."""

    digest: str
    kind: str
    resolved: dict[str, Any]
    inputs: Inputs = NOTHING


@dataclass(frozen=True)
class BlockTask:
    """One block: a pure function of (job, key, start, replicates, carry, decision). `numeric_class`: where it must run.

    `lane`: the key with which its lane begins, None for memoryless jobs; the first block of a lane has an empty carry.
    `decision`: how its samples are shared among outputs.
    """

    code: JobCode
    key: Key
    start: int
    replicates: int
    numeric_class: str | None
    carry: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lane: Key | None = None
    decision: Decision = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class BlockResult:
    """Statistics of a block. `seconds` travels beside them and never enters them."""

    carry: dict[str, Any]
    stats: dict[str, Any]
    seconds: float
    numeric_class: str
    gpus: float = 0.0


class WorkerDied(Exception):
    """The worker went away in mid-block: issue the block again, with the same key."""


class BlockFailed(Exception):
    """The kind's own code raised: issuing the block again would raise again. The message names the cause.

    `by_spec`: the spec is to blame (SpecError), not the service.
    """

    def __init__(self, cause: BaseException):
        super().__init__(f"{cause.pointer if isinstance(cause, SpecError) else type(cause).__name__}: {cause}")
        self.by_spec = isinstance(cause, SpecError)


class OutOfMemory(BlockFailed):
    """The block does not fit into the memory of a worker: fewer rows at once may. `rows`: how many it was asked for at
    once, None where it is no block of a resolved spec. The message names what the allocator said."""

    def __init__(self, cause: BaseException, rows: int | None):
        super().__init__(cause)
        self.args = (str(cause),)
        self.rows, self.by_spec = rows, True


class NoRoom(Exception):
    """A worker's memory ran out, also after it had given back all that it held for other jobs. It takes the place of
    torch's own error, which a runner without torch could not read."""


def failure_of(error: Exception, task: BlockTask) -> BlockFailed:
    """What is told of an exception that the code of a kind raised."""
    if isinstance(error, NoRoom):
        return OutOfMemory(error, (task.code.resolved.get("resolution") or {}).get("micro_batch"))
    return BlockFailed(error)


class NoSuchClass(Exception):
    """No worker of the numeric class that the job is pinned to."""


class Fleet(Protocol):
    @property
    def slots(self) -> int:
        """Blocks that may be in flight at once (two for each worker, so that none idles between blocks)."""
        ...

    @property
    def workers(self) -> int: ...

    async def start(self) -> None: ...

    async def numeric_class(self) -> str:
        """The class that new jobs are pinned to. Raises NoSuchClass while there are no workers."""
        ...

    async def run(self, task: BlockTask) -> BlockResult:
        """Raises WorkerDied, BlockFailed, NoSuchClass."""
        ...

    async def probe(self, data: bytes) -> Verdict:
        """Try an uploaded model under limits. Raises WorkerDied where the machine it ran on went away."""
        ...

    async def close(self) -> None: ...


MAX_ATTEMPTS = 10
"""A block that has lost so many workers is taken to be what kills them."""


class Deadly(WorkerDied):
    """A block has lost MAX_ATTEMPTS workers: whoever runs it for somebody else passes this on without another try."""


async def run_again(attempt: Callable[[], Awaitable[BlockResult]]) -> BlockResult:
    """Run a block by `attempt`, and again when a worker dies under it. Raises Deadly when that happened too often."""
    for count in range(1, MAX_ATTEMPTS + 1):
        try:
            return await attempt()
        except Deadly:
            raise
        except WorkerDied as death:
            if count == MAX_ATTEMPTS:
                raise Deadly(str(death)) from death
    raise AssertionError("unreachable")


class Bench:
    """The simulators that a worker has built, newest first; old ones are dropped."""

    def __init__(self, device: str, keep: int = 8):
        self._device, self._keep = device, keep
        self._built: dict[str, Simulator] = {}

    def simulator(self, digest: str, code: Callable[[], JobCode]) -> Simulator:
        found = self._built.get(digest)
        if found is None:
            job = code()
            kind = registry().get(job.kind)
            found = kind.load()(kind.spec.model_validate(job.resolved), self._device, job.inputs)
            self._built[digest] = found
            while len(self._built) > self._keep:
                self._built.pop(next(iter(self._built)))
        return found

    def with_room(self, work: Callable[[], T]) -> T:
        """What `work` gives. When memory runs out it is done once more, with nothing else held: bits do not change by
        that. Raises NoRoom when it runs out again."""
        said = _unless_out_of_memory(work)
        if isinstance(said, _Ran):
            return said.value
        self._forget()
        again = _unless_out_of_memory(work)
        if isinstance(again, _Ran):
            return again.value
        self._forget()
        raise NoRoom(again)

    def _forget(self) -> None:
        from burnish_workers.tensors.devices import give_memory_back

        self._built.clear()
        give_memory_back()


@dataclass(frozen=True)
class _Ran(Generic[T]):
    value: T


def _unless_out_of_memory(work: Callable[[], T]) -> _Ran[T] | str:
    """What `work` gave, or what the allocator said: the exception itself would hold the tensors of its frames."""
    try:
        return _Ran(work())
    except Exception as error:
        from burnish_workers.tensors.devices import out_of_memory

        if not out_of_memory(error):
            raise
        return (str(error) or type(error).__name__).splitlines()[0][:300]


def numeric_class_here(device: str) -> str:
    """Device model, instruction set, torch version and threads of this process: bits depend on them."""
    from burnish_workers.tensors.devices import numeric_class, resolve_device

    return numeric_class(resolve_device(device))


def begun(simulator: Simulator, carry: Mapping[str, Any], lane: Key | None) -> Mapping[str, Any]:
    """The carry that a block goes on from: at the beginning of a lane what the simulator starts it with."""
    return simulator.init(lane) if lane is not None and not carry else carry


def run_block(bench: Bench, task: BlockTask) -> tuple[dict[str, Any], dict[str, Any], float]:
    """Run one block in this process: (carry, statistics, seconds)."""

    def run() -> tuple[dict[str, Any], dict[str, Any], float]:
        simulator = bench.simulator(task.code.digest, lambda: task.code)
        started = time.perf_counter()
        carry = begun(simulator, task.carry, task.lane)
        carry, stats = simulator.advance(carry, task.key, task.start, task.replicates, task.decision)
        return dict(carry), dict(stats), time.perf_counter() - started

    return bench.with_room(run)


class InlineFleet:
    """Blocks in threads of this process: tests, notebooks, local mode."""

    def __init__(self, workers: int = 1, device: str = "cpu"):
        self._workers, self._device = workers, device
        self._bench = Bench(device)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="burnish-block")
        self._class: str | None = None

    @property
    def slots(self) -> int:
        return 2 * self._workers

    @property
    def workers(self) -> int:
        return self._workers

    @property
    def devices(self) -> tuple[Device, ...]:
        """This process, once it knows what it runs on."""
        return devices_of([(socket.gethostname(), self._class, True)] * self._workers) if self._class else ()

    async def start(self) -> None:
        await self.numeric_class()

    async def numeric_class(self) -> str:
        if self._class is None:
            self._class = await asyncio.to_thread(numeric_class_here, self._device)
        return self._class

    async def run(self, task: BlockTask) -> BlockResult:
        here = await self.numeric_class()
        if task.numeric_class not in (None, here):
            raise NoSuchClass(f"the job is pinned to {task.numeric_class!r}, this process is {here!r}")
        loop = asyncio.get_running_loop()
        try:
            carry, stats, seconds = await loop.run_in_executor(self._pool, run_block, self._bench, task)
        except Exception as error:
            raise failure_of(error, task) from error
        return BlockResult(carry, stats, seconds, here)

    async def probe(self, data: bytes) -> Verdict:
        return await asyncio.to_thread(probe, data)

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
