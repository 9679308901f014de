"""Outcomes as rows of a table, as JSON, and as a page of the documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .load import BLOCKS, JOBS
from .rows import ROWS
from .trial import READERS, Outcome

HEAD = """\
| fault | kept | gap s | first s | every s | took s | blocks again | claims | resumed | late jobs | refused |
| :-- | :-- | --: | --: | --: | --: | --: | --: | --: | --: | :-- |"""

PAGE = f"""\
# Faults

What happens to jobs and their watchers when parts of the service die, stop, fill up or are cut off. Every row was
produced by `python -m tests.faults`; it needs root for the two rows that mount a disk and make a network.

The load: {JOBS} jobs, or as many as the list below says, of kinds surrogate, posterior and reasoning, two hundred
and more blocks each ({BLOCKS} of about 10 ms); some assimilate observations that are posted while they run. {READERS}
clients stream events and resume by `Last-Event-ID`; small jobs are posted from the fault on, once, without a retry.
Two workers, two runners, two fronts, HAProxy, a Valkey with `appendfsync everysec`, leases of 3 s and heartbeats of
1 s, unless the row says otherwise.
Each fault strikes when a random 10 to 50 % of all blocks are done, and only a victim that is at work counts.

**kept** means that in so many trials every promise was kept: all jobs and all small ones that were accepted completed;
every client saw events 1, 2, 3, ... of its job, none lost, none doubled, up to the terminal one; every published digest
is that of a bare loop over the same spec; the ledger holds every block once.

{{rows}}

- *gap*: the longest time for which any client heard nothing, not even a heartbeat; *first*, *every*: until one, and
  until every job that had not ended was refined anew, counted from the fault (whose length is in its name); *took*:
  the whole load, undisturbed in row "none". The worst of the trials.
- *blocks again*: blocks that lost their worker and were issued again, by trial; *claims*: jobs that another runner
  took over; *resumed*: streams that clients had to open anew; *late jobs*: small ones that were accepted; *refused*:
  small ones that got no 202, by status.

## Where each fault struck

{{hits}}
"""


def row(outcomes: Sequence[Outcome]) -> str:
    """One row for the trials of a fault."""
    refused = sorted({f"{why}: {count}" for each in outcomes for why, count in each.refused.items()})
    cells = [
        ROWS[outcomes[0].fault].title,
        f"{sum(not each.wrong for each in outcomes)}/{len(outcomes)}",
        *(_worst(outcomes, name) for name in ("gap", "first", "every", "took")),
        *(_all(outcomes, name) for name in ("again", "claimed", "resumed", "accepted")),
        ", ".join(refused) or "-",
    ]
    return f"| {' | '.join(cells)} |"


def hits(outcomes: Sequence[Outcome]) -> str:
    """A line for each trial: where it struck, and what went wrong."""
    lines: list[str] = []
    for each in outcomes:
        lines.append(f"- {each.fault}, seed {each.seed}, {each.at:.0%} of {each.jobs} jobs done: {each.hit}")
        lines += [f"  - WRONG: {line}" for line in each.wrong[:8]]
    return "\n".join(lines)


def _worst(outcomes: Sequence[Outcome], name: str) -> str:
    return f"{max(getattr(each, name) for each in outcomes):.1f}"


def _all(outcomes: Sequence[Outcome], name: str) -> str:
    return ", ".join(str(getattr(each, name)) for each in outcomes)


def record(file: Path, outcomes: Sequence[Outcome]) -> None:
    """Put the outcomes of a fault into a JSON file, in place of older ones of the same seed."""
    known = json.loads(file.read_text()) if file.exists() else {}
    before = {each["seed"]: each for each in known.get(outcomes[0].fault, [])}
    seeds = before | {each.seed: asdict(each) for each in outcomes}
    known[outcomes[0].fault] = [seeds[seed] for seed in sorted(seeds)]
    file.write_text(json.dumps(known, indent=1) + "\n")


def write_page(page: Path, file: Path) -> None:
    """The page of all that is in the JSON file."""
    known = json.loads(file.read_text())
    found = [[Outcome(**each) for each in known[name]] for name in ROWS if name in known]
    table = "\n".join([HEAD, *map(row, found)])
    page.write_text(PAGE.format(rows=table, hits="\n".join(map(hits, found))))
