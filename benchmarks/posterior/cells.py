"""Finished pieces of a long run, kept so that an interrupted run goes on where it was.

Cells lie in `.cells/`, which git ignores; `publish` writes those of a finished part as `results/NAME.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from burnish_workers.kinds.posterior.sampling import VERSION

HERE = Path(__file__).parent
WORK, RESULTS = HERE / ".cells", HERE / "results"
MACHINE = "two shared cores, no GPU; one thread"

Cell = dict[str, Any]


def cell(part: str, key: str, compute: Callable[[], Cell]) -> Cell:
    """What was computed under this key before, with this version of the kind's numerics; else computed and kept."""
    file = WORK / f"v{VERSION}" / part / f"{key}.json"
    if not file.exists():
        found = compute()
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(found))
        partial.replace(file)
        print(part, key, flush=True)
    return json.loads(file.read_text())


def publish(part: str, command: str, rows: list[Cell], **about: Any) -> None:
    """Write a part's results: they are committed, and what the docs and plots are made from."""
    RESULTS.mkdir(exist_ok=True)
    found = {"command": command, "machine": MACHINE, **about, "rows": rows}
    (RESULTS / f"{part}.json").write_text(json.dumps(_rounded(found), indent=1) + "\n")


def published(part: str) -> dict[str, Any] | None:
    """The committed results of a part."""
    file = RESULTS / f"{part}.json"
    return json.loads(file.read_text()) if file.exists() else None


def _rounded(value: Any) -> Any:
    """Four digits: what repeated runs on one machine agree on at best."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return {key: _rounded(each) for key, each in value.items()} if isinstance(value, dict) else value
