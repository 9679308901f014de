"""Verification notices what did not come from the block: another seed, another value, another ledger."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from burnish.wire import LedgerRow, Verification
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.registry import registry
from burnish_workers.engine.fleet import BlockResult, BlockTask
from burnish_workers.engine.verifying import Rerun, verify
from burnish_workers.testing import ChaosFleet, resolved_correlated

from .bench import House

SPEC = resolved_correlated(16)


async def rows_of(fleet: ChaosFleet) -> list[LedgerRow]:
    house = House(fleet)
    async with house.runner():
        job = await house.post(SPEC)
        await house.ended(job)
    return (await house.app.ledger(job, -1, 100)).data


async def verified(fleet: ChaosFleet, rows: list[LedgerRow], **changes: object) -> Verification:
    spec = registry().get("correlated").spec.model_validate({**SPEC, **changes})
    return await verify("job_1", rows, len(rows), Rerun(spec, fleet, NOTHING))


async def test_every_block_reproduces_also_on_workers_that_die() -> None:
    rows = await rows_of(ChaosFleet(4, 0))
    found = await verified(ChaosFleet(3, 9, death_rate=0.2), rows)
    assert (found.reproduced, found.comparison, len(found.blocks)) == (True, "digest", 16)


async def test_another_seed_reproduces_nothing() -> None:
    found = await verified(ChaosFleet(4, 0), await rows_of(ChaosFleet(4, 0)), seed=12)
    assert not any(block.reproduced for block in found.blocks)


async def test_one_changed_row_is_found() -> None:
    rows = await rows_of(ChaosFleet(4, 0))
    rows[5] = rows[5].model_copy(update={"digest": rows[6].digest})
    found = await verified(ChaosFleet(4, 0), rows)
    assert [block.index for block in found.blocks if not block.reproduced] == [5]
    assert not found.reproduced


def shifted(by: float):
    """Another device: the same numbers but for rounding."""

    def distort(task: BlockTask, result: BlockResult) -> BlockResult:
        stats = {name: np.asarray(a) * (1 + by) if name == "mean/mean" else a for name, a in result.stats.items()}
        return replace(result, stats=stats, numeric_class="another")

    return distort


@pytest.mark.parametrize(("by", "reproduced"), [(1e-7, True), (1e-3, False)])
async def test_on_another_class_numbers_are_compared(by: float, reproduced: bool) -> None:
    rows = await rows_of(ChaosFleet(4, 0))
    found = await verified(ChaosFleet(4, 0, distort=shifted(by)), rows)
    assert found.comparison == "numbers"
    assert found.reproduced is reproduced
    assert all(block.largest_difference == pytest.approx(by, rel=0.9) for block in found.blocks)
