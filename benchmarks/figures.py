"""Figures from committed results: SVG, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from kept import Cell, Kept
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "burnish", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
IMAGES = Path(__file__).parents[1] / "docs" / "images"
OURS, THEIRS, BARE, FAINT = "#0b6e4f", "#b5651d", "#5b6770", "#c9ced2"

Plots = Mapping[str, Callable[[dict[str, Any]], Figure]]


def show_coverage(axes: Axes, rows: list[Cell]) -> None:
    """A line for each row: its `covered` share within its 95 % `limits`, beside the nominal 0.95."""
    for place, row in enumerate(reversed(rows)):
        axes.plot(row["limits"], [place, place], color=OURS, linewidth=1.2)
        axes.plot([row["covered"]], [place], "o", color=OURS, markersize=4)
    axes.axvspan(0.93, 0.97, color=FAINT, alpha=0.4, linewidth=0)
    axes.axvline(0.95, color=BARE, linewidth=0.8)


def show_legend(axes: Axes, columns: int = 2) -> None:
    """Above the axes, with a grid."""
    axes.grid(True, axis="x", color=FAINT, linewidth=0.5)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=columns, frameon=False)


def draw(plots: Plots, kept: Kept, prefix: str) -> list[Path]:
    """Write every figure whose results are there, as PREFIX-NAME.svg."""
    IMAGES.mkdir(exist_ok=True)
    written: list[Path] = []
    for name, plot in plots.items():
        results = kept.published(name)
        if results is not None:
            path = IMAGES / f"{prefix}-{name.replace('_', '-')}.svg"
            plot(results).savefig(path, format="svg", metadata={"Date": None, "Creator": None})
            written.append(path)
    return written
