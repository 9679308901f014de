"""docker-compose.yml, as processes: store, head without CPUs, two workers, the step that deploys; and what kills them.

Everything is started by the file's own commands, environments and health checks (composition.py tells what is
filled in).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import httpx2
import psutil
import pytest
import torch

from burnish import Burnish
from burnish_workers.tensors.devices import numeric_class, resolve_device
from burnish_workers.testing import lawful_digests, resolved_correlated
from tests.faults.processes import BUSY_WORKER, FRONT, RUNNER, WORKER, titled

from .composition import BIN, HEAD, Composition
from .readers import reading, saw_each_event_once

pytestmark = [pytest.mark.law, pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]

WORKERS = {"ray-worker-1": "127.0.0.3", "ray-worker-2": "127.0.0.4"}
BLOCKS = 96


@pytest.fixture(scope="module")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    found = Composition(tmp_path_factory.mktemp("compose"))
    everybody: set[psutil.Process] = set()
    try:
        found.start("valkey")
        found.start_head()
        for name, address in WORKERS.items():
            found.start("ray-worker", name, address)
        done = found.run("deploy")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        yield found
    finally:
        everybody = {process for node in found.nodes.values() for process in node.family()}
        found.stop()
    assert everybody
    _, left = psutil.wait_procs(list(everybody), timeout=30)
    assert not left, "processes stayed"


@pytest.fixture
def client(composition: Composition) -> Iterator[Burnish]:
    with Burnish(composition.url, composition.key, max_retries=20) as found:
        yield found


def spec(nap: float, seed: int) -> dict:
    torch.set_num_threads(1)
    return resolved_correlated(BLOCKS, nap=nap, seed=seed, numeric_class=numeric_class(resolve_device("cpu")))


def until(condition: Callable[[], bool], what: str, seconds: float = 180.0) -> float:
    """Wait for it: the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, what
        time.sleep(0.3)
    return time.monotonic() - began


def answers(composition: Composition) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(f"{composition.url}/readyz", timeout=5).status_code == 200
    return False


def up(client: Burnish, workers: int) -> bool:
    """Whether all runners see so many; one of them is asked at a time."""
    return all(client.cluster().workers == workers for _ in range(10))


def serving(composition: Composition) -> list[psutil.Process]:
    """All fronts, runners and workers."""
    everybody = [process for node in composition.nodes.values() for process in node.family()]
    return [process for title in (FRONT, RUNNER, WORKER) for process in titled(everybody, title)]


def folded(client: Burnish, job: str) -> int:
    return sum(1 for _ in client.ledger(job, limit=1000))


def lawful(client: Burnish, job: str, seed: int) -> None:
    law = lawful_digests(spec(0.0, seed), BLOCKS)
    refinements = list(client.refinements(job, limit=1000))
    assert refinements[-1].blocks == BLOCKS
    assert {r.blocks: r.digest for r in refinements} == {r.blocks: law[r.blocks] for r in refinements}
    assert [row.index for row in client.ledger(job, limit=1000)] == list(range(BLOCKS))


def test_both_nodes_run_blocks_of_a_job(composition: Composition, client: Burnish) -> None:
    assert answers(composition)
    view = client.cluster()
    assert (view.workers, view.workers_wanted, view.lacking) == (2, 2, None)
    until(lambda: len(client.cluster().runners) == 2, "two runners conduct jobs")
    assert [len(titled(composition.nodes[name].family(), WORKER)) for name in WORKERS] == [1, 1]
    assert not titled(composition.nodes["ray-head"].family(), WORKER), "blocks are not to run on the head"
    busy: set[str] = set()
    job = client.submit(spec(0.2, 1))
    while not client.get(job.id).done:
        busy |= {name for name in WORKERS if titled(composition.nodes[name].family(), BUSY_WORKER)}
        time.sleep(0.1)
    assert job.wait(60).status == "completed"
    assert busy == set(WORKERS)
    lawful(client, job.id, 1)


def _refused(url: str, token: str | None) -> bool:
    """Whether a call to Ray is refused for want of the token."""
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            assert reply.status == 200
            return False
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)


