"""Starts a service, puts it under load, and tells what its users saw and how its memory went.

    python loadtests/run.py --streams 2000 --rate 50 --minutes 5 --ingress haproxy

Needs locust (`pip install -e '.[load]'`) and about 2 GB of memory for 2,000 streams. Everything is on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import psutil

from burnish import Burnish
from burnish_service.child import serving

sys.path.append(str(Path(__file__).parent))
from specs import long_job

HERE = Path(__file__).parent
WATCHED = 20
"""Long jobs whose streams are held open."""
TITLES = {
    "ray::ServeReplica:burnish:Front": "front",
    "ray::ServeReplica:burnish:Runner": "runner",
    "ray::BlockWorker": "worker",
    "ray::ServeController": "controller",
    "haproxy": "haproxy",
    "ray::ProxyActor": "proxy",
    "valkey": "store",
    "gcs_server": "gcs",
    "raylet": "raylet",
}
PERIOD = 5.0


class Memory(threading.Thread):
    """Resident megabytes of the service by role, every few seconds."""

    def __init__(self, folder: Path):
        super().__init__(daemon=True)
        self.samples: list[dict[str, float]] = []
        self._folder, self._over = folder, threading.Event()

    def run(self) -> None:
        while not self._over.wait(PERIOD):
            self.samples.append(self._look())

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _look(self) -> dict[str, float]:
        supervisor = json.loads((self._folder / "data" / "serve.json").read_text())["pid"]
        found: dict[str, float] = defaultdict(float)
        for process in psutil.Process(supervisor).children(recursive=True):
            try:
                line, size = " ".join(process.cmdline()), process.memory_info().rss / 2**20
            except psutil.Error:
                continue
            role = next((role for title, role in TITLES.items() if title in line), "other")
            found[role] += size
        return dict(found)

    def growth(self) -> dict[str, tuple[float, float]]:
        """By role the mean of the second tenth and of the last tenth of the samples: the first is warming up."""
        tenth = max(1, len(self.samples) // 10)
        early, late = self.samples[tenth : 2 * tenth] or self.samples[:1], self.samples[-tenth:]
        roles = sorted({role for sample in self.samples for role in sample})
        return {role: (_mean(early, role), _mean(late, role)) for role in roles}


def _mean(samples: list[dict[str, float]], role: str) -> float:
    return sum(sample.get(role, 0.0) for sample in samples) / max(1, len(samples))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--rate", type=int, default=50, help="small jobs a second")
    parser.add_argument("--slow", type=int, default=20, help="readers of a kilobyte a second")
    parser.add_argument("--gone", type=int, default=20, help="readers that leave in mid-stream, again and again")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--ingress", default="auto")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON file for the numbers")
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder, "--ingress", given.ingress, "--workers", str(given.workers)) as url:
            found = driven(url, folder, given)
    show(found)
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


def driven(url: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    seconds = 60 * given.minutes
    with Burnish(url) as client:
        watched = [client.submit(long_job(seconds + 120, i)).id for i in range(WATCHED)] if given.streams else []
        before = blocks(url)
        memory = Memory(folder)
        memory.start()
        began = time.monotonic()
        locust(url, folder, watched, given)
        elapsed = time.monotonic() - began
        memory.stop()
        done = blocks(url) - before
    return {
        "command": " ".join(["python loadtests/run.py", *sys.argv[1:]]),
        "requests": requests(folder),
        "blocks_per_second": done / elapsed,
        "memory": memory.growth(),
        "memory_samples": [{role: round(size) for role, size in sample.items()} for sample in memory.samples],
    }


def blocks(url: str) -> float:
    """Blocks that the service has folded so far, over all jobs."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as reply:
        lines = reply.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("burnish_blocks_total{"))


def locust(url: str, folder: Path, watched: list[str], given: argparse.Namespace) -> None:
    users = given.streams + given.rate + given.slow + given.gone
    environment = {
        **os.environ,
        "LOADTEST_JOBS": ",".join(watched),
        "LOADTEST_STREAMS": str(given.streams),
        "LOADTEST_RATE": str(given.rate),
        "LOADTEST_SLOW": str(given.slow),
        "LOADTEST_GONE": str(given.gone),
    }
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "locustfile.py"), "--headless", "--host", url]
    command += ["-u", str(users), "-r", "100", "-t", f"{int(60 * given.minutes)}s", "--csv", str(folder / "seen")]
    command += ["--only-summary", "--loglevel", "WARNING", "--exit-code-on-error", "0"]
    with (folder / "locust.log").open("wb") as log:
        subprocess.run(command, env=environment, check=True, timeout=60 * given.minutes + 300, stdout=log, stderr=log)


def requests(folder: Path) -> list[dict[str, Any]]:
    with (folder / "seen_stats.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["Name"] != "Aggregated"]
    failures = folder / "seen_failures.csv"
    causes: dict[str, Counter[str]] = defaultdict(Counter)
    with failures.open() as file:
        for row in csv.DictReader(file):  # the rest of a cause is ids, each another
            causes[f"{row['Method']} {row['Name']}"][row["Error"][:110]] += int(row["Occurrences"])
    return [
        {
            "what": f"{row['Type']} {row['Name']}",
            "count": int(row["Request Count"]),
            "failures": int(row["Failure Count"]),
            "p50": float(row["50%"]),
            "p95": float(row["95%"]),
            "p99": float(row["99%"]),
            "max": float(row["Max Response Time"]),
            "causes": [f"{count} x {why}" for why, count in causes[f"{row['Type']} {row['Name']}"].most_common(5)],
        }
        for row in rows
    ]


def show(found: dict[str, Any]) -> None:
    print(found["command"])
    print(f"{'':34}{'count':>8}{'failed':>8}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}  ms")
    for row in found["requests"]:
        numbers = "".join(f"{row[name]:9.0f}" for name in ("p50", "p95", "p99", "max"))
        print(f"{row['what']:34}{row['count']:8}{row['failures']:8}{numbers}")
        for cause in row["causes"]:
            print(f"    {cause}")
    print(f"{found['blocks_per_second']:.1f} blocks a second")
    for role, (early, late) in found["memory"].items():
        print(f"memory {role:12}{early:9.0f} MB → {late:7.0f} MB   {late / early - 1:+.1%}" if early else role)


if __name__ == "__main__":
    main()
