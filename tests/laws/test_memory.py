"""Memory that runs out: a new resolved spec with fewer rows, said in an event, and the law of it from block 0 on."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from burnish.wire import Job
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.registry import registry
from burnish_workers.engine.fleet import Bench, BlockTask, InlineFleet, NoRoom
from burnish_workers.engine.verifying import Rerun, verify
from burnish_workers.testing import ChaosFleet, lawful_digests
from burnish_workers.testing_memory import resolved_hungry

from .bench import House, unlawful

PATIENCE = 240.0
"""Seconds: memory is collected at every try, which takes long where much else runs."""

POSTED: dict[str, Any] = {"kind": "hungry", "budget": {"units": 4_096}, "seed": 3}


async def conducted(spec: dict[str, Any], fleet: Any = None) -> tuple[House, Job]:
    house = House(fleet or InlineFleet(2))
    async with house.runner():
        return house, await house.ended(await house.post(spec), PATIENCE)


async def told(house: House, job: str) -> list[dict[str, Any]]:
    """What the status events say beside the status."""
    page = await house.app.events(job, 0, 1000, frozenset({"status"}))
    return [event.data for event in page.data if "detail" in event.data]


def rows_of(job: Job) -> int:
    assert job.resolved is not None
    return int(job.resolved.model_dump(mode="json")["resolution"]["micro_batch"])


@pytest.mark.parametrize("memory", ["gpu", "host"])
async def test_a_pilot_that_does_not_fit_is_resolved_with_fewer_rows(memory: str) -> None:
    house, job = await conducted({**POSTED, "rows": 64, "room": 5, "memory": memory})
    assert (job.status, rows_of(job)) == ("completed", 4)
    said = await told(house, job.id)
    assert [each["status"] for each in said] == ["resolving"] * 2
    assert "64 rows at once do not fit into the memory of a worker" in said[0]["detail"]
    assert said[0]["detail"].endswith("micro_batch is now 16")
    assert said[1]["detail"].endswith("micro_batch is now 4")
    assert ("CUDA out of memory" if memory == "gpu" else "DefaultCPUAllocator") in said[0]["detail"]
    assert "\n" not in said[0]["detail"]
    assert job.resolved is not None
    assert job.last_refinement is not None
    law = lawful_digests(job.resolved.model_dump(mode="json"), job.last_refinement.blocks)
    assert await unlawful(house, job.id, law) == []


@pytest.mark.parametrize("fleet", [InlineFleet(2), ChaosFleet(1, seed=3, death_rate=0.1)], ids=["calm", "chaos"])
async def test_a_job_that_no_longer_fits_begins_again_by_a_new_spec(fleet: Any) -> None:
    """From replicate 3,600 on only 7 rows fit: by then there are answers, which stay among the events."""
    house, job = await conducted({**POSTED, "rows": 64, "room": 7, "since": 3_600}, fleet)
    assert (job.status, rows_of(job)) == ("completed", 4)
    assert job.resolved is not None
    assert job.last_refinement is not None
    assert job.last_refinement.spent.units == 4_096
    resolved = job.resolved.model_dump(mode="json")
    page = await house.app.events(job.id, 0, 1000)
    cuts = [e.sequence for e in page.data if "begins again from block 0" in str(e.data.get("detail"))]
    assert len(cuts) == 2
    refined = await house.refinements(job.id)
    for rows, first, last in ((64, 0, cuts[0]), (16, cuts[0], cuts[1]), (4, cuts[1], 10**9)):
        by = {**resolved, "resolution": {**resolved["resolution"], "micro_batch": rows}, "room": 10**6}
        law = lawful_digests(by, job.last_refinement.blocks)
        found = [r for r in refined if first < r.sequence < last]
        assert found
        assert [r.blocks for r in found] == sorted(r.blocks for r in found)
        assert {r.blocks: r.digest for r in found} == {r.blocks: law[r.blocks] for r in found}
    ledger = (await house.app.ledger(job.id, -1, 1000)).data
    assert [row.index for row in ledger] == list(range(job.last_refinement.blocks))
    spec = registry().get("hungry").spec.model_validate(resolved)
    checked = await verify(job.id, ledger, len(ledger), Rerun(spec, fleet, NOTHING))
    assert (checked.reproduced, checked.comparison) == (True, "digest")
    assert (await house.app.usage(1)).total.units >= 4_096


async def test_one_row_that_does_not_fit_ends_the_job() -> None:
    house, job = await conducted({**POSTED, "rows": 16, "room": 0})
    assert job.status == "failed"
    assert job.error is not None
    assert "not even one row at once fits into the memory of a worker (CUDA out of memory" in job.error.detail
    assert "ask for fewer outputs" in job.error.detail
    assert [each["detail"][-1] for each in await told(house, job.id)] == ["4", "1"]


async def test_what_was_posted_resolved_is_run_as_it_is_or_not_at_all() -> None:
    house, job = await conducted(resolved_hungry(8, rows=8, room=4, since=64), ChaosFleet(1))
    assert job.status == "failed"
    assert job.error is not None
    assert "8 rows at once, as resolution.micro_batch asks, do not fit" in job.error.detail
    assert "leave `resolution` out" in job.error.detail
    assert rows_of(job) == 8
    assert await told(house, job.id) == []


def test_other_jobs_memory_is_given_back_before_a_block_is_said_not_to_fit() -> None:
    """Once, and with the same bits: the block fits when nothing else is held."""
    bench, tried = Bench("cpu"), list[int]()
    task = _task(resolved_hungry(4))
    bench.simulator("sha256:other", lambda: task.code)

    def fits_alone() -> str:
        held = len(bench._built)
        tried.append(held)
        if held:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return "done"

    assert bench.with_room(fits_alone) == "done"
    assert tried == [1, 0]


def test_a_block_is_tried_twice_and_no_more() -> None:
    bench, tried = Bench("cpu"), list[int]()

    def never() -> None:
        tried.append(1)
        raise MemoryError

    with pytest.raises(NoRoom, match="MemoryError"):
        bench.with_room(never)
    assert len(tried) == 2
    with pytest.raises(ZeroDivisionError):
        bench.with_room(lambda: 1 // 0)


def _task(spec: dict[str, Any]) -> BlockTask:
    from burnish_workers.core.keys import Key
    from burnish_workers.engine.resolve import code_of

    return BlockTask(code_of(registry().get("hungry").spec.model_validate(spec), NOTHING), Key(1), 0, 4, None)
