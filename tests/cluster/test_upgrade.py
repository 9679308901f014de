"""A new version under running jobs, and a stop in good order: at worst a 503 that says when to come back."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
import torch

import burnish
import burnish_service
import burnish_workers
from burnish import Burnish, JobCrashed
from burnish_workers.engine.schema import SCHEMA
from burnish_workers.tensors.devices import numeric_class, resolve_device
from burnish_workers.testing import lawful_digests, resolved_correlated

from .conftest import Cluster, free_port, running
from .readers import reading, saw_each_event_once

pytestmark = [pytest.mark.law, pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]

BLOCKS = 128
NEWER = "9.9.9"


def correlated(nap: float, seed: int) -> dict:
    torch.set_num_threads(1)
    return resolved_correlated(BLOCKS, nap=nap, seed=seed, numeric_class=numeric_class(resolve_device("cpu")))


@dataclass
class Crowd:
    """Clients that ask and post all the time, without retries, and write down what they get."""

    url: str
    answers: Counter[tuple[int, str, bool]] = field(default_factory=Counter[tuple[int, str, bool]])
    cut: list[str] = field(default_factory=list[str])
    accepted: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])
    stopped: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        with httpx2.Client(base_url=self.url, timeout=60) as client:
            while not self.stopped.is_set():
                for method, path, body in (
                    ("GET", "/v1/jobs?limit=1", None),
                    ("POST", "/v1/jobs", {"kind": "correlated", "budget": {"units": 32}, "seed": 1}),
                ):
                    try:
                        reply = client.request(method, path, json=body)
                    except httpx2.TransportError as error:
                        self.cut.append(type(error).__name__)
                        continue
                    kind = reply.headers.get("content-type", "")
                    self.answers[reply.status_code, kind, "retry-after" in reply.headers] += 1
                    if reply.status_code == 202:
                        self.accepted.append(reply.json()["id"])
                    elif reply.status_code != 200:
                        self.refused.append(reply.text)
                self.stopped.wait(0.2)

    def in_good_order(self) -> bool:
        """Only answers, and refusals that say when to come back."""
        plain = {(200, "application/json", False), (202, "application/json", False)}
        return set(self.answers) <= plain | {(503, "application/problem+json", True)}


@contextlib.contextmanager
def crowd(url: str) -> Iterator[Crowd]:
    found = Crowd(url)
    threads = [threading.Thread(target=found.ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        found.stopped.set()
        for thread in threads:
            thread.join(90)


def lawful(client: Burnish, job: str, seed: int) -> None:
    law = lawful_digests(correlated(0.0, seed), BLOCKS)
    refinements = list(client.refinements(job, limit=1000))
    assert refinements[-1].blocks == BLOCKS
    assert {r.blocks: r.digest for r in refinements} == {r.blocks: law[r.blocks] for r in refinements}
    assert [row.index for row in client.ledger(job, limit=1000)] == list(range(BLOCKS))


def all_completed(client: Burnish, accepted: list[str]) -> None:
    """Nothing that was accepted is lost. Asked by the page: one by one is minutes where much else runs."""
    deadline = time.monotonic() + 240
    while open := set(accepted) - {job.id for job in client.list(limit=100, status="completed")}:
        assert time.monotonic() < deadline, [client.get(job).status for job in sorted(open)[:3]]
        time.sleep(0.5)


def command(name: str, data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "burnish_service", name, "--data-dir", str(data), *options]
    unset = {name: text for name, text in os.environ.items() if name != "RAY_ADDRESS"}
    return subprocess.run(words, capture_output=True, text=True, timeout=280, env=unset)


def installed(folder: Path) -> Path:
    """A copy of the code, which can be replaced by a newer version."""
    for package in (burnish, burnish_service, burnish_workers):
        source = Path(package.__path__[0])
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def replace_by_newer(code: Path) -> None:
    """A version that says so in all its processes, and stores by a newer schema."""
    schema = code / "burnish_workers/engine/schema.py"
    for path, old, new in (
        (code / "burnish_service/__init__.py", f'"{burnish_service.__version__}"', f'"{NEWER}"'),
        (code / "burnish_workers/testing.py", "was told to fail", f"was told to fail by {NEWER}"),
        (schema, f"SCHEMA = {SCHEMA}\n", f"SCHEMA = {SCHEMA + 1}\n"),
    ):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    with schema.open("a") as end:
        end.write(f"\n\nUPGRADES[{SCHEMA}] = lambda fields: fields\n")


def runs_newer(client: Burnish) -> None:
    """Fronts say their version; a job that fails says what its worker said."""
    assert {httpx2.get(f"{client.base_url}/openapi.json").json()["info"]["version"] for _ in range(10)} == {NEWER}
    with pytest.raises(JobCrashed, match=f"was told to fail by {NEWER}"):
        # Its weight brings it past the jobs that the crowd has left behind.
        client.submit({"kind": "correlated", "budget": {"units": 32}, "fail_at": 0, "seed": 1, "weight": 10}).wait(120)


def pids(cluster: Cluster) -> list[set[int]]:
    every = (cluster.workers(), cluster.runners(), cluster.fronts())
    return [{process.pid for process in each} for each in every]


@pytest.mark.parametrize("ingress", ["haproxy", "proxy"])
def test_a_new_version_under_running_jobs(folder: Path, ingress: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process is another one afterwards and runs other code; jobs, streams and clients go on; the store is the
    new version's from then on."""
    monkeypatch.setenv("BURNISH_FRONTS", "2")
    home, path = folder / f"upgrade-{ingress}", os.environ.get("PYTHONPATH", "")
    code = installed(home / "code")
    with monkeypatch.context() as own:
        own.setenv("PYTHONPATH", os.pathsep.join((str(code), path)))
        with running(home, 2, runners=2, ingress=ingress) as cluster, Burnish(cluster.url) as client:
            upgraded(cluster, client, code, home / "data")
    older = command("serve", home / "data", "--port", "0")
    assert older.returncode == 2, "a service of the version before must not start on this store"
    assert f"was written by a newer burnish (schema {SCHEMA + 1}" in older.stderr


