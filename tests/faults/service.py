"""A service with a store of the test's own, as child processes: found by pid, and ended by pid."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.sockets import free_port

from .processes import family, kill, named, titled

LEASE = 3.0
ENVIRONMENT = {
    "BURNISH_LEASE": f"{LEASE:g}",
    "BURNISH_HEARTBEAT": "1",
    "BURNISH_FRONTS": "2",
    "OMP_NUM_THREADS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    # Ray's workers give way to everything else; on a machine that is busy otherwise that would be measured too.
    "RAY_worker_niceness": "0",
}


@dataclass
class Service:
    """`burnish-server serve` on one node. `store`: None for the service's own."""

    folder: Path
    store: EmbeddedValkey | None
    workers: int = 2
    runners: int = 2
    ingress: str = "auto"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def start(self) -> None:
        """Start, and return once it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **ENVIRONMENT}
        if self.store is not None:
            environment["BURNISH_REDIS_URL"] = self.store.url
        command = [sys.executable, "-m", "burnish_service", "serve", "--port", str(self.port)]
        command += ["--data-dir", str(self.data), "--workers", str(self.workers)]
        command += ["--runners", str(self.runners), "--ingress", self.ingress]
        for tries in reversed(range(3)):
            with self.log.open("ab") as out:
                self.process = subprocess.Popen(
                    command, stdout=out, stderr=out, env=environment, start_new_session=True
                )
            try:
                self.settle()
                return
            except RuntimeError:  # Ray gives up when its daemons need long to start, as they do on a crowded machine
                self.stop()
                if not tries:
                    raise

    def settle(self) -> None:
        """Wait until it is whole."""
        await_ready(self.url, self.log, lambda: self.process is not None and self.process.poll() is None)

    def stop(self) -> None:
        """Ask it to end; kill by pid what is left after a minute."""
        process, self.process = self.process, None
        if process is None:
            return
        tree = family(process.pid)
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        kill(tree)
        process.wait(10)

    def family(self) -> list[psutil.Process]:
        """All its processes."""
        return family(self.process.pid) if self.process is not None else []

    def session(self) -> Path:
        """Where Ray keeps the logs of this service."""
        for process in named(self.family(), "raylet"):
            if found := re.search(r"--session_dir=(\S+)", " ".join(process.cmdline())):
                return Path(found.group(1))
        raise RuntimeError("no raylet runs")

    def titled(self, title: str) -> list[psutil.Process]:
        return titled(self.family(), title)


def await_ready(url: str, log: Path, running, timeout: float = 240.0) -> None:
    """Until /readyz says yes. Raises RuntimeError with the end of the log."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and running():
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the service at {url} did not come up:\n{log.read_text(errors='replace')[-4000:]}")


@contextlib.contextmanager
def store_of_our_own(folder: Path, host: str = "127.0.0.1") -> Iterator[EmbeddedValkey]:
    """A Valkey that a test may stop, kill, fill and start again on the same port."""
    store = EmbeddedValkey(folder, port=free_port(), appendfsync="everysec", host=host)
    store.start()
    try:
        yield store
    finally:
        store.stop()
