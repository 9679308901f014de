"""The blocks of one job that are out with workers: sent, lost and sent again, returned."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import structlog

from burnish.wire import SpecBase
from burnish_workers.core.decisions import Decision
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import resolution_of
from burnish_workers.engine import tracing
from burnish_workers.engine.counts import Counts
from burnish_workers.engine.fleet import MAX_ATTEMPTS, BlockResult, BlockTask, Fleet, NoSuchClass, WorkerDied
from burnish_workers.engine.lanes import Carry, Place, block_task
from burnish_workers.engine.resolve import code_of

log = structlog.get_logger()


@dataclass(frozen=True)
class _Errand:
    index: int
    place: Place
    carry: Carry
    decision: Decision
    attempts: int


class Crew:
    """Sends blocks to a fleet. A block that lost its worker goes out again with the same key, and is never dropped."""

    def __init__(self, fleet: Fleet, spec: SpecBase, inputs: Inputs, counts: Counts | None = None):
        self._fleet, self._counts = fleet, counts or Counts()
        self._code = code_of(spec, inputs)
        self._class = resolution_of(spec).numeric_class
        self._out: dict[asyncio.Task[BlockResult], _Errand] = {}
        self._stranded: list[_Errand] = []
        self.lacking: str | None = None

    @property
    def in_flight(self) -> int:
        return len(self._out) + len(self._stranded)

    @property
    def idle(self) -> bool:
        return not self._out and not self._stranded

    def send(self, index: int, place: Place, carry: Carry, decision: Decision) -> None:
        self._send(_Errand(index, place, carry, decision, 1))

    def _send(self, errand: _Errand) -> None:
        place = errand.place
        task = block_task(self._code, place, self._class, errand.carry, errand.decision)
        self._out[asyncio.create_task(self._run(task, errand))] = errand

    async def _run(self, task: BlockTask, errand: _Errand) -> BlockResult:
        with tracing.span("block", index=errand.index, attempt=errand.attempts, replicates=task.replicates):
            return await self._fleet.run(task)

    async def wait(self, changed: asyncio.Event) -> list[tuple[int, BlockResult, int]]:
        """Wait until a block is back or `changed` is set: (index, result, attempts) of those that came back.

        Raises BlockFailed, and WorkerDied for a block that died too often.
        """
        signal = asyncio.create_task(changed.wait())
        try:
            done, _ = await asyncio.wait({*self._out, signal}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            signal.cancel()
        back: list[tuple[int, BlockResult, int]] = []
        for task in [task for task in self._out if task in done]:
            errand = self._out.pop(task)
            try:
                back.append((errand.index, task.result(), errand.attempts))
            except WorkerDied as death:
                self._again(errand, death)
            except NoSuchClass as error:
                self.lacking = str(error)
                self._stranded.append(errand)
        return back

    def _again(self, errand: _Errand, death: WorkerDied) -> None:
        self._counts.add("lost")
        log.warning("block.lost", index=errand.index, attempt=errand.attempts, why=str(death))
        if errand.attempts >= MAX_ATTEMPTS:
            raise WorkerDied(f"block {errand.index} lost {errand.attempts} workers in a row ({death})") from death
        self._send(replace(errand, attempts=errand.attempts + 1))

    def retry(self) -> None:
        """Send out again what found no worker of its class."""
        stranded, self._stranded, self.lacking = self._stranded, [], None
        for errand in stranded:
            self._send(errand)

    def disband(self) -> None:
        """Stop waiting for what is still out: the job has ended, or another runner has it."""
        for task in self._out:
            task.cancel()
        self._out.clear()
