"""A real service as a child process: Valkey, Ray, Serve, workers. Everything is killed by pid afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from burnish import Burnish
from burnish_workers.engine.sockets import free_port
from tests.faults.processes import FRONT, RUNNER, WORKER, titled


@dataclass
class Cluster:
    """One running service and its processes."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    size: int

    def workers(self) -> list[psutil.Process]:
        """The processes of the pool, as Ray titles them."""
        return self._titled(WORKER)

    def runners(self) -> list[psutil.Process]:
        return self._titled(RUNNER)

    def fronts(self) -> list[psutil.Process]:
        return self._titled(FRONT)

    def _titled(self, title: str) -> list[psutil.Process]:
        return titled(psutil.Process(self.process.pid).children(recursive=True), title)


@contextlib.contextmanager
def running(
    folder: Path, workers: int, lease: float = 3.0, runners: int = 1, ingress: str = "auto", port: int | None = None
):
    """A service with so many workers. `port`: a free one if None."""
    if port is None:
        port = free_port()
    environment = {**os.environ, "BURNISH_LEASE": str(lease), "BURNISH_HEARTBEAT": "1"}
    # Ray's workers give way to everything else: on a busy machine a test would take many times as long.
    environment["RAY_worker_niceness"] = "0"
    command = [sys.executable, "-m", "burnish_service", "serve", "--port", str(port)]
    command += ["--data-dir", str(folder / "data"), "--workers", str(workers)]
    command += ["--runners", str(runners), "--ingress", ingress]
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "server.log"
    with log.open("wb") as out:
        # A session of its own: signals to its whole process group must not reach the tests.
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
    cluster = Cluster(f"http://127.0.0.1:{port}", process, log, workers)
    try:
        _await_ready(cluster)
        yield cluster
    finally:
        _stop(process)


def _await_ready(cluster: Cluster, timeout: float = 300.0) -> None:
    deadline = time.monotonic() + timeout
    with Burnish(cluster.url, max_retries=0) as client:
        while time.monotonic() < deadline and cluster.process.poll() is None:
            with contextlib.suppress(Exception):
                if client.ready():
                    return
            time.sleep(0.3)
    raise RuntimeError(f"the service did not come up:\n{cluster.log.read_text()[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop; kill by pid whatever of its tree is still there after a minute."""
    tree = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(60)
    for left in [*tree, process]:
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            left.kill()
    process.wait(10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")
