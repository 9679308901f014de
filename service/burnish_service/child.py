"""A service of one's own as a child process: for the demo, benchmarks and tests."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path


@contextlib.contextmanager
def serving(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None, patience: float = 180.0
) -> Iterator[str]:
    """`burnish-server serve` with its data in `folder` and on a free port; its address, once it is ready.

    Stopped, with all that it started, when the block is left. Raises RuntimeError with the end of its log when it does
    not come up.
    """
    data, log = folder / "data", folder / "server.log"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "burnish_service", "serve", "--port", "0", "--data-dir", str(data), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=None if environment is None else {**environment},
        )
    try:
        yield _ready(process, data, log, time.monotonic() + patience)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(process: subprocess.Popen[bytes], data: Path, log: Path, deadline: float) -> str:
    """The address, which the supervisor has written down, once /readyz says yes."""
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            address = str(json.loads((data / "serve.json").read_text())["address"])
            with urllib.request.urlopen(f"{address}/readyz", timeout=5):
                return address
        time.sleep(0.2)
    raise RuntimeError(f"the service did not come up; its log ends:\n{log.read_text(errors='replace')[-3000:]}")
