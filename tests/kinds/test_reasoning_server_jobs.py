"""Whole jobs whose steps a server draws: their law, what they say of replay, how they end when the server fails."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnish.retries import Retries
from burnish.wire import Job
from burnish_workers.engine.fleet import InlineFleet
from burnish_workers.engine.inquiries import Inquiries
from burnish_workers.engine.refusals import Refusal
from burnish_workers.kinds.reasoning.outbound import link
from burnish_workers.outbound.allowed import VARIABLE
from burnish_workers.testing import ChaosFleet

from ..laws.bench import House
from .outbound_cases import Start
from .stand_in import LAW, StandIn, breaks_off, says, serves, standing_in
from .tiny_models import free_port

BODY: dict[str, Any] = {"kind": "reasoning", "budget": {"units": 600}, "chains": 8, "particles": 2, "seed": 3}
BODY["verifier"] = {"ends": {"type": "expression", "expression": "0"}}
"""A short job; its chains of one step have as answers the three steps of `LAW`."""


def job_of(stand_in: StandIn, **changes: Any) -> dict[str, Any]:
    problem = {"type": "server", "url": stand_in.url, "model": "tiny", "prompt": "go: "}
    return {**BODY, "problem": problem, "max_steps": 1, **changes}


async def run(spec: dict[str, Any], fleet: Any) -> tuple[House, Job]:
    house = House(fleet)
    async with house.runner():
        return house, await house.ended(await house.post(spec))


def resolved_of(job: Job) -> dict[str, Any]:
    assert job.resolved is not None
    return job.resolved.model_dump(mode="json")


async def test_a_job_has_the_law_of_the_server_through_faults_and_lost_workers(start: Start) -> None:
    """Answers of one step: "a", "b", "c" by .5, .3, .2. Every 40th request fails, every tenth block is run twice."""
    stand_in = start(StandIn())
    faults = [says(503, b""), breaks_off, says(429, b"", Retry_After="0")]
    for i in range(12):
        stand_in.faults += [serves] * 39 + [faults[i % 3]]
    fleet = ChaosFleet(3, seed=2, death_rate=0.1)
    house, job = await run(job_of(stand_in), fleet)
    assert job.status == "completed", job.error
    assert fleet.deaths > 0
    assert not stand_in.faults
    last = job.last_refinement
    assert last is not None
    assert last.interval is not None
    law = {text.strip(): chance for text, chance in LAW}
    answers = last.diagnostics["answers"]
    assert set(answers) - {"other"} == set(law)
    error = np.array(last.estimate.standard_error)
    truth = np.array([law.get(answer, 0.0) for answer in answers])
    assert (error < 0.1).all()
    assert (np.abs(np.array(last.estimate.value) - truth) <= 6 * error + 1e-12).all()
    attempts = await house.attempts(job.id)
    assert max(attempts) > 1, "a block that was lost has been drawn anew"


async def test_it_says_that_it_cannot_be_replayed(start: Start) -> None:
    house, job = await run(job_of(start(StandIn()), budget={"units": 200}), ChaosFleet(2))
    resolved = resolved_of(job)
    assert resolved["resolution"]["replayable"] is False
    with pytest.raises(Refusal, match="draws from a server outside") as refused:
        await Inquiries(house.app, house.clock).verify(job.id, b"{}")
    assert (refused.value.problem.status, refused.value.problem.title) == (409, "Not replayable")
    again, other = await run(resolved, ChaosFleet(2))
    assert other.status == "completed"
    assert other.last_refinement is not None
    assert job.last_refinement is not None
    assert other.last_refinement.digest != job.last_refinement.digest
    lied = {**resolved, "resolution": {**resolved["resolution"], "replayable": True}}
    with pytest.raises(Refusal) as error:
        await again.post(lied)
    assert error.value.problem.errors[0].pointer == "/resolution/replayable"


async def test_trees_say_that_they_can_be() -> None:
    tree = {"type": "tree", "steps": [{"step": "a", "value": 1}, {"step": "b", "value": 0.5}]}
    house, job = await run({**BODY, "problem": tree, "verifier": {}}, ChaosFleet(2))
    assert resolved_of(job)["resolution"]["replayable"] is True
    async with house.runner():
        answered = await Inquiries(house.app, house.clock).verify(job.id, b"{}")
    assert answered.outcome is not None


async def test_a_server_that_dies_in_mid_job(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job crashes with what it found, says what to do, and goes on when the server is back."""
    port = free_port()
    monkeypatch.setenv(VARIABLE, f"127.0.0.1:{port}")
    house = House(InlineFleet(1))
    async with house.runner():
        with standing_in(StandIn(), port) as stand_in:
            job = await house.post(job_of(stand_in, budget={"units": 10**6}))
            await house.refined(job, 2)
        ended = await house.ended(job)
        assert ended.status == "crashed"
        assert ended.error is not None
        assert f"the server {stand_in.url} " in ended.error.detail
        assert "resume the job" in ended.error.detail
        kept = ended.last_refinement
        assert kept is not None
        assert kept.blocks >= 1
        assert ended.resumable
        with standing_in(StandIn(seed=2), port):
            await house.app.resume(job)
            await house.refined(job, len(await house.refinements(job)) + 2)
            await house.app.cancel(job)
            ended = await house.ended(job)
    assert ended.last_refinement is not None
    assert ended.last_refinement.blocks > kept.blocks
    assert ended.status == "cancelled"


async def test_nobody_there_is_found_by_the_pilot(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = StandIn(url=f"http://127.0.0.1:{free_port()}/v1")
    monkeypatch.setenv(VARIABLE, stand_in.host)
    monkeypatch.setattr(link, "RETRIES", Retries())
    begun = time.monotonic()
    _, job = await run(job_of(stand_in), InlineFleet(1))
    assert time.monotonic() - begun < 30
    assert (job.status, job.last_refinement) == ("crashed", None)
    assert job.error is not None
    assert job.error.detail.startswith(f"ServerFault: the server {stand_in.url} cannot be reached")


@pytest.mark.parametrize(
    ("changes", "says_what"),
    [
        ({"model": "huge"}, "has no model 'huge'"),
        ({"api": "chat"}, "does not continue a turn of the assistant"),
    ],
)
async def test_a_wish_that_the_server_cannot_fulfil_fails(start: Start, changes: Any, says_what: str) -> None:
    stand_in = start(StandIn(forbids=frozenset({"continue_final_message"})))
    spec = job_of(stand_in)
    spec["problem"] = {**spec["problem"], **changes}
    _, job = await run(spec, InlineFleet(1))
    assert job.status == "failed"
    assert job.error is not None
    assert says_what in job.error.detail
    assert job.error.status == 422
    assert not job.resumable


async def test_a_server_that_is_not_allowed_is_refused_at_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(Refusal, match="not among those that the operator allows") as error:
        await House(ChaosFleet(1)).post(job_of(StandIn(url="http://169.254.169.254/v1")))
    assert error.value.problem.errors[0].pointer == "/problem/url"


async def test_garbage_in_mid_job_keeps_the_last_refinement(start: Start) -> None:
    stand_in = start(StandIn())
    house = House(InlineFleet(1))
    async with house.runner():
        job = await house.post(job_of(stand_in, budget={"units": 10**6}))
        await house.refined(job, 1)
        stand_in.always = says(200, {"object": "list"})
        ended = await house.ended(job)
    assert ended.status == "crashed"
    assert ended.last_refinement is not None
    assert ended.error is not None
    assert "an answer without choices" in ended.error.detail


def test_the_contract_knows_it() -> None:
    described = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
    assert "replayable" in described["components"]["schemas"]["Resolution"]["properties"]
