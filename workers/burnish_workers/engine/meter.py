"""A fleet that counts what is spent on it, for work that is done before a job's first block."""

from __future__ import annotations

from dataclasses import dataclass

from burnish.wire import Spent
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.fleet import BlockResult, BlockTask, Fleet
from burnish_workers.engine.probing import Verdict


@dataclass
class Meter:
    """Tasks are run one at a time, so that the seconds of each are seconds of the job."""

    fleet: Fleet
    clock: Clock
    spent: Spent

    @property
    def slots(self) -> int:
        return self.fleet.slots

    @property
    def workers(self) -> int:
        return self.fleet.workers

    async def start(self) -> None:
        await self.fleet.start()

    async def numeric_class(self) -> str:
        return await self.fleet.numeric_class()

    async def run(self, task: BlockTask) -> BlockResult:
        began = self.clock.monotonic()
        result = await self.fleet.run(task)
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
