"""The law on real Ray: equal digests at equal block counts on 1, 2 and 4 workers, whoever is killed on the way.

The jobs have 64 blocks and more, whose duration grows with their value; the digests that every run must publish come
from a bare loop without engine, Ray or store (`lawful_digests`).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
import psutil
import pytest
from pydantic import BaseModel

from burnish import Burnish
from burnish_workers.core.registry import registry
from burnish_workers.tensors.devices import numeric_class, resolve_device
from burnish_workers.testing import lawful_digests, resolved_correlated
from burnish_workers.testing_feed import resolved_tracking, seen

from .conftest import Cluster, running

pytestmark = [pytest.mark.law, pytest.mark.filterwarnings("ignore::ResourceWarning")]

BLOCKS = 64

FIT: dict[str, Any] = {
    "kind": "surrogate",
    "problem": {"name": "viscous-burgers", "dim": 20},
    "surrogate": {"fit": {"steps": 400, "width": 50, "depth": 4, "batch": 128, "optimiser": "adam"}},
    "points": [{"x": 0.0}, {"t": 0.1, "x": 0.2}],
    "budget": {"units": 40_000},
    "seed": 5,
}
"""Trains for some seconds, so that there is something to kill."""


@pytest.fixture(scope="module")
def spec():
    import torch

    torch.set_num_threads(1)
    return resolved_correlated(BLOCKS, nap=0.12, numeric_class=numeric_class(resolve_device("cpu")))


@pytest.fixture(scope="module")
def law(spec):
    return lawful_digests({**spec, "nap": 0.0}, 4 * BLOCKS)


@pytest.fixture(scope="module", params=[1, 2, 4], ids=lambda n: f"{n}-workers")
def cluster(request, tmp_path_factory):
    with running(tmp_path_factory.mktemp(f"workers-{request.param}"), request.param) as found:
        yield found


def check(client: Burnish, job: str, law: dict[int, str], blocks: int) -> None:
    """Every refinement is lawful, the looks are all there, and no event is missing."""
    refinements = list(client.refinements(job, limit=1000))
    assert refinements[-1].blocks == blocks
    assert {r.blocks: r.digest for r in refinements} == {r.blocks: law[r.blocks] for r in refinements}
    looks = {r.blocks for r in refinements if r.interval or r.refused}
    assert looks >= {2, 4, 8, 16, 32, 64}
    sequences = [event.sequence for event in client.events(job, limit=1000)]
    assert sequences == list(range(1, len(sequences) + 1))


def test_undisturbed(cluster: Cluster, spec, law):
    with Burnish(cluster.url) as client:
        job = client.submit(spec).wait(120)
        assert job.stopped_by == "units"
        check(client, job.id, law, BLOCKS)


def test_workers_killed_in_mid_block(cluster: Cluster, spec, law):
    with Burnish(cluster.url) as client:
        # On more workers the job would be over before enough of them could be killed.
        job = client.submit({**spec, "nap": 0.1 * cluster.size})
        _kill_until_lost(cluster.workers, client, job.id, blocks=3)
        job.wait(120)
        check(client, job.id, law, BLOCKS)
        rows = list(client.ledger(job.id, limit=1000))
    assert [row.index for row in rows] == list(range(BLOCKS))
    assert sum(row.attempts - 1 for row in rows) >= 3, "killed workers lost blocks, which were issued again"


def test_think_longer(cluster: Cluster, spec, law):
    with Burnish(cluster.url) as client:
        half = {**spec, "nap": 0.01, "budget": {"units": BLOCKS * 8}}
        job = client.submit(half).wait(60)
        assert job.last is not None
        assert job.last.blocks == BLOCKS // 2
        for more in (BLOCKS * 8, BLOCKS * 16, BLOCKS * 32):
            job.extend(units=more)
            job.wait(60)
        # `nap` is part of the spec, not of the digest: the law is the same.
        check(client, job.id, law, 4 * BLOCKS)


def test_runner_killed(cluster: Cluster, spec, law):
    with Burnish(cluster.url) as client:
        job = client.submit(spec)
        _until(lambda: any(r.blocks >= 8 for r in client.refinements(job.id, limit=1000)))
        victim = cluster.runners()[0]
        os.kill(victim.pid, signal.SIGKILL)
        job.wait(60)
        check(client, job.id, law, BLOCKS)
        assert {row.epoch for row in client.ledger(job.id, limit=1000)} == {1, 2}


@pytest.mark.parametrize(("kind", "units"), [("surrogate", 40_000), ("posterior", 400_000)])
def test_real_kinds_on_ray(cluster: Cluster, kind: str, units: int):
    """Resolved once and replayed on every pool size."""
    example = registry().get(kind).examples()[0]
    with Burnish(cluster.url) as client:
        job = client.submit({**example, "budget": {"units": units}}).wait(120)
        resolved = job.snapshot.resolved
        assert resolved is not None
        assert job.last is not None
        replay = client.submit(resolved.model_dump(mode="json")).wait(120)
        law = lawful_digests(resolved.model_dump(mode="json"), job.last.blocks)
        for run in (job, replay):
            for refinement in client.refinements(run.id, limit=1000):
                assert refinement.digest == law[refinement.blocks]


def test_a_worker_killed_in_mid_fit(cluster: Cluster):
    """Training is part of the law: the model, by its sha256, is that of a fit that nothing disturbed. The blocks after
    it are cut by measured seconds; cut alike, they give the digests that the undisturbed job published."""
    if cluster.size > 1:
        pytest.skip(
            "training is one slice after the other; which of several workers has it cannot be seen from outside"
        )
    with Burnish(cluster.url) as client:
        calm = client.submit(FIT).wait(120)
        job = client.submit(FIT)
        killed = _kill_while_fitting(cluster, client, job.id)
        job.wait(120)
        resolved, undisturbed = (_posted(run.snapshot.resolved) for run in (job, calm))
        assert len(killed) == 2
        assert resolved["surrogate"] == undisturbed["surrogate"]
        replay = client.submit({**undisturbed, "surrogate": resolved["surrogate"]}).wait(120)
        law = {r.blocks: r.digest for r in client.refinements(calm.id, limit=1000)}
        seen = {r.blocks: r.digest for r in client.refinements(replay.id, limit=1000)}
        assert max(seen) == max(law)
        assert {seen[blocks] == law[blocks] for blocks in seen.keys() & law.keys()} == {True}


def _posted(resolved: object) -> dict[str, Any]:
    assert isinstance(resolved, BaseModel)
    return resolved.model_dump(mode="json")


def _kill_while_fitting(cluster: Cluster, client: Burnish, job: str) -> list[int]:
    """SIGKILL a worker after each new piece of news of training, twice at most: pids of those that died."""
    killed: list[int] = []
    told = 0
    while len(killed) < 2 and not client.get(job).done:
        steps = [e.data["done"] for e in client.events(job, limit=1000) if e.type == "progress"]
        if len(steps) > told and 0 < steps[-1] < FIT["surrogate"]["fit"]["steps"]:
            told = len(steps)
            for worker in cluster.workers()[:1]:
                os.kill(worker.pid, signal.SIGKILL)
                killed.append(worker.pid)
        time.sleep(0.1)
    return killed


def test_observations_while_workers_and_the_runner_die(cluster: Cluster, spec):
    """Four are known while workers die, two are posted while nobody conducts the job: each is answered by the law."""
    ones, each = seen(6), 8
    numbers = spec["resolution"]["numeric_class"]
    fed = resolved_tracking(ones[:4], lanes=each, nap=0.2 * cluster.size, resolution={"numeric_class": numbers})
    law = lawful_digests({**fed, "nap": 0.0}, 6 * each, posted=ones[4:])
    with Burnish(cluster.url) as client:
        job = client.submit(fed)
        _kill_until_lost(cluster.workers, client, job.id, blocks=1)
        _until(lambda: client.get(job.id).status == "waiting_for_observations")
        victim = cluster.runners()[0]
        os.kill(victim.pid, signal.SIGKILL)
        job.observe_all(ones[4:], last=True)
        assert job.wait(60).stopped_by == "observations"
        refinements = list(client.refinements(job.id, limit=1000))
        epochs = {row.epoch for row in client.ledger(job.id, limit=1000)}
    assert {r.blocks: r.digest for r in refinements} == {k: law[k] for k in range(each, 6 * each + 1, each)}
    assert [r.observation for r in refinements] == list(range(6))
    assert len(epochs) == 2


def test_client_cut_off_sees_every_event_once(cluster: Cluster, spec):
    """A raw reader that is cut off after every third event and resumes with Last-Event-ID."""
    with Burnish(cluster.url) as client:
        job = client.submit({**spec, "nap": 0.05})
        seen: list[int] = []
        done = False
        while not done:
            headers = {"accept": "text/event-stream", "last-event-id": str(seen[-1] if seen else 0)}
            with httpx2.stream("GET", f"{cluster.url}/v1/jobs/{job.id}/events", headers=headers, timeout=30) as reply:
                fresh = 0
                for line in reply.iter_lines():
                    if line.startswith("id:"):
                        seen.append(int(line[3:]))
                        fresh += 1
                    if line.startswith("event:") and line[6:].strip() == "completed":
                        done = True
                    if line == "" and fresh >= 3:
                        break
        total = [event.sequence for event in client.events(job.id, limit=1000)]
    assert seen == total == list(range(1, len(total) + 1))


def _kill_until_lost(victims: Callable[[], list[psutil.Process]], client: Burnish, job: str, blocks: int) -> None:
    """SIGKILL workers in mid-block, one after the other, until the ledger shows that so many blocks were re-issued."""
    gone: set[int] = set()
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and not client.get(job).done:
        rows = list(client.ledger(job, limit=1000))
        if sum(row.attempts - 1 for row in rows) >= blocks:
            return
        fresh = [process for process in victims() if process.pid not in gone]
        if fresh and rows:
            os.kill(fresh[0].pid, signal.SIGKILL)
            gone.add(fresh[0].pid)
            # A worker that has just been started holds no block yet: wait until the job moves on.
            seen = len(rows)
            _until(lambda seen=seen: client.get(job).done or len(list(client.ledger(job, limit=1000))) > seen + 1)
        time.sleep(0.2)


def _until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    done = threading.Event()
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        done.wait(0.1)
