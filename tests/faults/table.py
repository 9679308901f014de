"""Outcomes as rows of a table, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .rows import ROWS
from .trial import Outcome

HEAD = """\
| fault | kept | gap s | first s | every s | took s | blocks again | claims | resumed | late jobs | refused |
| :-- | :-- | --: | --: | --: | --: | --: | --: | --: | --: | :-- |"""


def row(outcomes: Sequence[Outcome]) -> str:
    """One row for the trials of a fault, with lines below for what went wrong."""
    wrong = [f"    {each.fault} seed {each.seed}: {line}" for each in outcomes for line in each.wrong]
    kept = "yes" if not wrong else "NO"
    refused = sorted({f"{why}: {count}" for each in outcomes for why, count in each.refused.items()})
    cells = [
        ROWS[outcomes[0].fault].title,
        f"{kept} ({sum(not each.wrong for each in outcomes)}/{len(outcomes)})",
        *(_worst(outcomes, name) for name in ("gap", "first", "every", "took")),
        *(_all(outcomes, name) for name in ("again", "claimed", "resumed", "accepted")),
        ", ".join(refused) or "-",
    ]
    hits = [f"    seed {each.seed} at {each.at:.0%}: {each.hit}" for each in outcomes]
    return "\n".join([f"| {' | '.join(cells)} |", *hits, *wrong[:12]])


def _worst(outcomes: Sequence[Outcome], name: str) -> str:
    return f"{max(getattr(each, name) for each in outcomes):.1f}"


def _all(outcomes: Sequence[Outcome], name: str) -> str:
    return ", ".join(str(getattr(each, name)) for each in outcomes)


def record(file: Path, outcomes: Sequence[Outcome]) -> None:
    """Put the outcomes of a fault into a JSON file, in place of older ones of the same fault."""
    known = json.loads(file.read_text()) if file.exists() else {}
    known[outcomes[0].fault] = [asdict(each) for each in outcomes]
    file.write_text(json.dumps(known, indent=1) + "\n")
