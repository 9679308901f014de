"""HAProxy against Serve's own proxy, side by side: `python benchmarks/ingress.py`.

For each: the median time of GET /healthz over one connection and over fresh ones, and the lag of a server-sent event
(from the time that it carries to its arrival). Ratios say more than the numbers: the machine is shared.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from burnish import Burnish
from burnish_service.child import serving

REQUESTS = 300
JOB = {
    "kind": "surrogate",
    "problem": {"name": "viscous-burgers"},
    "surrogate": {"name": "viscous-burgers-pinn-d20"},
    "points": [{"x": 0.0}],
    "budget": {"seconds": 6},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    for name in ("proxy", "haproxy", "haproxy", "proxy"):
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder), "--ingress", name) as url:
            for what, value in measured(url).items():
                rows.setdefault(what, {}).setdefault(name, 0.0)
                rows[what][name] += value / 2
    for what, row in rows.items():
        python, haproxy = row["proxy"], row["haproxy"]
        print(f"{what:28} proxy {python:7.2f} ms   haproxy {haproxy:7.2f} ms   {python / haproxy:.1f}x")


def measured(url: str) -> dict[str, float]:
    """Milliseconds."""
    with httpx2.Client(base_url=url) as client:
        kept = [timed(lambda: client.get("/healthz")) for _ in range(REQUESTS)]
    fresh = [timed(lambda: httpx2.get(f"{url}/healthz")) for _ in range(REQUESTS // 3)]
    with Burnish(url) as client:
        job = client.submit(JOB)
        lags = [(datetime.now(UTC) - datetime.fromisoformat(event.at)).total_seconds() for event in job.events()]
    return {
        "GET /healthz, kept": 1e3 * statistics.median(kept),
        "GET /healthz, fresh": 1e3 * statistics.median(fresh),
        "event lag": 1e3 * statistics.median(lags),
    }


def timed(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
