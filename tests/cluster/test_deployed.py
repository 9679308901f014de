"""`burnish-server deploy` on a Ray cluster that was started without us, and again with fewer workers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from burnish import Burnish
from tests.faults.nodes import RAY, Node
from tests.faults.processes import WORKER, titled
from tests.faults.service import ENVIRONMENT, free_port, store_of_our_own

pytestmark = [pytest.mark.law, pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]

ADDRESS = "127.0.0.2"


@pytest.fixture
def head() -> Iterator[tuple[Node, int]]:
    """A cluster of one node with four CPUs, and the port of its head."""
    temp, port = Path(tempfile.mkdtemp(prefix="bd-")), free_port()  # sockets have names of 108 bytes at most
    command = [str(RAY), "start", "--block", "--head", f"--port={port}", f"--node-ip-address={ADDRESS}"]
    command += [f"--temp-dir={temp}", "--include-dashboard=false", f"--ray-client-server-port={free_port()}"]
    command += ["--num-cpus=4", "--object-store-memory=200000000", "--disable-usage-stats"]
    node = Node(command, temp / "node.log", {**os.environ, **ENVIRONMENT})
    try:
        assert node.up(), (temp / "node.log").read_text()[-2000:]
        yield node, port
    finally:
        node.kill()
        shutil.rmtree(temp, ignore_errors=True)


def test_a_cluster_is_served_and_gives_workers_back(head: tuple[Node, int], tmp_path: Path) -> None:
    node, gcs = head
    port = free_port()
    with store_of_our_own(tmp_path / "store") as store:

        def deploy(workers: int) -> list[int]:
            own = {
                "RAY_ADDRESS": f"{ADDRESS}:{gcs}",
                "BURNISH_REDIS_URL": store.url,
                "BURNISH_PORT": str(port),
                "BURNISH_DATA_DIR": str(tmp_path / "data"),
            }
            command = [sys.executable, "-m", "burnish_service", "deploy", "--ingress", "proxy"]
            command += ["--workers", str(workers)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=280, env={**os.environ, **own})
            assert done.returncode == 0, done.stderr
            assert f"({workers} workers, 1 fronts)" in done.stderr
            return sorted(process.pid for process in titled(node.family(), WORKER))

        first = deploy(3)
        assert len(first) == 3
        with Burnish(f"http://127.0.0.1:{port}") as client:
            job = client.submit({"kind": "correlated", "budget": {"units": 256}, "seed": 1}).wait(60)
            second = deploy(1)
            assert len(second) == 1, "the others were left behind"
            assert not set(first) & set(second)
            assert httpx2.get(f"{client.base_url}/readyz").status_code == 200
            again = client.submit({"kind": "correlated", "budget": {"units": 256}, "seed": 1}).wait(60)
            assert again.last is not None
            assert job.last is not None
            assert again.last.digest == job.last.digest
