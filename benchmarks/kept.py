"""Finished pieces of a long run, kept so that an interrupted run goes on where it was.

Cells lie in `.cells/` beside a benchmark's scripts, which git ignores; `publish` writes those of a finished part as
`results/NAME.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MACHINE = "two shared cores, no GPU; one thread"

Cell = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """What a benchmark keeps. `folder`: its scripts; `version`: of the kind's numerics; `told`: print what is new."""

    folder: Path
    version: int
    told: bool = False

    @property
    def work(self) -> Path:
        """Where cells lie."""
        return self.folder / ".cells"

    def cell(self, part: str, key: str, compute: Callable[[], Cell]) -> Cell:
        """What was computed under this key before, with this version of the kind's numerics; else computed and kept."""
        file = self.work / f"v{self.version}" / part / f"{key}.json"
        if not file.exists():
            found = compute()
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(".partial")
            partial.write_text(json.dumps(found))
            partial.replace(file)
            if self.told:
                print(part, key, flush=True)
        return json.loads(file.read_text())

    def publish(self, part: str, command: str, rows: list[Cell], **about: Any) -> None:
        """Write a part's results: they are committed, and what the docs and plots are made from."""
        file = self._results(part)
        file.parent.mkdir(exist_ok=True)
        found = {"command": command, "machine": MACHINE, **about, "rows": rows}
        file.write_text(json.dumps(rounded(found), indent=1) + "\n")

    def published(self, part: str) -> dict[str, Any] | None:
        """The committed results of a part."""
        file = self._results(part)
        return json.loads(file.read_text()) if file.exists() else None

    def _results(self, part: str) -> Path:
        return self.folder / "results" / f"{part}.json"


def rounded(value: Any, digits: int = 4) -> Any:
    """Numbers to so many digits: four are what repeated runs on one machine agree on at best."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, list):
        return [rounded(each, digits) for each in value]
    return {key: rounded(each, digits) for key, each in value.items()} if isinstance(value, dict) else value
