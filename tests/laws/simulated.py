"""Time that passes only when nothing else happens, and a pool of simulated workers: hours of conducting in a second."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from burnish_workers.core.registry import registry
from burnish_workers.core.sharing import Sharing
from burnish_workers.engine.dispatcher import Dispatcher, Terms
from burnish_workers.engine.fleet import Bench, BlockResult, BlockTask, run_block
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.storage import Storage

from .bench import House

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer as soon as nothing is left to do."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 0.0

    def time(self) -> float:
        return self._virtual

    def _run_once(self) -> None:
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False
            self._timer_cancelled_count -= 1
        if not self._ready and self._scheduled:
            self._virtual = max(self._virtual, self._scheduled[0]._when)
        super()._run_once()


def simulate(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class LoopClock:
    """The clock of the running loop."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> str:
        return "2026-01-01T00:00:00.000Z"

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class SimulatedFleet:
    """`size` workers that take blocks first come, first served, and `each` seconds per replicate, times 0.75 to 1.25.

    `log` holds (time, blocks running, blocks in flight, blocks begun) after each change.
    """

    size: int
    each: float = 0.05
    seed: int = 0
    log: list[tuple[float, int, int, int]] = field(default_factory=list)
    running: int = 0
    in_flight: int = 0
    begun: int = 0

    def __post_init__(self) -> None:
        self._random, self._bench, self._free = random.Random(self.seed), Bench("cpu"), asyncio.Semaphore(self.size)

    @property
    def slots(self) -> int:
        return 2 * self.size

    @property
    def workers(self) -> int:
        return self.size

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def numeric_class(self) -> str:
        return "any"

    async def run(self, task: BlockTask) -> BlockResult:
        # The first two are a pilot's halves: from what they measure follows how many blocks there will be.
        seconds = self.each * task.replicates * (self._random.uniform(0.75, 1.25) if self.begun > 1 else 1.0)
        self._count(0, 1)
        try:
            async with self._free:
                self.begun += 1
                self._count(1, 0)
                try:
                    await asyncio.sleep(seconds)
                finally:
                    self._count(-1, 0)
        finally:
            self._count(0, -1)
        carry, stats, _ = run_block(self._bench, task)
        return BlockResult(carry, stats, seconds, "any")

    def _count(self, running: int, in_flight: int) -> None:
        self.running, self.in_flight = self.running + running, self.in_flight + in_flight
        self.log.append((asyncio.get_running_loop().time(), self.running, self.in_flight, self.begun))

    def idle(self, since: float, until: float) -> float:
        """Worker-seconds during which workers had nothing to do."""
        moments = [(max(time, since), running) for time, running, *_ in self.log if time <= until]
        ends = [*(time for time, _ in moments[1:]), until]
        steps = zip(moments, ends, strict=True)
        return sum((self.size - running) * max(0.0, end - time) for (time, running), end in steps)

    def when(self, begun: int) -> float:
        """The moment at which so many blocks had been begun."""
        return next(time for time, _, _, count in self.log if count >= begun)


class SimulatedHouse(House):
    """Everything lives by the loop's clock; runners share the pool over one port."""

    def __init__(self, fleet: Any):
        clock = asyncio.get_running_loop().time
        self.clock, self.fleet = LoopClock(), fleet
        self.store, self.artifacts, self.library = MemoryStore(clock, clock), MemoryArtifacts(), MemoryLibrary(clock)
        self.coordination = MemoryCoordination(clock)
        self.storage = Storage(self.store, self.library, self.artifacts, self.coordination)
        self.app = self.storage.app(registry(), self.clock)

    def dispatcher(self, lease: float = 5.0, sharing: Sharing = "gain") -> Dispatcher:
        ports = self.storage.ports(self.fleet, self.clock)
        return Dispatcher(registry(), ports, Terms(lease=lease, sharing=sharing), self.coordination)
