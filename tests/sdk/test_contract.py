"""One contract over both transports: a service on a real port, and one inside this process."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

import burnish
from burnish import AsyncBurnish, Burnish, Conflict, NotFound, Rejected
from tests.service.harness import in_memory, serving

SPEC = {
    "kind": "surrogate",
    "problem": {"dim": 2, "horizon": 0.3, "diffusion": "1", "terminal": "exp(-norm2(x))"},
    "surrogate": {"expression": "0.6 + 0.1*x[0]"},
    "points": [{"x": 0.0}, {"x": 0.3}],
    "budget": {"units": 20_000},
    "seed": 5,
}
EXACT = 1 / 1.6


def test_watch_an_answer_and_resume_the_stream(client: Burnish) -> None:
    job = client.submit(SPEC)
    seen = [refinement.sequence for refinement in job.refinements()]
    assert job.done
    assert job.interval is not None
    assert job.interval.lower[0] < EXACT < job.interval.upper[0]
    again = client.get(job.id)
    assert [r.sequence for r in again.refinements(after=seen[0])] == seen[1:]
    events = list(client.events(job.id, limit=2))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))


def test_think_longer_and_replay(client: Burnish) -> None:
    job = client.submit(SPEC).wait()
    assert job.last is not None
    first = job.last.digest
    resolved = job.snapshot.resolved
    assert resolved is not None
    replay = client.submit(resolved.model_dump(mode="json")).wait()
    assert replay.last is not None
    assert replay.last.digest == first
    job.extend(units=40_000).wait()
    assert job.last.replicates > replay.last.replicates
    assert {row.digest for row in client.ledger(replay.id)} <= {row.digest for row in client.ledger(job.id)}


def test_plan_verify_usage(client: Burnish) -> None:
    plan = client.plan(SPEC)
    assert plan.outputs == 2
    job = client.submit(plan.resolved.model_dump(mode="json")).wait()
    assert job.spent.units == plan.units
    before = [each.id for each in client.list()]
    found = client.verify(job.id, blocks=2)
    assert (found.reproduced, found.comparison, len(found.blocks)) == (True, "digest", 2)
    assert [each.id for each in client.list()] == before
    assert client.usage(days=1).total.units >= job.spent.units
    assert client.cluster().workers == 2
    assert {canary.runs for canary in client.canaries().data} == {0}


def test_uploads(client: Burnish, tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    path = tmp_path / "net.pt2"
    exported = burnish.export(net, 2, inputs="tx", path=path)
    model = client.upload_model(path)
    assert (model.id, model.state) == (exported.id, "ready")
    assert client.upload_model(exported).id == model.id
    points = client.upload_array(np.array([[0.0, 0.0], [0.3, 0.3]]))
    job = client.surrogate(problem=SPEC["problem"], surrogate=model, points=points, budget={"units": 20_000}).wait()
    assert job.interval is not None
    assert job.interval.lower[0] < EXACT < job.interval.upper[0]
    assert model.id in [file.id for file in client.models()]
    with pytest.raises(Conflict, match="delete those first"):
        client.delete_model(model.id)
    client.delete(job.id)
    client.delete_model(model.id)
    client.delete_array(points.id)
    with pytest.raises(NotFound):
        client.model(model.id)


def test_kinds_of_intervals(client: Burnish) -> None:
    asked = {"problem": SPEC["problem"], "points": [0.0, 0.3], "budget": {"units": 20_000}, "seed": 1}
    bounded = client.surrogate(**asked, interval="bounded", bounds=(0, 1)).wait()
    alone = client.surrogate(**asked, simultaneous=False).wait()
    assert bounded.interval is not None
    assert alone.interval is not None
    assert (bounded.interval.kind, bounded.interval.simultaneous) == ("empirical_bernstein", True)
    assert not alone.interval.simultaneous
    for interval in (bounded.interval, alone.interval):
        assert interval.lower[0] < EXACT < interval.upper[0]


def test_errors(client: Burnish) -> None:
    with pytest.raises(Rejected) as wrong:
        client.submit({**SPEC, "level": 3})
    assert wrong.value.problem is not None
    assert wrong.value.problem.errors[0].pointer == "/level"
    assert wrong.value.request_id
    with pytest.raises(Rejected):
        client.plan({**SPEC, "points": []})
    with pytest.raises(NotFound):
        client.get("job_none")
    with pytest.raises(Conflict):
        client.resume(client.submit(SPEC).wait().id)


def test_the_same_bits_over_both() -> None:
    with Burnish.local(workers=1) as one:
        first = one.submit(SPEC).wait()
    resolved = first.snapshot.resolved
    assert resolved is not None
    with serving(in_memory()) as service, Burnish(service.url) as other:
        second = other.submit(resolved.model_dump(mode="json")).wait()
    assert first.last is not None
    assert second.last is not None
    assert first.last.digest == second.last.digest


async def test_asynchronously() -> None:
    async with AsyncBurnish.local(workers=1) as client:
        job = await client.submit(SPEC)
        blocks = [refinement.blocks async for refinement in job.refinements()]
        assert blocks == sorted(blocks)
        assert (await client.verify(job.id)).reproduced


def test_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    threads, files = set(threading.enumerate()), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(2):
        with Burnish.local(workers=1) as client:
            client.submit(SPEC).wait()
    assert set(threading.enumerate()) <= threads
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) <= files + 2
