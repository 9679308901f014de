"""Running blocks of a job again, and whether they come out the same."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from burnish.wire import LedgerRow, SpecBase, Verification, VerifiedBlock
from burnish_workers.core.decisions import Decision, Decisions
from burnish_workers.core.digest import digest_arrays
from burnish_workers.core.estimator import unflatten
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.report import schedule_of
from burnish_workers.core.schedule import Replicates
from burnish_workers.engine.fleet import BlockResult, Fleet, NoSuchClass, run_again
from burnish_workers.engine.inflow import Inflow
from burnish_workers.engine.lanes import Carry, Layout, Place, block_task
from burnish_workers.engine.resolve import code_of

CLOSE = 1e-5
"""Relative difference up to which means agree where bits cannot: single precision on another device."""


def summary_of(stats: Mapping[str, Any]) -> dict[str, list[float]]:
    """Per component the mean and the scale of what a block found, averaged over outputs."""
    parts = unflatten(stats).items()
    return {name: [value if np.isfinite(value) else 0.0 for value in part.summary()] for name, part in parts}


@dataclass(frozen=True)
class Rerun:
    """What running blocks of a job again takes.

    `kept`: carries that were kept of its lanes, by block; `decisions`: what was decided at its looks; `inflow`: its
    observations, where it assimilates some.
    """

    spec: SpecBase
    fleet: Fleet
    inputs: Inputs
    kept: Mapping[int, Carry] = field(default_factory=dict[int, Carry])
    decisions: Mapping[int, Decision] = field(default_factory=dict[int, Decision])
    inflow: Inflow | None = None


async def verify(job_id: str, rows: list[LedgerRow], of: int, rerun: Rerun) -> Verification:
    """Run the blocks of these rows again, on their numeric class where the fleet has it.

    Memoryless blocks singly; a block of a lane from the last carry kept before it, or from the lane's beginning.
    Raises BlockFailed, and WorkerDied for a block that died too often.
    """
    room = asyncio.Semaphore(max(rerun.fleet.slots, 1))

    async def one(row: LedgerRow) -> VerifiedBlock:
        async with room:
            return _compared(row, await _again(row, rerun))

    blocks = await asyncio.gather(*(one(row) for row in rows))
    exact = all(block.comparison == "digest" for block in blocks)
    return Verification(
        job_id=job_id,
        reproduced=all(block.reproduced for block in blocks),
        comparison="digest" if exact else "numbers",
        blocks=list(blocks),
        of=of,
    )


async def _again(row: LedgerRow, rerun: Rerun) -> BlockResult:
    """The block, and in a lane all blocks before it back to a carry that was kept."""
    resolution = resolution_of(rerun.spec)
    count = Replicates(resolution.first_block, resolution.block)
    layout = Layout(rerun.spec.seed or 0, count, resolution.lanes)
    way = [row.index]
    while (before := layout.before(way[-1])) is not None and before not in rerun.kept:
        way.append(before)
    decisions = Decisions(schedule_of(rerun.spec), count, resolution.decides_from, dict(rerun.decisions))
    carry: Carry = {} if before is None else rerun.kept[before]
    result = None
    for index in reversed(way):
        decision = decisions.of(index) if rerun.inflow is None else rerun.inflow.of(index)
        result = await _run(layout.place(index), carry, decision, row.numeric_class, rerun)
        carry = result.carry
    assert result is not None
    return result


async def _run(place: Place, carry: Carry, decision: Decision, wanted: str | None, rerun: Rerun) -> BlockResult:
    code = code_of(rerun.spec, rerun.inputs)
    try:
        return await run_again(lambda: rerun.fleet.run(block_task(code, place, wanted, carry, decision)))
    except NoSuchClass:
        if wanted is None:
            raise
    # Any class will do: numbers are compared instead of bits.
    return await run_again(lambda: rerun.fleet.run(block_task(code, place, None, carry, decision)))


def _compared(row: LedgerRow, result: BlockResult) -> VerifiedBlock:
    digest, same_class = digest_arrays(result.stats), result.numeric_class == row.numeric_class
    left = digest_arrays(result.carry) if result.carry else None
    difference = _difference(row.summary, summary_of(result.stats))
    return VerifiedBlock(
        index=row.index,
        reproduced=(digest, left) == (row.digest, row.carry) if same_class else difference <= CLOSE,
        digest=digest,
        expected=row.digest,
        numeric_class=result.numeric_class,
        comparison="digest" if same_class else "numbers",
        largest_difference=difference,
    )


def _difference(expected: Mapping[str, list[float]], found: Mapping[str, list[float]]) -> float:
    """Of means, relative to their size and spread; infinity (as 1e300: JSON has none) where the components differ."""
    if sorted(expected) != sorted(found):
        return 1e300
    return max(
        (
            abs(mean - expected[name][0]) / max(abs(expected[name][0]) + expected[name][1], 1e-300)
            for name, (mean, _) in found.items()
        ),
        default=0.0,
    )
