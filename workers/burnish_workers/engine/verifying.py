"""Running blocks of a job again, and whether they come out the same."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np

from burnish.wire import LedgerRow, SpecBase, Verification, VerifiedBlock
from burnish_workers.core.digest import digest_arrays
from burnish_workers.core.estimator import unflatten
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import block_key
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.schedule import Replicates
from burnish_workers.engine.fleet import BlockResult, BlockTask, Fleet, NoSuchClass, WorkerDied
from burnish_workers.engine.resolve import code_of

CLOSE = 1e-5
"""Relative difference up to which means agree where bits cannot: single precision on another device."""

_DEATHS = 10


def summary_of(stats: Mapping[str, Any]) -> dict[str, list[float]]:
    """Per component the mean and the standard deviation of a block's samples, averaged over outputs."""
    found: dict[str, list[float]] = {}
    for name, part in unflatten(stats).items():
        deviation = np.sqrt(part.m2 / np.maximum(part.count, 1))
        values = (float(np.nan_to_num(part.mean).mean()), float(np.nan_to_num(deviation).mean()))
        found[name] = [value if np.isfinite(value) else 0.0 for value in values]
    return found


async def verify(
    job_id: str, spec: SpecBase, rows: list[LedgerRow], of: int, fleet: Fleet, inputs: Inputs
) -> Verification:
    """Run the blocks of these rows again, on their numeric class where the fleet has it.

    Raises BlockFailed, and WorkerDied for a block that died too often.
    """
    room = asyncio.Semaphore(max(fleet.slots, 1))

    async def one(row: LedgerRow) -> VerifiedBlock:
        async with room:
            return _compared(row, await _again(spec, row, fleet, inputs))

    blocks = await asyncio.gather(*(one(row) for row in rows))
    exact = all(block.comparison == "digest" for block in blocks)
    return Verification(
        job_id=job_id,
        reproduced=all(block.reproduced for block in blocks),
        comparison="digest" if exact else "numbers",
        blocks=list(blocks),
        of=of,
    )


async def _again(spec: SpecBase, row: LedgerRow, fleet: Fleet, inputs: Inputs) -> BlockResult:
    resolution = resolution_of(spec)
    count = Replicates(resolution.first_block, resolution.block)
    key, start = block_key(spec.seed or 0, 0, row.index), count(row.index)
    wanted: str | None = row.numeric_class
    for attempt in range(_DEATHS):
        task = BlockTask(code_of(spec, inputs), key, start, count(row.index + 1) - start, wanted)
        try:
            return await fleet.run(task)
        except NoSuchClass:
            if wanted is None:
                raise
            wanted = None  # any class will do: numbers are compared instead of bits
        except WorkerDied:
            if attempt == _DEATHS - 1:
                raise
    raise AssertionError("unreachable")


def _compared(row: LedgerRow, result: BlockResult) -> VerifiedBlock:
    digest, same_class = digest_arrays(result.stats), result.numeric_class == row.numeric_class
    difference = _difference(row.summary, summary_of(result.stats))
    return VerifiedBlock(
        index=row.index,
        reproduced=digest == row.digest if same_class else difference <= CLOSE,
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
