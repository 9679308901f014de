"""What the service costs: the same blocks through Redis, Ray, Serve and an open SSE client, and in a bare loop.

    python benchmarks/overhead.py --seconds 60

Both sides run the same resolved job, block for block with the same keys, on the same number of busy processes with one
torch thread each; orders bare, service, service, bare, so that a drift of the machine cancels. The final digests must
be equal: it is the same work. Prints the wall seconds of each side and their ratio.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from burnish import Burnish
from burnish_service.child import serving
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.registry import registry
from burnish_workers.core.report import report, schedule_of

DIM = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each measurement")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), "--workers", str(arguments.processes)) as url:
        resolved = resolve(url, arguments.seconds)
        blocks = resolved["resolution"]["blocks_planned"]
        size = resolved["resolution"]["block"]
        print(f"{blocks} blocks of {size} replicates at 200 points, {arguments.processes} processes")
        rows: list[tuple[str, float, str]] = []
        for side in ("bare", "service", "service", "bare"):
            seconds, digest = bare(resolved, blocks, arguments.processes) if side == "bare" else served(url, resolved)
            rows.append((side, seconds, digest))
            print(f"{side:8} {seconds:7.2f} s  {digest[:20]}", flush=True)
    if len({digest for _, _, digest in rows}) != 1:
        raise SystemExit("the digests differ: the two sides did not do the same work")
    mean = {side: sum(s for name, s, _ in rows if name == side) / 2 for side in ("bare", "service")}
    print(f"overhead of the service: {mean['service'] / mean['bare'] - 1:+.1%}")


def job(seconds: float) -> dict[str, Any]:
    draw = random.Random(1)
    points = [{"t": draw.random() * 0.5, "x": [draw.random() - 0.5 for _ in range(DIM)]} for _ in range(200)]
    return {
        "kind": "surrogate",
        "problem": {"name": "viscous-burgers", "dim": DIM},
        "surrogate": {"name": "viscous-burgers-pinn-d20"},
        "points": points,
        "budget": {"seconds": seconds},
        "seed": 3,
    }


def resolve(url: str, seconds: float) -> dict[str, Any]:
    """The resolved spec of a job of about `seconds`, with a budget in units that holds all its planned blocks."""
    with Burnish(url) as client:
        running = client.submit(job(seconds * 1.15))
        while (resolved := running.refresh().snapshot.resolved) is None:
            time.sleep(0.1)
        running.cancel()
        running.wait()
    plain = resolved.model_dump(mode="json")
    spec = registry().get("surrogate").spec.model_validate(plain)
    resolution = resolution_of(spec)
    total = resolution.first_block + resolution.block * (resolution.blocks_planned - 1)
    units = registry().get("surrogate").statistics(spec, NOTHING).units(total)
    return {**plain, "budget": {"units": units}}


def served(url: str, resolved: dict[str, Any]) -> tuple[float, str]:
    """Wall seconds from the first block, as the service counts them, with one client reading the stream."""
    with Burnish(url) as client:
        running = client.submit(resolved)
        for _ in running.refinements():
            pass
        last = running.refresh().last
        assert last is not None
        return last.spent.seconds, last.digest


def bare(resolved: dict[str, Any], blocks: int, processes: int) -> tuple[float, str]:
    """Wall seconds of a loop: each process takes the next block, the parent folds in order."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, initializer=prepare, initargs=(resolved,)) as pool:
        pool.map(warm, range(processes), chunksize=1)
        spec = registry().get("surrogate").spec.model_validate(resolved)
        statistics = registry().get("surrogate").statistics(spec, NOTHING)
        state = statistics.empty()
        started = time.perf_counter()
        for stats in pool.imap(run, range(blocks), chunksize=1):
            state = statistics.fold(state, stats)
        seconds = time.perf_counter() - started
    found = report(spec, schedule_of(spec), statistics, statistics.answer(state), blocks, ends=True)
    return seconds, found.digest


_here: dict[str, Any] = {}


def prepare(resolved: dict[str, Any]) -> None:
    import torch

    torch.set_num_threads(1)
    kind = registry().get("surrogate")
    spec = kind.spec.model_validate(resolved)
    _here.update(spec=spec, simulator=kind.load()(spec, "cpu", NOTHING))


def warm(_: int) -> None:
    time.sleep(0.5)  # long enough that every process takes one
    run(0)


def run(index: int) -> Any:
    resolution = resolution_of(_here["spec"])
    size = resolution.first_block if index == 0 else resolution.block
    start = 0 if index == 0 else resolution.first_block + (index - 1) * resolution.block
    return _here["simulator"].advance({}, block_key(_here["spec"].seed, 0, index), start, size)[1]


if __name__ == "__main__":
    main()
