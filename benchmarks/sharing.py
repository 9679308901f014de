"""What sharing by gain is worth on the real service: against equal shares and first come, first served.

    python benchmarks/sharing.py

For each rule a service of its own (embedded Valkey, Ray workers, HTTP) is started with BURNISH_SHARING set, and all
get the same jobs at the same moments: jobs with a tolerance by a Poisson process, then jobs for a common time. They run
side by side, so that what else the machine does it does to all. Times to tolerance are those of the service, from
`created_at` to `finished_at`. Takes about ten minutes. With --virtual the engine runs alone, in a minute.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["BURNISH_EXTRA_KINDS"] = "burnish_workers.testing"

from sharing_mix import Arrival, budget_jobs, tolerance_jobs

from burnish import Burnish, Job
from burnish.words import half_widths
from burnish_service.child import serving

RULES = ("gain", "equal", "fifo")
STARTING = threading.Lock()
"""One service at a time: Ray gives up where it takes long to start."""

BUDGETED = ("gain", "equal")
"""First come, first served gives the first of several budget jobs the whole pool: there is nothing to compare."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", nargs="+", default=list(RULES), choices=RULES)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--load", type=float, default=0.8)
    parser.add_argument("--jobs", type=int, default=60, help="with a tolerance")
    parser.add_argument("--blocks", type=float, default=60, help="mean of such a job")
    parser.add_argument("--nap", type=float, default=0.3, help="seconds of a block, in the mean")
    parser.add_argument("--budget-jobs", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=60.0, help="that budget jobs run for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--virtual", action="store_true", help="the engine alone, in virtual time; no budget jobs")
    parser.add_argument("--out", type=Path, help="JSON file for the numbers")
    given = parser.parse_args()
    arrivals = tolerance_jobs(given.jobs, given.workers, given.load, given.blocks, given.nap, given.seed)
    work = np.array([each.work for each in arrivals])
    print(
        f"{len(arrivals)} jobs with a tolerance over {arrivals[-1].at:.0f} s, {given.workers} workers; worker-seconds: "
        f"{work.sum():.0f} in all, {work.mean():.1f} in the mean, {work.max():.0f} at most",
        flush=True,
    )
    found = (virtually if given.virtual else served)(arrivals, given)
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    show(found)


def virtually(arrivals: list[Arrival], given: argparse.Namespace) -> dict[str, Any]:
    from sharing_virtual import conducted

    return {rule: {"tolerance": conducted(rule, arrivals, given.workers, given.nap)} for rule in given.rules}


def served(arrivals: list[Arrival], given: argparse.Namespace) -> dict[str, Any]:
    ready = threading.Barrier(len(given.rules))
    with ThreadPoolExecutor(len(given.rules)) as side_by_side:
        running = {rule: side_by_side.submit(under, rule, arrivals, given, ready) for rule in given.rules}
        return {rule: work.result() for rule, work in running.items()}


def under(rule: str, arrivals: list[Arrival], given: argparse.Namespace, ready: threading.Barrier) -> dict[str, Any]:
    """Both sorts of jobs on a fresh service that shares by `rule`, begun when all services are up."""
    environment = {**os.environ, "BURNISH_SHARING": rule, "RAY_worker_niceness": "0"}
    options = ("--workers", str(given.workers))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with STARTING:
            url = stack.enter_context(serving(folder, *options, environment=environment, patience=300))
        client = stack.enter_context(Burnish(url))
        ready.wait(timeout=1_200)
        found: dict[str, Any] = {"tolerance": tolerant(client, arrivals)}
        ready.wait(timeout=3_600)
        if rule in BUDGETED:
            specs = budget_jobs(given.budget_jobs, given.seconds, given.nap, given.seed)
            found["budget"] = [answered(job) for job in ended([client.submit(spec) for spec in specs])]
    return found


