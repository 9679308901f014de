"""A fleet that counts what is spent on it, for work that is done before a job's first block."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from burnish.wire import Spent
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.fleet import BlockResult, BlockTask, Fleet, run_again
from burnish_workers.engine.probing import Verdict

Patient = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


async def at_once(work: Callable[[], Awaitable[Any]]) -> Any:
    """Without patience."""
    return await work()


@dataclass
class Meter:
    """Tasks are run one at a time, so that the seconds of each are seconds of the job. `patient` runs work once there
    is a worker for it."""

    fleet: Fleet
    clock: Clock
    spent: Spent
    patient: Patient = field(default=at_once)

    @property
    def slots(self) -> int:
        return self.fleet.slots

    @property
    def workers(self) -> int:
        return self.fleet.workers

    async def start(self) -> None:
        await self.fleet.start()

    async def numeric_class(self) -> str:
        return await self.patient(self.fleet.numeric_class)

    async def run(self, task: BlockTask) -> BlockResult:
        """On another worker when one dies; only the attempt that succeeds is counted. Raises Deadly."""
        began = 0.0

        async def attempt() -> BlockResult:
            nonlocal began
            began = self.clock.monotonic()
            return await self.fleet.run(task)

        result: BlockResult = await self.patient(lambda: run_again(attempt))
        spent = self.spent
        self.spent = spent.model_copy(
            update={
                "seconds": spent.seconds + self.clock.monotonic() - began,
                "worker_seconds": spent.worker_seconds + result.seconds,
                "gpu_seconds": spent.gpu_seconds + result.seconds * result.gpus,
            }
        )
        return result

    async def probe(self, data: bytes) -> Verdict:
        return await self.fleet.probe(data)

    async def close(self) -> None: ...
