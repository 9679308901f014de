"""What a decision costs: slots for all live jobs of a pool, once every half second.

    python benchmarks/allocation.py --jobs 1000 --slots 512

Prints the median and the 99th percentile of one decision, and what turning reports into columns costs beside it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from burnish_workers.core.allocate import Pool, allocate
from burnish_workers.core.demand import Need, Needs


def jobs(count: int, seed: int = 1) -> list[Need]:
    """A third each with a budget, a tolerance and a deadline; one in twenty refused; ten tenants."""
    draw = np.random.default_rng(seed)
    made: list[Need] = []
    for i in range(count):
        seconds = float(draw.exponential(60))
        made.append(
            Need(
                id=f"job_{i:06}",
                runner=f"runner-{i % 4}",
                tenant=f"tenant-{i % 10}",
                demand=int(draw.integers(1, 64)),
                in_flight=int(draw.integers(0, 3)),
                weight=float(draw.uniform(0.1, 10)),
                blocks=int(draw.integers(0, 200)),
                replicates=int(draw.integers(2, 5000)),
                seconds=seconds,
                block_seconds=0.4,
                spread=float(draw.lognormal(3, 2)),
                remaining=float(draw.exponential(60)) if i % 3 else None,
                deadline=float(draw.uniform(100, 1000)) if i % 3 == 2 else None,
                barred=bool(draw.random() < 0.05),
            )
        )
    return made


def milliseconds(call: Callable[[], object], repeats: int) -> str:
    taken: list[float] = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - started))
    return f"median {np.median(taken):.3f} ms, p99 {np.quantile(taken, 0.99):.3f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[10, 100, 1000, 10_000])
    parser.add_argument("--slots", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=200)
    arguments = parser.parse_args()
    for count in arguments.jobs:
        records, pool = jobs(count), Pool(arguments.slots, arguments.slots // 2)
        needs = Needs.of(records)
        entitled = needs.seconds.copy()
        print(f"{count:6} jobs, {arguments.slots} slots")
        decide = milliseconds(lambda n=needs, p=pool, e=entitled: allocate(n, p, e), arguments.repeats)
        print(f"       decide   {decide}")
        print(f"       columns  {milliseconds(lambda r=records: Needs.of(r), arguments.repeats)}")


if __name__ == "__main__":
    main()