def test_calls_without_the_token_are_refused(composition: Composition) -> None:
    jobs = f"http://{HEAD}:{composition.dashboard}/api/jobs/"
    assert not _refused(jobs, composition.token)
    assert _refused(jobs, None)
    assert _refused(jobs, "0" * 64)
    words = [str(BIN / "ray"), "status", f"--address={HEAD}:{composition.gcs}"]
    own = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}

    def asked(**told: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, capture_output=True, text=True, env=own | told, timeout=200, check=False)

    known = asked(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=composition.token)
    assert known.returncode == 0, known.stderr[-2000:]
    wrong = asked(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64)
    assert wrong.returncode != 0
    assert "token" in (wrong.stdout + wrong.stderr).lower()
    # The service wants keys of its own, of Prometheus too.
    assert {httpx2.get(composition.url + path).status_code for path in ("/v1/jobs", "/metrics")} == {401}
    told = httpx2.get(f"{composition.url}/metrics", headers={"authorization": f"Bearer {composition.key}"}).text
    assert "\nburnish_workers 2\n" in told


def test_nothing_secret_is_in_the_log(composition: Composition) -> None:
    said = composition.log.read_text(errors="replace")
    assert composition.key not in said
    assert composition.token not in said


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("BURNISH_EXTRA_KINDS=nowhere:KIND", "a front or a runner: ModuleNotFoundError: No module named 'nowhere'"),
        ("BURNISH_DEVICE=cuda:7", "a worker: ValueError: device 'cuda:7' is not there"),
    ],
)
def test_what_does_not_start_replaces_nothing(
    composition: Composition, client: Burnish, setting: str, why: str
) -> None:
    """Code that cannot be imported, a device that no node has."""
    before = sorted(process.pid for process in serving(composition))
    job = client.submit(spec(0.3, 5))
    done = composition.run("deploy", "env", setting, "burnish-server", "deploy")
    assert done.returncode == 1
    assert f"does not start: {why}" in done.stdout
    assert "Nothing was replaced" in done.stdout
    assert "Traceback" not in done.stdout
    assert sorted(process.pid for process in serving(composition)) == before
    assert job.wait(120).status == "completed"
    lawful(client, job.id, 5)


def test_a_worker_node_dies_under_a_job(composition: Composition, client: Burnish) -> None:
    job = client.submit(spec(0.4, 2))
    until(lambda: folded(client, job.id) >= 8, "the job does not begin")
    until(lambda: bool(titled(composition.nodes["ray-worker-2"].family(), BUSY_WORKER)), "no block on the second node")
    assert composition.kill("ray-worker-2") > 3
    assert not client.get(job.id).done
    until(lambda: up(client, 1), "nobody saw that a worker is gone")
    assert answers(composition), "the rest of the pool works on"
    assert job.wait(240).status == "completed"
    lawful(client, job.id, 2)
    assert sum(row.attempts - 1 for row in client.ledger(job.id, limit=1000)) >= 1, "no block was lost"
    composition.start("ray-worker", "ray-worker-2", WORKERS["ray-worker-2"])
    until(lambda: up(client, 2), "its place is not taken again")
    assert titled(composition.nodes["ray-worker-2"].family(), WORKER)


def test_the_head_dies_and_comes_back(composition: Composition, client: Burnish) -> None:
    """It finds its state on its volume and its nodes find it: nobody deploys again."""
    job = client.submit(spec(1.5, 3))
    with reading(composition.url, [job.id], composition.key) as ((reader, thread),):
        until(lambda: folded(client, job.id) >= 4, "the job does not begin")
        # One of two runners has the job, and Serve may have put that one on another node.
        (leader,) = [live.runner for live in client.cluster().jobs if live.id == job.id]
        led_from_there = leader.split("-")[1] in {str(each.pid) for each in composition.nodes["ray-head"].family()}
        assert composition.kill("ray-head") > 5
        composition.start_head()
        until(lambda: answers(composition), "the service is not back")
        assert not client.get(job.id).done
        until(lambda: up(client, 2), "the pool is not whole")
        assert job.wait(300).status == "completed"
        lawful(client, job.id, 3)
        epochs = {row.epoch for row in client.ledger(job.id, limit=1000)}
        assert len(epochs) > 1 or not led_from_there, "its runner was killed, and wrote on"
        saw_each_event_once(client, reader, thread, odd=True)
    assert client.submit(spec(0.0, 4)).wait(60).status == "completed"
