"""The contract through the async client, over both transports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from burnish import AsyncBurnish, Conflict, JobCrashed, ModelRejected, NotFound, Rejected
from tests.service.harness import blocks_of, in_memory, serving

QUICK = {"kind": "correlated", "budget": {"units": 256}, "seed": 1}
FOREVER = {"kind": "correlated", "budget": {"seconds": 600}, "seed": 1, "nap": 0.02}


@pytest.fixture(params=["local", "port"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[AsyncBurnish]:
    if request.param == "local":
        async with AsyncBurnish.local(workers=2) as client:
            yield client
        return
    with serving(in_memory()) as service:
        async with AsyncBurnish(service.url) as client:
            yield client


async def test_stream_resume_and_pages(client: AsyncBurnish) -> None:
    job = await client.submit(QUICK)
    seen = [refinement.sequence async for refinement in job.refinements()]
    assert job.status == "completed"
    again = await client.get(job.id)
    assert [r.sequence async for r in again.refinements(after=seen[0])] == seen[1:]
    events = [event.sequence async for event in await client.events(job.id, limit=2)]
    assert events == list(range(1, len(events) + 1))
    assert job.id in [one.id async for one in await client.list(limit=1)]
    rows = [row.index async for row in await client.ledger(job.id, limit=1)]
    assert rows == list(range(len(rows)))


async def test_replay_extend_plan_verify_usage(client: AsyncBurnish) -> None:
    plan = await client.plan(QUICK)
    first = await (await client.submit(plan.resolved.model_dump(mode="json"))).wait()
    resolved = first.snapshot.resolved
    assert resolved is not None
    second = await (await client.submit(resolved.model_dump(mode="json"))).wait()
    assert first.last is not None
    assert second.last is not None
    assert first.last.digest == second.last.digest
    assert plan.units == first.spent.units
    await first.extend(units=128)
    await first.wait()
    assert first.spent.units > second.spent.units
    found = await client.verify(first.id, indices=[1, 0])
    assert (found.reproduced, [block.index for block in found.blocks]) == (True, [0, 1])
    assert (await client.usage(days=1)).total.units == first.spent.units + second.spent.units
    assert (await client.cluster()).workers == 2
    assert (await client.canaries()).every == 0


async def test_cancel_resume_delete(client: AsyncBurnish) -> None:
    job = await client.submit(FOREVER)
    await anext(aiter(job.refinements()))
    await (await job.cancel()).wait()
    assert (job.status, job.last is not None) == ("cancelled", True)
    crashed = await client.submit(blocks_of(16, fail_at=100))
    with pytest.raises(JobCrashed, match="replicate 100 was told to fail"):
        await crashed.wait()
    with pytest.raises(JobCrashed):
        await (await client.resume(crashed.id)).wait()
    for gone in (job, crashed):
        await client.delete(gone.id)
        with pytest.raises(NotFound):
            await client.get(gone.id)


async def test_uploads(client: AsyncBurnish) -> None:
    stored = await client.upload_array(np.zeros((2, 2)))
    assert [file.id async for file in await client.arrays()] == [stored.id]
    problem = {"dim": 2, "horizon": 0.3, "diffusion": "1", "terminal": "exp(-norm2(x))"}
    job = await client.surrogate(problem=problem, points=stored, budget={"units": 5_000}, seed=1)
    await job.wait()
    assert len(job.estimate.value) == 2
    with pytest.raises(Conflict, match="delete those first"):
        await client.delete_array(stored.id)
    await client.delete(job.id)
    await client.delete_array(stored.id)
    with pytest.raises(NotFound):
        await client.array(stored.id)
    with pytest.raises(ModelRejected) as rejected:
        await client.upload_model(b"PK\x03\x04 no model")
    assert rejected.value.problem is not None
    assert rejected.value.problem.type.startswith("/problems/model-rejected/")
    with pytest.raises(Rejected, match=r"neither \.npy nor safetensors"):
        await client.upload_array(b"no array")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "nothing", "budget": {"units": 1}}, "/kind"),
    ({**QUICK, "level": 3}, "/level"),
    ({**QUICK, "seed": -1}, "/seed"),
]


async def test_errors(client: AsyncBurnish) -> None:
    for spec, pointer in WRONG:
        for ask in (client.submit, client.plan):
            with pytest.raises(Rejected) as wrong:
                await ask(spec)
            assert wrong.value.problem is not None
            assert [error.pointer for error in wrong.value.problem.errors] == [pointer]
            assert wrong.value.request_id
    with pytest.raises(NotFound):
        await client.kind("nothing")


async def test_many_at_once(client: AsyncBurnish) -> None:
    """None is lost, and each has an answer of its own."""
    jobs = await asyncio.gather(*(client.submit({**QUICK, "seed": seed}) for seed in range(20)))
    await asyncio.gather(*(job.wait() for job in jobs))
    assert {job.status for job in jobs} == {"completed"}
    assert len({job.last.digest for job in jobs if job.last}) == 20
