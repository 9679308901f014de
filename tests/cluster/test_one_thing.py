"""A service is one thing: two runners share its pool, its whole process group takes a signal, and nothing stays behind
when its supervisor is killed; started again, it goes on with its jobs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import psutil
import pytest
import torch

import burnish
from burnish import Burnish
from burnish_workers.tensors.devices import numeric_class, resolve_device
from burnish_workers.testing import lawful_digests, resolved_correlated

from .conftest import Cluster, running

pytestmark = [pytest.mark.law, pytest.mark.filterwarnings("ignore::ResourceWarning")]

BLOCKS = 64


def correlated(nap: float, seed: int = 11) -> dict:
    torch.set_num_threads(1)
    return resolved_correlated(BLOCKS, nap=nap, seed=seed, numeric_class=numeric_class(resolve_device("cpu")))


def lawful(client: Burnish, job: str, seed: int = 11) -> None:
    law = lawful_digests(correlated(0.0, seed), BLOCKS)
    refinements = list(client.refinements(job, limit=1000))
    assert refinements[-1].blocks == BLOCKS
    assert {r.blocks: r.digest for r in refinements} == {r.blocks: law[r.blocks] for r in refinements}


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def family(cluster: Cluster) -> list[psutil.Process]:
    """The supervisor and all that descends from it."""
    supervisor = psutil.Process(cluster.process.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[str]:
    found: list[str] = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {process.name()}")
    return found


def test_two_runners_share_one_pool_and_one_of_them_is_killed(folder: Path) -> None:
    with running(folder / "two", 2, runners=2) as cluster, Burnish(cluster.url) as client:
        until(lambda: len(client.cluster().runners) == 2)
        jobs = [client.submit(correlated(0.05, seed)) for seed in (1, 2, 3, 4)]
        until(lambda: len({job.runner for job in client.cluster().jobs if job.blocks}) == 2)
        assert {each for worker in cluster.workers() for each in niceness(worker)} == {19}, "blocks wait for servers"
        assert max(each for server in cluster.fronts() + cluster.runners() for each in niceness(server)) < 19
        view = client.cluster()
        assert sum(runner.slots for runner in view.runners) <= 4
        assert sum(runner.leads for runner in view.runners) == 1
        os.kill(cluster.runners()[0].pid, signal.SIGKILL)
        for seed, job in enumerate(jobs, start=1):
            job.wait(120)
            lawful(client, job.id, seed)
        assert {row.epoch for job in jobs for row in client.ledger(job.id, limit=1000)} >= {1, 2}
        assert client.verify(jobs[0].id).reproduced


def niceness(process: psutil.Process) -> list[int]:
    """Of each of its threads."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return [os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks]


def test_killed_and_started_again(folder: Path) -> None:
    home = folder / "killed"
    with running(home, 2) as cluster, Burnish(cluster.url) as client:
        second = [sys.executable, "-m", "burnish_service", "serve", "--port", "0", "--data-dir", str(home / "data")]
        refused = subprocess.run(second, capture_output=True, text=True, timeout=60)
        assert refused.returncode == 2
        assert cluster.url in refused.stderr
        job = client.submit(correlated(0.1)).id
        until(lambda: any(r.blocks >= 8 for r in client.refinements(job, limit=1000)))
        everybody = family(cluster)
        assert len(everybody) > 8
        os.kill(cluster.process.pid, signal.SIGKILL)
        until(lambda: not alive(everybody), 20)
    with running(home, 2) as cluster, Burnish(cluster.url) as client:
        assert client.get(job).wait(60).status == "completed"
        lawful(client, job)
        everybody = family(cluster)
        os.killpg(cluster.process.pid, signal.SIGTERM)
        assert cluster.process.wait(25) == 0, "a signal to the whole group ends it in good order"
        until(lambda: not alive(everybody), 10)
        assert not (home / "data" / "serve.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("ingress", ["haproxy", "proxy"])
def test_ingress(folder: Path, ingress: str) -> None:
    """A job, its stream in pieces, and errors as they were written, through either."""
    with running(folder / ingress, 1, ingress=ingress) as cluster, Burnish(cluster.url) as client:
        assert f"ingress: {ingress}" in cluster.log.read_text()
        job = client.submit(correlated(0.02))
        first = next(iter(job.refinements()))
        assert first.blocks < BLOCKS
        seen = [event.sequence for event in client.stream(job.id, after=first.sequence)]
        assert seen == list(range(first.sequence + 1, seen[-1] + 1))
        lawful(client, job.id)
        for body, status in (("{", 400), ('{"kind": "none"}', 422), ('"' + "x" * (17 * 2**20) + '"', 413)):
            reply = httpx2.post(f"{cluster.url}/v1/jobs", content=body, headers={"content-type": "application/json"})
            assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
            assert json.loads(reply.text)["request_id"] == reply.headers["x-request-id"]


@pytest.mark.slow
def test_an_uploaded_model_on_ray(folder: Path) -> None:
    with running(folder / "models", 2) as cluster, Burnish(cluster.url) as client:
        torch.manual_seed(1)
        net = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
        model = client.upload_model(burnish.export(net, 3, inputs="tx"))
        problem = {"dim": 3, "horizon": 0.3, "diffusion": "1", "terminal": "exp(-norm2(x))"}
        job = client.surrogate(problem=problem, surrogate=model, points=[0.0], budget={"units": 40_000}, seed=1).wait()
        assert job.interval is not None
        assert job.interval.lower[0] < 1.6**-1.5 < job.interval.upper[0]
        assert client.verify(job.id).reproduced
        plan = client.plan(job.snapshot.resolved.model_dump(mode="json"))
        assert plan.workers == 2
