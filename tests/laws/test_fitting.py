"""Training is part of the law: whatever dies on the way, the model has the same bits, and replays never train again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from burnish.wire import Job
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.registry import registry
from burnish_workers.engine.fleet import BlockResult, BlockTask
from burnish_workers.engine.gather import gather
from burnish_workers.engine.library import artifact_of
from burnish_workers.engine.meter import Meter
from burnish_workers.testing import ChaosFleet, lawful_digests

from .bench import House, unlawful

FIT = {"steps": 24, "width": 8, "depth": 2, "batch": 32, "optimiser": "adam"}
SPEC: dict[str, Any] = {
    "kind": "surrogate",
    "problem": {"name": "viscous-burgers", "dim": 4},
    "surrogate": {"fit": FIT},
    "points": [{"x": 0.0}, {"t": 0.1, "x": 0.2}],
    "budget": {"units": 4_000},
    "seed": 5,
}


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a step or two, so that there are many of them to lose."""
    monkeypatch.setattr("burnish_workers.engine.fitting.SLICE", 1e-3)


async def fitted(fleet: Any, spec: dict[str, Any] = SPEC) -> tuple[House, Job]:
    house = House(fleet)
    async with house.runner():
        job = await house.ended(await house.post(spec))
    return house, job


async def progress(house: House, job: str) -> list[dict[str, Any]]:
    page = await house.app.events(job, 0, 1000, frozenset({"progress"}))
    return [event.data for event in page.data]


async def told_of(house: House, job: str, times: int) -> None:
    """Wait until there were so many news of training."""
    async with asyncio.timeout(60):
        while len(await progress(house, job)) < times:
            page = await house.app.events(job, 0, 1000)
            await house.app.next_events(job, page.data[-1].sequence, 1.0)


def resolved_of(job: Job) -> dict[str, Any]:
    assert job.error is None, job.error
    assert job.status == "completed"
    assert job.resolved is not None
    return job.resolved.model_dump(mode="json")


def model_of(job: Job) -> str:
    return resolved_of(job)["surrogate"]["model"]


async def law_of(house: House, job: Job) -> dict[int, str]:
    """What a bare loop over the resolved spec gives."""
    resolved = resolved_of(job)
    spec = registry().get("surrogate").spec.model_validate(resolved)
    inputs: Inputs = await gather(spec, house.library, house.artifacts, whole=True)
    blocks = (await house.refinements(job.id))[-1].blocks
    return await asyncio.to_thread(lawful_digests, resolved, blocks, "cpu", inputs)


async def test_a_job_trains_its_model_tells_of_it_and_keeps_it():
    house, job = await fitted(ChaosFleet(1))
    told = await progress(house, job.id)
    assert [t["stage"] for t in told] == ["fitting"] * len(told)
    assert [told[0]["done"], told[-1]["done"], told[-1]["total"]] == [0, 24, 24]
    assert sorted(t["done"] for t in told) == [t["done"] for t in told]
    assert told[-1]["metrics"]["loss"] < told[1]["metrics"]["loss"]
    model = await house.library.get("model", model_of(job))
    assert model is not None
    assert model.state == "ready"
    assert model.card["dim"] == 4
    assert model.card["fitted"]["steps"] == 24
    assert list(await house.library.users("model", model.id)) == [job.id]
    assert job.spent.worker_seconds > told[-1]["spent"]["worker_seconds"] > 0
    assert await unlawful(house, job.id, await law_of(house, job)) == []


async def test_dying_workers_change_no_bit():
    quiet, calm = await fitted(ChaosFleet(1))
    fleet = ChaosFleet(3, seed=4, death_rate=0.3)
    house, job = await fitted(fleet)
    assert fleet.deaths > 5
    assert model_of(job) == model_of(calm)
    file = artifact_of("model", model_of(job))
    assert await house.artifacts.read(file) == await quiet.artifacts.read(file)
    assert await unlawful(house, job.id, await law_of(house, job)) == []


async def test_a_carry_that_is_off_by_a_bit_shows_in_the_model():
    # The mutant: what a slice hands on is not what it computed.
    def distorted(task: BlockTask, result: BlockResult) -> BlockResult:
        if "parameter/bias0" not in result.carry or task.start != 1:
            return result
        return replace(result, carry={**result.carry, "parameter/bias0": result.carry["parameter/bias0"] + 1e-6})

    _, calm = await fitted(ChaosFleet(1))
    _, off = await fitted(ChaosFleet(1, distort=distorted))
    assert model_of(off) != model_of(calm)