def upgraded(cluster: Cluster, client: Burnish, code: Path, data: Path) -> None:
    before = pids(cluster)
    jobs = [client.submit(correlated(0.8, seed)).id for seed in (1, 2)]
    with reading(cluster.url, jobs) as readers:
        with crowd(cluster.url) as clients:
            replace_by_newer(code)
            done = command("deploy", data)
            assert done.returncode == 0, done.stderr
            live = [job for job in jobs if not client.get(job).done]
            assert live, "the jobs were over before the new version had come"
            deadline = time.monotonic() + 60
            while any(old & new for old, new in zip(before, pids(cluster), strict=True)):
                assert time.monotonic() < deadline, (before, pids(cluster))
                time.sleep(0.5)
        assert clients.in_good_order(), (clients.answers, clients.refused[:3])
        assert not clients.cut
        assert len(clients.accepted) > 10
        runs_newer(client)
        for seed, job in enumerate(jobs, start=1):
            client.get(job).wait(200)
            lawful(client, job, seed)
        epochs = {row.epoch for job in jobs for row in client.ledger(job, limit=1000)}
        assert len(epochs) > 1, "no job was handed over"
        all_completed(client, clients.accepted)
        for reader, thread in readers:
            saw_each_event_once(client, reader, thread)


@pytest.mark.parametrize("ingress", ["haproxy", "proxy"])
def test_stopped_and_started_while_jobs_run(folder: Path, ingress: str) -> None:
    """SIGTERM: what is accepted until the end goes on where it was, when the service is back; so do its readers."""
    home, port = folder / f"stopped-{ingress}", free_port()
    with contextlib.ExitStack() as held:
        with running(home, 2, ingress=ingress, port=port) as cluster, Burnish(cluster.url) as client:
            job = client.submit(correlated(0.2, 3)).id
            ((reader, thread),) = held.enter_context(reading(cluster.url, [job]))
            with crowd(cluster.url) as clients:
                deadline = time.monotonic() + 60
                while not any(r.blocks >= 8 for r in client.refinements(job, limit=1000)):
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
                cluster.process.send_signal(signal.SIGTERM)
                assert cluster.process.wait(60) == 0
            assert clients.in_good_order(), (clients.answers, clients.refused[:3])
        with running(home, 2, ingress=ingress, port=port) as cluster, Burnish(cluster.url) as client:
            assert client.get(job).wait(120).status == "completed"
            lawful(client, job, 3)
            rows = list(client.ledger(job, limit=1000))
            assert {row.epoch for row in rows} == {1, 2}
            all_completed(client, clients.accepted)
            saw_each_event_once(client, reader, thread)


def test_nothing_to_deploy_to(folder: Path) -> None:
    done = command("deploy", folder / "nobody")
    assert done.returncode == 2
    assert f"no server with its data in {folder / 'nobody'} is up" in done.stderr
    assert "RAY_ADDRESS" in done.stderr
