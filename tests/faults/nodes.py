"""A service on a Ray cluster of two nodes of this machine, started as an operator would: `ray start`, then `deploy`.

The second node is at another loopback address, or in a network namespace of its own behind a pair of virtual
interfaces, which can be cut off.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from burnish_workers.engine.embedded_store import EmbeddedValkey

from .processes import WORKER, family, gone, kill, titled
from .service import ENVIRONMENT, await_ready, free_port

HEALTH = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
"""A node that cannot be heard is given up after some nine seconds."""

RAY = Path(sys.executable).with_name("ray")


@dataclass(frozen=True)
class Network:
    """Where the nodes are. `namespace`: of the second, None when it is on the loopback interface like the first."""

    first: str = "127.0.0.2"
    second: str = "127.0.0.3"
    namespace: str | None = None
    link: str | None = None

    def inside(self, command: list[str]) -> list[str]:
        """The command as the second node runs it."""
        return ["ip", "netns", "exec", self.namespace, *command] if self.namespace else command

    def cut(self) -> None:
        """The second node can neither hear nor be heard."""
        assert self.link is not None
        ip("link", "set", self.link, "down")

    def join(self) -> None:
        assert self.link is not None
        ip("link", "set", self.link, "up")


@contextlib.contextmanager
def namespace() -> Iterator[Network]:
    """A network namespace, joined to this one by a pair of interfaces; gone afterwards."""
    tag = secrets.token_hex(2)
    name, here, there = f"bnf-{tag}", f"bnf{tag}a", f"bnf{tag}b"
    subnet = f"10.{200 + secrets.randbelow(50)}.{secrets.randbelow(250)}"
    ip("netns", "add", name)
    try:
        ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        ip("addr", "add", f"{subnet}.1/24", "dev", here)
        ip("link", "set", here, "up")
        for words in (["addr", "add", f"{subnet}.2/24", "dev", there], ["link", "set", there, "up"]):
            ip("-n", name, *words)
        ip("-n", name, "link", "set", "lo", "up")
        yield Network(f"{subnet}.1", f"{subnet}.2", name, here)
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("link", "del", here)
        ip("netns", "del", name)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass
class Nodes:
    """The cluster and the service on it."""

    folder: Path
    store: EmbeddedValkey
    network: Network
    workers: int = 4
    port: int = field(default_factory=free_port)
    head: subprocess.Popen[bytes] | None = None
    other: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "nodes.log"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._gcs = free_port()
        self._temp = Path(tempfile.mkdtemp(prefix="bf-"))  # sockets below it have names of 108 bytes at most
        first = ["--head", f"--port={self._gcs}", f"--temp-dir={self._temp}", "--include-dashboard=false"]
        first += [f"--ray-client-server-port={free_port()}"]
        self.head = self._node(first, self.network.first)
        self._await_gcs()
        self.start_other()
        self.deploy()
        self.settle()

    def start_other(self) -> None:
        """The second node, or once more after it died."""
        address = f"{self.network.first}:{self._gcs}"
        self.other = self._node([f"--address={address}"], self.network.second, inside=True)

    def settle(self, timeout: float = 120.0) -> None:
        """Until the service is whole, with workers on the second node."""
        await_ready(self.url, self.log, lambda: self.head is not None and self.head.poll() is None)
        deadline = time.monotonic() + timeout
        while not self.others_workers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no worker on the second node:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.3)

    def deploy(self) -> None:
        """`burnish-server deploy`."""
        own = {
            "RAY_ADDRESS": f"{self.network.first}:{self._gcs}",
            "BURNISH_REDIS_URL": self.store.url,
            "BURNISH_PORT": str(self.port),
            "BURNISH_DATA_DIR": str(self.folder / "data"),
            "BURNISH_RUNNERS": "2",
        }
        command = [sys.executable, "-m", "burnish_service", "deploy", "--workers", str(self.workers)]
        command += ["--ingress", "proxy"]
        with self.log.open("ab") as out:
            subprocess.run(
                command, check=True, stdout=out, stderr=out, env={**os.environ, **ENVIRONMENT, **own}, timeout=400
            )

    def _node(self, words: list[str], address: str, inside: bool = False) -> subprocess.Popen[bytes]:
        command = [str(RAY), "start", "--block", *words, f"--node-ip-address={address}"]
        command += ["--num-cpus=2", "--object-store-memory=200000000", "--disable-usage-stats"]
        command += [f"--dashboard-agent-listen-port={free_port()}", f"--dashboard-agent-grpc-port={free_port()}"]
        command = self.network.inside(command) if inside else command
        environment = {**os.environ, **ENVIRONMENT, **HEALTH}
        with self.log.open("ab") as out:
            return subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)

    def _await_gcs(self, timeout: float = 90.0) -> None:
        deadline = time.monotonic() + timeout
        health = [str(RAY), "health-check", "--address", f"{self.network.first}:{self._gcs}"]
        while subprocess.run(health, capture_output=True, env={**os.environ, **ENVIRONMENT}).returncode:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Ray's head did not come up:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.5)

    def stop(self) -> None:
        """Kill both trees by pid."""
        everybody = self.family()
        kill(everybody)
        gone(everybody)
        for process in (self.head, self.other):
            if process is not None:
                process.wait(10)
        shutil.rmtree(self._temp, ignore_errors=True)

    def kill_other(self) -> int:
        """SIGKILL the whole second node: how many processes that were."""
        assert self.other is not None
        everybody = family(self.other.pid)
        for process in everybody:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGSTOP)
        everybody = family(self.other.pid)
        kill(everybody)
        self.other.wait(10)
        return len(everybody)

    def others_workers(self) -> list[psutil.Process]:
        """Workers on the second node."""
        return titled(self.others(), WORKER)

    def others(self) -> list[psutil.Process]:
        """The processes of the second node."""
        return family(self.other.pid) if self.other is not None else []

    def family(self) -> list[psutil.Process]:
        return family(*(process.pid for process in (self.head, self.other) if process is not None))

    def titled(self, title: str) -> list[psutil.Process]:
        return titled(self.family(), title)
