"""The SDK and the command line against the service itself, on a real port."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from burnish import AsyncBurnish, Burnish, cli_app, cli_base, errors
from burnish.wire import Refinement

from ..service.harness import QUICK, Service, blocks_of, in_memory, serving, stranded

EQUATION: dict[str, Any] = {"dim": 2, "horizon": 0.3, "diffusion": "sqrt(2)", "terminal": "sum(x**2)"}
STATED = ["--dim", "2", "--horizon", "0.3", "--diffusion", "sqrt(2)", "--terminal", "sum(x**2)"]
EXACT = 2 * 0.5**2 + 2 * 2 * 0.3
"""E |x + sqrt(2) W_T|^2 = |x|^2 + 2 d T at x = (0.5, 0.5)."""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving(in_memory()) as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[Burnish]:
    with Burnish(service.url) as client:
        yield client


@pytest.fixture
async def aclient(service: Service) -> AsyncIterator[AsyncBurnish]:
    async with AsyncBurnish(service.url) as client:
        yield client


def test_a_job_sharpens(client: Burnish) -> None:
    job = client.surrogate(problem=EQUATION, points=[[0.5, 0.5]], budget={"units": 20_000}, seed=5)
    assert not job.done
    seen = list(job.refinements())
    assert job.done
    assert (job.status, job.stopped_by) == ("completed", "units")
    assert [r.blocks for r in seen] == sorted({r.blocks for r in seen})
    assert seen[-1].final
    assert seen == job.history
    assert job.interval is not None
    (low,), (high,) = job.interval.lower, job.interval.upper
    assert low is not None
    assert high is not None
    assert low < EXACT < high
    assert [r.digest for r in client.refinements(job.id)] == [r.digest for r in seen]
    assert client.get(job.id).last == seen[-1]


def test_think_longer(client: Burnish) -> None:
    job = client.surrogate(problem=EQUATION, points=[[0.5, 0.5]], budget={"units": 4000}, seed=5).wait(timeout=30)
    before = job.last
    assert before is not None
    job.extend(units=40_000).wait(timeout=30)
    assert job.last is not None
    assert job.last.blocks > before.blocks
    assert job.spent.units >= 44_000
    rows = list(client.ledger(job.id, limit=5))
    assert [row.index for row in rows] == list(range(job.last.blocks))


def test_cancel(client: Burnish) -> None:
    job = client.submit(blocks_of(400, nap=0.05))
    for _ in job.refinements():
        job.cancel()
    assert (job.status, job.stopped_by) == ("cancelled", "cancelled")
    assert job.last is not None
    assert job.wait() is job, "a cancelled job keeps its answer"


def test_lists_go_through_all_pages(client: Burnish) -> None:
    made = [client.submit({**QUICK, "seed": i}).wait().id for i in range(5)]
    found = [job.id for job in client.list(limit=2, kind="correlated")]
    assert found[:5] == sorted(made, reverse=True)
    assert len(found) == len(set(found))
    first = client.list(limit=2, status="completed")
    assert (len(first.data), first.has_more) == (2, True)


def test_a_wrong_request_says_where(client: Burnish) -> None:
    with pytest.raises(errors.Rejected) as caught:
        client.surrogate(problem={**EQUATION, "terminal": "sun(x)"}, points=[[0.5, 0.5]], budget={"units": 10})
    assert caught.value.status == 422
    assert caught.value.problem is not None
    (error,) = caught.value.problem.errors
    assert error.pointer == "/problem/terminal"
    assert "did you mean 'sum'" in str(caught.value)
    assert caught.value.request_id


def test_errors_are_told_apart(client: Burnish) -> None:
    with pytest.raises(errors.NotFound, match="there is no job 'job_0'"):
        client.get("job_0")
    with pytest.raises(errors.NotFound):
        list(client.stream("job_0"))
    failing = client.submit({**QUICK, "fail_at": 0})
    with pytest.raises(errors.JobCrashed, match="replicate 0 was told to fail"):
        failing.wait()
    with pytest.raises(errors.Conflict, match="only live, completed and cancelled jobs"):
        failing.extend(units=10)
    waiting = client.submit(stranded())
    with pytest.raises(errors.WaitTimeout):
        waiting.wait(timeout=0.2)
    waiting.cancel()


def test_a_stream_beyond_the_end_ends(client: Burnish) -> None:
    job = client.submit(QUICK).wait()
    last = list(client.events(job.id))[-1].sequence
    assert next(client.stream(job.id, after=last - 1)).type == "completed"
    assert list(client.stream(job.id, after=last)) == []


def test_one_key_makes_one_job(client: Burnish) -> None:
    assert client.submit(QUICK, idempotency_key="once").id == client.submit(QUICK, idempotency_key="once").id
    with pytest.raises(errors.Rejected, match="send a new key"):
        client.submit({**QUICK, "seed": 99}, idempotency_key="once")


def test_a_job_is_replayed_from_its_resolved_spec(client: Burnish) -> None:
    first = client.surrogate(problem=EQUATION, points=[0.5], budget={"units": 3000}).wait()
    assert first.snapshot.resolved is not None
    again = client.submit(first.snapshot.resolved).wait()
    assert first.last is not None
    assert again.last is not None
    assert again.last.digest == first.last.digest


def test_what_there_is(client: Burnish) -> None:
    assert client.health()
    assert client.ready()
    assert {kind.name for kind in client.kinds()} == {
        "correlated",
        "hungry",
        "posterior",
        "reasoning",
        "surrogate",
        "tracking",
        "walk",
    }
    assert client.kind("surrogate").examples
    assert "viscous-burgers" in {entry.name for entry in client.catalogue()}


async def test_the_same_asynchronously(aclient: AsyncBurnish) -> None:
    job = await aclient.surrogate(problem=EQUATION, points=[[0.5, 0.5]], budget={"units": 20_000}, seed=5)
    seen = [refinement async for refinement in job.refinements()]
    assert seen[-1].final
    assert job.status == "completed"
    await job.extend(units=20_000)
    await job.wait(timeout=30)
    assert job.spent.units >= 40_000
    slow = await aclient.submit(blocks_of(400, nap=0.05))
    async for _ in slow.refinements():
        await slow.cancel()
    assert slow.status == "cancelled"
    page = await aclient.list(limit=1)
    assert [found.id async for found in page][:2] == [slow.id, job.id]
    last = [event async for event in await aclient.events(job.id)][-1].sequence
    assert [event async for event in aclient.stream(job.id, after=last)] == []
    with pytest.raises(errors.Rejected, match="/budget"):
        await aclient.submit({**QUICK, "budget": {}})


def run(service: Service, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli_app.run(["--url", service.url, *arguments])
    out, err = capsys.readouterr()
    # What the service in this process logs is no output of the command.
    return code, "".join(line for line in out.splitlines(True) if "[info" not in line), err


def test_run_as_json(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["run", "surrogate", *STATED, "--x", "0.5", "--units", "20000", "--seed", "5", "--json"]
    code, out, _ = run(service, capsys, *ask)
    assert code == cli_base.OK
    seen = [Refinement.model_validate_json(line) for line in out.splitlines()]
    assert seen[-1].final
    assert [r.sequence for r in seen] == sorted({r.sequence for r in seen})
    with Burnish(service.url) as client:
        assert client.get(seen[-1].job_id).last == seen[-1]


def test_run_show_extend_list(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(service, capsys, "run", "surrogate", *STATED, "--x", "0.5", "--units", "2000", "--no-wait")
    job = out.strip()
    assert code == cli_base.OK
    assert job.startswith("job_")
    assert run(service, capsys, "watch", job)[0] == cli_base.OK
    assert json.loads(run(service, capsys, "show", job, "--json")[1])["status"] == "completed"
    assert run(service, capsys, "extend", job, "--units", "2000")[0] == cli_base.OK
    assert json.loads(run(service, capsys, "show", job, "--json")[1])["spent"]["units"] >= 4000
    assert job in run(service, capsys, "list")[1]


def test_exit_codes(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["run", "surrogate", *STATED, "--x", "0.5", "--units", "2000"]
    code, _, err = run(service, capsys, *base, "--nonlinearity", "v")
    assert code == cli_base.WRONG
    assert "/problem/nonlinearity" in err
    assert "unknown name 'v'" in err
    assert run(service, capsys, "show", "job_0")[0] == cli_base.WRONG
    failed = service.run({**QUICK, "fail_at": 0})["id"]
    assert run(service, capsys, "watch", failed)[0] == cli_base.FAILED
    cancelled = service.create(stranded())["id"]
    assert run(service, capsys, "cancel", cancelled)[0] == cli_base.OK
    assert run(service, capsys, "watch", cancelled)[0] == cli_base.CANCELLED
