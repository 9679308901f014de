"""A new version under running jobs, and a stop in good order: at worst a 503 that says when to come back."""

from __future__ import annotations

import contextlib
import json
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

from burnish import Burnish
from burnish_workers.tensors.devices import numeric_class, resolve_device
from burnish_workers.testing import lawful_digests, resolved_correlated

from .conftest import Cluster, running

pytestmark = [pytest.mark.law, pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]

BLOCKS = 128


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


def follow(url: str, job: str, seen: list[int]) -> None:
    """A reader that resumes where it was cut, until the job has ended."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        headers = {"accept": "text/event-stream", "last-event-id": str(seen[-1] if seen else 0)}
        with (
            contextlib.suppress(httpx2.TransportError),
            httpx2.stream("GET", f"{url}/v1/jobs/{job}/events", headers=headers, timeout=60) as reply,
        ):
            if reply.status_code == 204:
                return
            for line in reply.iter_lines():
                if line.startswith("id:"):
                    seen.append(int(line[3:]))
        time.sleep(0.2)


def lawful(client: Burnish, job: str, seed: int) -> None:
    law = lawful_digests(correlated(0.0, seed), BLOCKS)
    refinements = list(client.refinements(job, limit=1000))
    assert refinements[-1].blocks == BLOCKS
    assert {r.blocks: r.digest for r in refinements} == {r.blocks: law[r.blocks] for r in refinements}
    assert [row.index for row in client.ledger(job, limit=1000)] == list(range(BLOCKS))


def redeploy(home: Path) -> None:
    command = [sys.executable, "-m", "burnish_service", "redeploy", "--data-dir", str(home / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr


def pids(cluster: Cluster) -> tuple[set[int], set[int]]:
    return {process.pid for process in cluster.workers()}, {process.pid for process in cluster.runners()}


@pytest.mark.parametrize("ingress", ["haproxy", "proxy"])
def test_a_new_version_under_running_jobs(folder: Path, ingress: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process is another one afterwards; jobs, streams and clients go on."""
    monkeypatch.setenv("BURNISH_FRONTS", "2")
    home, seen = folder / f"upgrade-{ingress}", ([], [])
    with running(home, 2, runners=2, ingress=ingress) as cluster, Burnish(cluster.url) as client:
        before = pids(cluster)
        jobs = [client.submit(correlated(0.8, seed)).id for seed in (1, 2)]
        readers = [
            threading.Thread(target=follow, args=(cluster.url, job, numbers))
            for job, numbers in zip(jobs, seen, strict=True)
        ]
        for reader in readers:
            reader.start()
        with crowd(cluster.url) as clients:
            redeploy(home)
            live = [job for job in jobs if not client.get(job).done]
            assert live, "the jobs were over before the new version had come"
            deadline = time.monotonic() + 60
            while any(old & new for old, new in zip(before, pids(cluster), strict=True)):
                assert time.monotonic() < deadline, (before, pids(cluster))
                time.sleep(0.5)
        assert clients.in_good_order(), (clients.answers, clients.refused[:3])
        assert not clients.cut
        assert len(clients.accepted) > 10
        for seed, job in enumerate(jobs, start=1):
            client.get(job).wait(200)
            lawful(client, job, seed)
        epochs = {row.epoch for job in jobs for row in client.ledger(job, limit=1000)}
        assert len(epochs) > 1, "no job was handed over"
        for job in clients.accepted:
            assert client.get(job).wait(60).status == "completed"
        for reader, job, numbers in zip(readers, jobs, seen, strict=True):
            reader.join(30)
            assert numbers == [event.sequence for event in client.events(job, limit=1000)], "each event once"


def test_stopped_and_started_while_jobs_run(folder: Path) -> None:
    """SIGTERM: what is accepted until the end goes on where it was, when the service is back."""
    home = folder / "stopped"
    with running(home, 2) as cluster, Burnish(cluster.url) as client:
        job = client.submit(correlated(0.2, 3)).id
        with crowd(cluster.url) as clients:
            deadline = time.monotonic() + 60
            while not any(r.blocks >= 8 for r in client.refinements(job, limit=1000)):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            cluster.process.send_signal(signal.SIGTERM)
            assert cluster.process.wait(60) == 0
        assert clients.in_good_order(), (clients.answers, clients.refused[:3])
    with running(home, 2) as cluster, Burnish(cluster.url) as client:
        assert client.get(job).wait(120).status == "completed"
        lawful(client, job, 3)
        rows = list(client.ledger(job, limit=1000))
        assert {row.epoch for row in rows} == {1, 2}
        for accepted in clients.accepted:
            assert client.get(accepted).wait(60).status == "completed"


def test_nothing_to_redeploy(folder: Path) -> None:
    command = [sys.executable, "-m", "burnish_service", "redeploy", "--data-dir", str(folder / "nobody")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "no server with its data" in done.stderr
    assert json.dumps(str(folder / "nobody"))[1:-1] in done.stderr
