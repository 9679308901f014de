"""`python -m tests.faults [--only NAME ...] [--seed N]`: run the faults, print a row for each as it ends."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import traceback
from functools import partial
from pathlib import Path

import torch

from .load import JOBS, Work, works
from .rows import ROWS, Stage, missing, staged
from .table import HEAD, hits, record, row, write_page
from .trial import Outcome, Strike, trial

RESULTS = Path(tempfile.gettempdir()) / "burnish-faults.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=sorted(ROWS), help="default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--times", type=int, default=3, help="how often each fault strikes")
    parser.add_argument("--jobs", type=int, default=JOBS, help="fewer, to try something out")
    parser.add_argument("--json", type=Path, default=RESULTS, help="add the outcomes to this file")
    parser.add_argument("--page", type=Path, help="and write a page of all that are in it")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    say(HEAD)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="burnish-faults-") as folder:
        for stage, names in staged(arguments.only or list(ROWS)):
            if why := missing(stage):
                say(f"skipped: {', '.join(names)}: {why}")
                continue
            outcomes += run(stage, names, Path(folder), arguments)
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


def run(stage: Stage, names: list[str], folder: Path, arguments: argparse.Namespace) -> list[Outcome]:
    """The faults that one stage is set for, one after the other, on one service."""
    found: list[Outcome] = []
    load = works(arguments.jobs)
    with stage(folder) as service:
        for name in names:
            seeds = range(arguments.seed, arguments.seed + arguments.times)
            strike = partial(ROWS[name].strike, service)
            mine = [attempt(name, seed, service.url, load, strike) for seed in seeds]
            found += mine
            say(f"{row(mine)}\n{hits(mine)}")
            record(arguments.json, mine)
            if arguments.page is not None:
                write_page(arguments.page, arguments.json)
    return found


def attempt(name: str, seed: int, url: str, load: list[Work], strike: Strike) -> Outcome:
    """A trial; one that breaks down is a promise that was not kept, and no reason to leave out the others."""
    try:
        return asyncio.run(trial(name, seed, url, load, strike))
    except Exception as error:
        traceback.print_exc()
        return Outcome(name, seed, len(load), wrong=[f"{type(error).__name__}: {error}"[:500]])


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