def tolerant(client: Burnish, arrivals: list[Arrival]) -> list[dict[str, Any]]:
    """Post each job at its moment; for each how long it took, how it ended, and its worker-seconds."""
    began, jobs = time.monotonic(), list[Job]()
    for arrival in arrivals:
        time.sleep(max(0.0, began + arrival.at - time.monotonic()))
        jobs.append(client.submit(arrival.spec))
    rows: list[dict[str, Any]] = []
    for job, arrival in zip(ended(jobs), arrivals, strict=True):
        seen = job.snapshot
        assert seen.finished_at is not None
        came, took = _apart(jobs[0].snapshot.created_at, seen.created_at), _apart(seen.created_at, seen.finished_at)
        row = {"work": arrival.work, "came": came, "took": took, "met": seen.stopped_by == "tolerance"}
        rows.append({**row, "worker_seconds": seen.spent.worker_seconds})
    return rows


def _apart(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def ended(jobs: list[Job]) -> list[Job]:
    """The same, once all are at their end."""
    for job in jobs:
        while not job.refresh().snapshot.done:
            time.sleep(1.0)
    return jobs


def answered(job: Job) -> dict[str, Any]:
    last = job.snapshot.last_refinement
    assert last is not None
    half, spent = half_widths(last.interval), last.spent.worker_seconds
    return {"blocks": last.blocks, "error": last.estimate.standard_error[0], "half_widths": half, "spent": spent}


def show(found: dict[str, Any]) -> None:
    """Two tables in Markdown."""
    rules = [rule for rule in RULES if rule in found]
    print("| rule | jobs | met | mean, s | median, s | p95, s | longest, s | workers busy |\n" + "|---" * 8 + "|")
    for rule in rules:
        print(f"| {rule} | {_times(found[rule]['tolerance'])} |")
    base = np.array([row["took"] for row in found["gain"]["tolerance"]]) if "gain" in found else None
    for rule in rules:
        if base is not None and rule != "gain":
            took = np.array([row["took"] for row in found[rule]["tolerance"]])
            print(f"\n{rule} over gain: {_ratios(took, base)}")
    budgeted = [rule for rule in rules if "budget" in found[rule]]
    if budgeted:
        print("\n| rule | blocks | sum of variances | over the best split |\n|---|---|---|---|")
    for rule in budgeted:
        print(f"| {rule} | {_variances(found[rule]['budget'])} |")


def _times(rows: list[dict[str, Any]]) -> str:
    took = np.array([row["took"] for row in rows])
    met = sum(row["met"] for row in rows)
    marks = (took.mean(), np.median(took), np.quantile(took, 0.95), took.max())
    busy = sum(row["worker_seconds"] for row in rows) / max(row["came"] + row["took"] for row in rows)
    return " | ".join([str(len(rows)), str(met), *(f"{mark:.1f}" for mark in marks), f"{busy:.2f}"])


def _ratios(took: np.ndarray, base: np.ndarray, draws: int = 4_000) -> str:
    """Ratios of mean and p95, with 90 % bootstrap intervals over the jobs, paired."""
    pick = np.random.default_rng(1).integers(len(base), size=(draws, len(base)))
    said: list[str] = []
    for name, of in (("mean", lambda v: v.mean(-1)), ("p95", lambda v: np.quantile(v, 0.95, axis=-1))):
        low, high = np.quantile(of(took[pick]) / of(base[pick]), (0.05, 0.95))
        said.append(f"{name} {of(took) / of(base):.2f} times [{low:.2f}, {high:.2f}]")
    return ", ".join(said)


def _variances(rows: list[dict[str, Any]]) -> str:
    """The best split of K blocks, where a block of job i brings v_i = e_i^2 K_i: (sum sqrt v_i)^2/K."""
    blocks = np.array([row["blocks"] for row in rows], dtype=float)
    variance = np.array([row["error"] for row in rows], dtype=float) ** 2
    best = np.sqrt(variance * blocks).sum() ** 2 / blocks.sum()
    return f"{blocks.sum():.0f} | {variance.sum():.5f} | {variance.sum() / best:.3f}"


if __name__ == "__main__":
    main()
