"""The benchmark's figures, from committed results: SVG, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cells import KEPT
from figures import BARE, OURS, THEIRS, show_coverage, show_legend
from figures import draw as drawn
from matplotlib.figure import Figure


def mcgdiff_mixture(results: dict[str, Any]) -> Figure:
    """Distances to the exact posterior, problem by problem size, beside the floor."""
    rows = results["rows"]
    figure = Figure(figsize=(7.2, 0.32 * len(rows) + 1.1), layout="constrained")
    axes = figure.subplots()
    kinds = (("theirs", THEIRS, "MCGDiff"), ("ours", OURS, "burnish"), ("floor", BARE, "exact draws (floor)"))
    for name, colour, label in kinds:
        values = [row[name][0] for row in reversed(rows)]
        errors = [row[name][1] for row in reversed(rows)]
        axes.errorbar(
            values, range(len(rows)), xerr=errors, fmt="o", color=colour, markersize=4, linewidth=1.0, label=label
        )
    labels = [f"d = {row['dim']}, {row['rows']} seen" for row in reversed(rows)]
    axes.set(xscale="log", yticks=range(len(rows)), yticklabels=labels)
    axes.set_xlabel("sliced 2-Wasserstein distance to the exact posterior, mean of 20 problems ± one standard error")
    show_legend(axes, 3)
    return figure


def linear_gaussian(results: dict[str, Any]) -> Figure:
    """Spread of log Z^ by proposal, for two noises."""
    rows = [row for row in results["rows"] if row["way"] == "every step"]
    names = list(dict.fromkeys(row["proposal"] for row in rows))
    figure = Figure(figsize=(7.2, 0.3 * len(names) + 1.2), layout="constrained")
    axes = figure.subplots()
    for sigma, colour in ((0.5, OURS), (0.1, THEIRS)):
        found = {row["proposal"]: row["spread"] for row in rows if row["sigma"] == sigma}
        axes.plot([found[name] for name in names], range(len(names)), "o", color=colour, label=f"sigma = {sigma:g}")
    axes.set(xscale="log", yticks=range(len(names)), yticklabels=names)
    axes.set_xlabel("sd of log Z^, 32 particles, resampling at every step")
    show_legend(axes)
    return figure


def coverage(results: dict[str, Any]) -> Figure:
    """Share of jobs whose interval holds, output by output."""
    rows = results["rows"]
    figure = Figure(figsize=(7.2, 0.24 * len(rows) + 1.0), layout="constrained")
    axes = figure.subplots()
    show_coverage(axes, rows)
    labels = [f"{row['output']}, N = {row['particles']}" for row in reversed(rows)]
    axes.set(yticks=range(len(rows)), yticklabels=labels, xlabel="coverage of 95 % intervals from 16 islands")
    return figure


PLOTS: dict[str, Callable[[dict[str, Any]], Figure]] = {
    "mcgdiff_mixture": mcgdiff_mixture,
    "linear_gaussian": linear_gaussian,
    "coverage": coverage,
}


def draw() -> list[Path]:
    """Write every figure whose results are there."""
    return drawn(PLOTS, KEPT, "posterior")
