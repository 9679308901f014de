"""The allocator alone, in steps of half a second: a thousand jobs with a tolerance on sixteen workers.

    python benchmarks/sharing_steps.py --jobs 1000 --workers 16 --load 0.8

Neither service nor engine: each step the rule shares the workers out, and a job with a worker for the step has half a
second of its work done. Work is lognormal (deviation over mean 2), jobs come by a Poisson process, forecasts of work
that is left are off by a factor that each job keeps (lognormal, 0.2). A minute for the three rules.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.allocate import Pool
from burnish_workers.core.demand import Need, Needs
from burnish_workers.core.sharing import RULES, Rule, Sharing

STEP = 0.5
SPREAD, OFF = 2.0, 0.2


@dataclass
class Job:
    """`work` and `done`: in steps of one worker; `took`: seconds from its coming to its end."""

    id: str
    came: float
    work: int
    off: float
    done: int = 0
    entitled: float = math.nan
    took: float = math.nan

    def need(self) -> Need:
        left = self.work - self.done
        remaining, seconds = self.off * left * STEP, self.done * STEP
        return Need(
            id=self.id,
            runner="",
            demand=left,
            blocks=self.done,
            replicates=self.done + 1,
            seconds=seconds,
            block_seconds=STEP,
            spread=seconds + remaining,
            remaining=remaining,
        )


def jobs(count: int, workers: int, load: float, mean: float, seed: int) -> list[Job]:
    """`mean`: worker-seconds of a job."""
    draw = np.random.default_rng(seed)
    sigma = math.sqrt(math.log(1 + SPREAD**2))
    work = np.ceil(mean / STEP * draw.lognormal(-(sigma**2) / 2, sigma, count)).astype(int)
    came = np.cumsum(draw.exponential(mean / (load * workers), count))
    off = draw.lognormal(0, OFF, count)
    return [Job(f"job_{i:06}", float(came[i]), int(work[i]), float(off[i])) for i in range(count)]


def shared(rule: Rule, waiting: list[Job], workers: int) -> NDArray[np.float64]:
    """How long each job took under the rule."""
    pool, now, coming, live = Pool(workers, workers, STEP), 0.0, list(reversed(waiting)), list[Job]()
    while coming or live:
        while coming and coming[-1].came <= now:
            live.append(coming.pop())
        if live:
            _step(rule, live, pool)
        now += STEP
        for job in live:
            if job.done >= job.work:
                job.took = now - job.came
        live = [job for job in live if job.done < job.work]
    return np.array([job.took for job in waiting])


def _step(rule: Rule, live: list[Job], pool: Pool) -> None:
    carried = np.array([job.entitled for job in live])
    decided = rule(Needs.of([job.need() for job in live]), pool, carried)
    for job, slots, entitled in zip(live, decided.slots.tolist(), decided.entitled.tolist(), strict=True):
        job.done, job.entitled = job.done + slots, entitled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--load", type=float, default=0.8)
    parser.add_argument("--mean", type=float, default=40.0, help="worker-seconds of a job")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    given = parser.parse_args()
    print("| rule | mean, s | median, s | p95, s | mean, over gain | p95, over gain |\n" + "|---" * 6 + "|")
    base = (math.nan, math.nan)
    for name, rule in RULES.items():
        took = [_took(rule, seed, given) for seed in given.seeds]
        mean, median, high = (float(np.mean([of(each) for each in took])) for of in (np.mean, np.median, _p95))
        base = (mean, high) if name == _BASE else base
        ratios = "| | |" if name == _BASE else f"| {mean / base[0]:.2f} | {high / base[1]:.2f} |"
        print(f"| `{name}` | {mean:.1f} | {median:.1f} | {high:.1f} {ratios}", flush=True)


_BASE: Sharing = "gain"


def _took(rule: Rule, seed: int, given: argparse.Namespace) -> NDArray[np.float64]:
    return shared(rule, jobs(given.jobs, given.workers, given.load, given.mean, seed), given.workers)


def _p95(took: NDArray[np.float64]) -> float:
    return float(np.quantile(took, 0.95))


if __name__ == "__main__":
    main()