async def test_a_runner_that_dies_in_mid_fit_is_followed_by_one_that_goes_on():
    _, calm = await fitted(ChaosFleet(1))
    house = House(ChaosFleet(1, longest=0.02))
    async with house.runner(lease=0.3):
        job = await house.post(SPEC)
        await told_of(house, job, 5)
    before = await progress(house, job)
    assert before[-1]["done"] < 24
    async with house.runner():
        found = await house.ended(job)
    after = (await progress(house, job))[len(before) :]
    # It goes on from the last slice that was kept, and does not begin anew.
    assert after[0]["done"] > before[-1]["done"]
    assert model_of(found) == model_of(calm)
    assert found.spent.worker_seconds > before[-1]["spent"]["worker_seconds"]


async def test_replays_and_later_jobs_name_the_model_and_train_nothing():
    house, job = await fitted(ChaosFleet(1))
    resolved = resolved_of(job)
    assert "fit" not in resolved["surrogate"]
    async with house.runner():
        again = await house.ended(await house.post(resolved))
        later = await house.ended(await house.post({**SPEC, "surrogate": {"model": model_of(job)}, "seed": 9}))
    assert await progress(house, again.id) == []
    digests = {r.blocks: r.digest for r in await house.refinements(job.id)}
    replayed = {r.blocks: r.digest for r in await house.refinements(again.id)}
    assert replayed[max(replayed)] == digests[max(digests)]
    assert all(digests.get(blocks, digest) == digest for blocks, digest in replayed.items())
    assert later.status == "completed"
    assert await progress(house, later.id) == []


async def test_cancel_in_mid_fit_ends_the_job_at_once():
    spec = {**SPEC, "surrogate": {"fit": {**FIT, "steps": 10**6}}}
    house = House(ChaosFleet(1))
    async with house.runner():
        job = await house.post(spec)
        await told_of(house, job, 3)
        await house.app.cancel(job)
        found = await house.ended(job)
    assert found.status == "cancelled"
    assert found.last_refinement is None
    assert found.spent.worker_seconds > 0


async def test_a_budget_that_ends_in_mid_fit_is_answered_with_what_there_is():
    spec = {**SPEC, "surrogate": {"fit": {**FIT, "steps": 10**6}}, "budget": {"seconds": 3}}
    house, job = await fitted(ChaosFleet(1), spec)
    last = (await progress(house, job.id))[-1]
    assert 0 < last["done"] < last["total"]
    assert job.stopped_by == "seconds"
    assert job.last_refinement is not None
    # What simulating may spend is what training left, and a hundredth of the budget at least.
    assert 0.03 <= resolved_of(job)["budget"]["seconds"] <= max(3 - last["spent"]["seconds"], 0.03)
    # Where a clock ends the job, its last interval spends what confidence is left: the law is of the looks before.
    law = await law_of(house, job)
    assert all(r.digest == law[r.blocks] for r in await house.refinements(job.id) if not r.final)


async def test_training_that_diverges_is_told_as_a_mistake_of_the_spec():
    wild = {**SPEC, "problem": {**WILD}, "surrogate": {"fit": FIT}, "points": [{"x": 0.0}]}
    _, job = await fitted(ChaosFleet(1), wild)
    assert job.status == "failed"
    assert job.error is not None
    assert "diverged" in job.error.detail


WILD = {"dim": 2, "horizon": 1.0, "diffusion": "1", "nonlinearity": "exp(exp(exp(8 + u**2)))", "terminal": "sum(x)"}


async def test_without_a_word_on_how_long_trials_decide():
    spec = {**SPEC, "surrogate": {"fit": {"width": 6, "depth": 2, "batch": 16}}, "budget": {"seconds": 4}}
    house, job = await fitted(ChaosFleet(1), spec)
    told = await progress(house, job.id)
    assert told[0]["total"] is None
    # On a machine that is busy with other things training may be cut short: then it ends with what there is.
    assert 0 < told[-1]["done"] <= told[-1]["total"]
    assert model_of(job).startswith("sha256:")


def test_a_meter_is_a_fleet() -> None:
    # What a pilot and a trial are run with: a change of the port must reach it.
    missing = {name for name in dir(ChaosFleet) if not name.startswith("_")} - {*dir(Meter)}
    assert missing <= {"size", "seed", "death_rate", "longest", "distort", "deaths"}
