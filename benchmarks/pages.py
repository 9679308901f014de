"""Pages of docs whose tables come from committed results, and the run that makes those."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kept import Cell, Kept

Tables = Mapping[str, Callable[[list[Cell]], str]]


def table(heads: list[str], rows: list[list[str]]) -> str:
    """In Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@dataclass(frozen=True)
class Page:
    """A page of docs. `tables`: what makes each part's table of its rows, by the part's name."""

    file: Path
    tables: Tables

    def written(self, page: str, name: str, results: dict[str, Any]) -> str:
        """The page with a part's table between its marks."""
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = page.partition(begin)
        if not found or end not in rest:
            raise RuntimeError(f"{self.file.name} has no {begin} ... {end}")
        after = rest.partition(end)[2]
        made, source = self.tables[name](results["rows"]), f"`{results['command']}`, {results['machine']}."
        return f"{before}{begin}\n{made}\n\n{source}\n{end}{after}"

    def write(self, kept: Kept) -> None:
        """Write all tables."""
        page = self.file.read_text()
        for name in self.tables:
            results = kept.published(name)
            if results is not None:
                page = self.written(page, name, results)
        self.file.write_text(page)


def run(about: str | None, page: Page, kept: Kept, parts: Sequence[str], draw: Callable[[], list[Path]]) -> None:
    """Run the parts in processes of their own, then write tables and draw. `about`: the script's help."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    for part in () if arguments.draw else parts:
        print(f"# {part}", flush=True)
        subprocess.run([sys.executable, str(kept.folder / f"{part}.py")], check=True)
    page.write(kept)
    for path in draw():
        print(path.name)
