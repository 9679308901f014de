"""A service on a Ray cluster of two nodes of this machine, started as an operator would: `ray start`, then `deploy`.

The second node is at another loopback address, or in a network namespace of its own behind a pair of virtual
interfaces, which can be cut off.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from burnish_service import guardian
from burnish_workers.engine.embedded_store import EmbeddedValkey

from .processes import WORKER, family, freeze, kill, titled
from .service import ENVIRONMENT, await_ready, free_port

HEALTH = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "5",
}
"""A node that cannot be heard is given up after some 15 s; sooner, a crowded machine loses nodes that live."""

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


class Node:
    """One `ray start --block` and all that ever descended from it: Ray's agents outlive their parents."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self._log, self._said = log, log.stat().st_size if log.exists() else 0
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
        watcher = [sys.executable, "-I", "-S", str(Path(guardian.__file__))]
        self._watcher = subprocess.Popen(watcher, stdin=subprocess.PIPE, start_new_session=True)
        assert self._watcher.stdin is not None
        self._watcher.stdin.write(f"{self.process.pid}\n".encode())
        self._watcher.stdin.flush()

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def up(self) -> bool:
        """Once Ray says that it runs; False when it ended instead, as it does when its daemons need long to start."""
        while self.runs:
            if b"Ray runtime started" in self._log.read_bytes()[self._said :]:
                return True
            time.sleep(0.2)
        return False

    def family(self) -> list[psutil.Process]:
        return family(self.process.pid)

    def kill(self) -> int:
        """SIGKILL everything: how many processes that were."""
        everybody = self.family()
        for process in everybody:
            freeze(process)
        everybody = self.family()
        kill(everybody)
        self.process.wait(10)
        assert self._watcher.stdin is not None
        self._watcher.stdin.close()
        self._watcher.wait(60)
        return len(everybody)


@dataclass
class Nodes:
    """The cluster and the service on it."""

    folder: Path
    store: EmbeddedValkey
    network: Network
    workers: int = 4
    port: int = field(default_factory=free_port)
    head: Node | None = None
    other: Node | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "nodes.log"

    def start(self) -> None:
        """Start, and return once it is ready. Raises what went wrong at the third try."""
        for tries in reversed(range(3)):
            try:
                self._start()
                return
            except (TimeoutError, RuntimeError, subprocess.SubprocessError):
                self.stop()
                if not tries:
                    raise

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._gcs = free_port()
        self._temp = Path(tempfile.mkdtemp(prefix="bf-"))  # sockets below it have names of 108 bytes at most
        first = ["--head", f"--port={self._gcs}", f"--temp-dir={self._temp}", "--include-dashboard=false"]
        first += [f"--ray-client-server-port={free_port()}"]
        self.head = self._node(first, self.network.first)
        if not self.head.up():
            raise RuntimeError(f"Ray's head did not come up:\n{self.log.read_text(errors='replace')[-2000:]}")
        self.start_other()
        self.deploy()
        self.settle()

    def start_other(self, tries: int = 3) -> None:
        """The second node, or another after it died."""
        address = f"{self.network.first}:{self._gcs}"
        for _ in range(tries):
            self.other = self._node([f"--address={address}"], self.network.second, inside=True)
            if self.other.up():
                return
            self.other.kill()
        raise RuntimeError(f"the second node did not come up:\n{self.log.read_text(errors='replace')[-2000:]}")

    def settle(self, timeout: float = 240.0) -> None:
        """Until the service is whole, with workers on the second node."""
        deadline = time.monotonic() + timeout
        while not self.others_workers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no worker on the second node:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.3)
        await_ready(self.url, self.log, lambda: self.head is not None and self.head.runs)

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

    def _node(self, words: list[str], address: str, inside: bool = False) -> Node:
        command = [str(RAY), "start", "--block", *words, f"--node-ip-address={address}"]
        command += ["--num-cpus=2", "--object-store-memory=200000000", "--disable-usage-stats"]
        command += [f"--dashboard-agent-listen-port={free_port()}", f"--dashboard-agent-grpc-port={free_port()}"]
        # A killed node is noticed by its connections; only one that falls silent has to be waited for.
        health = HEALTH if self.network.namespace else {}
        environment = {**os.environ, **ENVIRONMENT, **health}
        return Node(self.network.inside(command) if inside else command, self.log, environment)

    def stop(self) -> None:
        """Kill both nodes."""
        for node in (self.other, self.head):
            if node is not None:
                node.kill()
        self.other = self.head = None
        shutil.rmtree(self._temp, ignore_errors=True)

    def kill_other(self) -> int:
        """SIGKILL the whole second node: how many processes that were."""
        assert self.other is not None
        return self.other.kill()

    def others_workers(self) -> list[psutil.Process]:
        """Workers on the second node."""
        return titled(self.others(), WORKER)

    def others(self) -> list[psutil.Process]:
        """The processes of the second node."""
        return self.other.family() if self.other is not None else []

    def family(self) -> list[psutil.Process]:
        return [process for node in (self.head, self.other) if node is not None for process in node.family()]

    def titled(self, title: str) -> list[psutil.Process]:
        return titled(self.family(), title)
