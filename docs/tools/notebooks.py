"""Runs the scripts of examples/notebooks and writes each, with what it printed and drew, to docs/notebooks.

    python -m docs.tools.notebooks [NAME ...]      needs burnish-server, matplotlib and scikit-learn

The scripts are in the percent format, which editors and Jupyter open as notebooks. The cells of one share their names,
and figures that are open after a cell become pictures.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCRIPTS, PAGES = ROOT / "examples" / "notebooks", ROOT / "docs" / "notebooks"
CELL, WORDS = "# %%", "# %% [markdown]"


def main() -> None:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[path.stem for path in sorted(SCRIPTS.glob("*.py"))])
    for name in parser.parse_args().names:
        PAGES.mkdir(exist_ok=True)
        (PAGES / f"{name}.md").write_text(executed(SCRIPTS / f"{name}.py", PAGES), "utf-8")


def cells(script: Path) -> Iterator[tuple[bool, str]]:
    """(whether it is code, text) of each cell; words without their comment signs."""
    kind, lines = "", list[str]()
    for line in [*script.read_text("utf-8").splitlines(), CELL]:
        if not line.startswith(CELL):
            lines.append(line)
            continue
        text = "\n".join(lines).strip()
        if text and kind == WORDS:
            yield False, "\n".join(line.removeprefix("# ").rstrip("#") for line in text.splitlines())
        elif text and kind:
            yield True, text
        kind, lines = line.strip(), []


def executed(script: Path, folder: Path) -> str:
    """The page of a script that is run now; its pictures go to `folder`."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = script.stem
    parts = [f"<!-- written by: python -m docs.tools.notebooks {script.stem} -->"]
    names: dict[str, Any] = {"__name__": "__main__"}
    for is_code, text in cells(script):
        if not is_code:
            parts.append(text)
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text, str(script), "exec"), names)
        parts.append(f"```python\n{text}\n```")
        if said := out.getvalue().rstrip():
            parts.append(f"```text\n{said}\n```")
        parts += [f"![{alt}]({name})" for alt, name in _pictures(script.stem, folder)]
    return "\n\n".join(parts) + "\n"


def _pictures(stem: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Save and close all open figures: (what they show, file)."""
    import matplotlib.pyplot as plt

    for number in plt.get_fignums():
        figure = plt.figure(number)
        alt = figure.get_label() or stem
        name = f"{stem}-{str(alt).replace(' ', '-')}.svg"
        figure.savefig(folder / name, metadata={"Date": None}, bbox_inches="tight")
        plt.close(figure)
        yield str(alt), name


if __name__ == "__main__":
    main()
