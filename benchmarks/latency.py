"""How soon something shows on a warm, idle service: POST to the first event, the first refinement, the first interval.

make serve &
python benchmarks/latency.py --url http://127.0.0.1:8000 --jobs 20
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from burnish import Burnish

STAGES = ("POST answered", "first event", "first refinement", "first interval")
SPECS: dict[str, dict[str, Any]] = {
    "viscous-burgers, 200 points, trained PINN": {
        "kind": "surrogate",
        "problem": {"name": "viscous-burgers", "dim": 20},
        "surrogate": {"name": "viscous-burgers-pinn-d20"},
        "points": [{"x": 0.002 * i - 0.2} for i in range(200)],
        "budget": {"seconds": 4},
    },
    "hjb-log, d = 100, one point, expression": {
        "kind": "surrogate",
        "problem": {"name": "hjb-log", "dim": 100},
        "surrogate": {"expression": "1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)"},
        "points": [{"x": 0.0}],
        "budget": {"seconds": 2},
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--jobs", type=int, default=20)
    arguments = parser.parse_args()
    with Burnish(arguments.url) as client:
        for name, spec in SPECS.items():
            print(name)
            times: list[dict[str, float]] = []
            for _ in range(arguments.jobs + 1):
                times.append(one(client, spec))
                time.sleep(2.5)  # what was in flight when the last job was cancelled still runs for a moment
            times = times[1:]
            for what in STAGES:
                values = [t[what] for t in times]
                print(f"  {what:17} p50 {1e3 * statistics.median(values):6.0f} ms   max {1e3 * max(values):6.0f} ms")


def one(client: Burnish, spec: dict[str, Any]) -> dict[str, float]:
    """Milliseconds from before the POST, of one job; infinite where it did not come."""
    found: dict[str, float] = {}
    started = time.perf_counter()
    job = client.submit(spec)
    found["POST answered"] = time.perf_counter() - started
    for event in client.stream(job.id):
        now = time.perf_counter() - started
        found.setdefault("first event", now)
        if event.type == "refinement":
            found.setdefault("first refinement", now)
            if event.data["interval"] is not None:
                found.setdefault("first interval", now)
                job.cancel()
    return {
        what: found.get(what, float("inf"))
        for what in ("POST answered", "first event", "first refinement", "first interval")
    }


if __name__ == "__main__":
    main()
