"""The benchmark's figures, from committed results: SVG, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cells import KEPT
from figures import BARE, FAINT, OURS, THEIRS, show_coverage, show_legend
from figures import draw as drawn
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def accuracy(results: dict[str, Any]) -> Figure:
    """Surrogate -> corrected, ours beside the published figures, case by case."""
    rows = [row for row in results["rows"] if row["model"] != "early"]
    figure = Figure(figsize=(7.2, 0.27 * len(rows) + 1.1), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(reversed(rows)):
        if row["published"]:
            before, _, after = row["published"]
            _arrow(axes, before, after, place + 0.17, THEIRS)
        _arrow(axes, row["surrogate"][0], row["corrected"][0], place - 0.17, OURS)
    axes.set(xscale="log", yticks=range(len(rows)), yticklabels=[row["case"] for row in reversed(rows)])
    axes.set_xlabel("relative L2 error: surrogate (open) → corrected (full), 410 evaluations a point")
    _legend(axes, {"burnish, its surrogates": OURS, "published (arXiv 2504.16172)": THEIRS})
    return figure


LEAST = 1e-4
"""Errors below this lie left of the axis, and are written there."""


def _arrow(axes: Axes, before: float, after: float, height: float, colour: str) -> None:
    shown = max(after, LEAST)
    axes.plot([before, shown], [height, height], color=colour, linewidth=1.2)
    axes.plot([before], [height], "o", color=colour, markerfacecolor="white", markersize=4)
    axes.plot([shown], [height], "o" if after == shown else "<", color=colour, markersize=4)
    if after < shown:
        axes.annotate(f"{after:.0e}", (LEAST, height), (6, -9), textcoords="offset points", color=colour, fontsize=7)


def _legend(axes: Axes, colours: dict[str, str]) -> None:
    for label, colour in colours.items():
        axes.plot([], [], "o-", color=colour, markersize=4, label=label)
    show_legend(axes)


def budget(results: dict[str, Any]) -> Figure:
    """Error against the CPU-seconds of training and simulating together."""
    rows = results["rows"]
    figure = Figure(figsize=(3.6 * len(rows), 3.0), layout="constrained")
    for axes, row in zip(figure.subplots(1, len(rows), squeeze=False)[0], rows, strict=True):
        curves = (
            ("train_seconds", "surrogate", THEIRS, "training alone"),
            ("total_seconds", "corrected", OURS, "training and simulating"),
            ("plain_seconds", "plain", BARE, "simulating alone"),
        )
        for seconds, error, colour, label in curves:
            slope = f"{label}: slope {row['slopes'][error]:.2f}"
            axes.loglog(row[seconds], row[error], "o-", color=colour, markersize=4, linewidth=1.2, label=slope)
        axes.set(title=row["case"], xlabel="CPU-seconds, one thread", ylabel="relative L2 error")
        axes.grid(True, color=FAINT, linewidth=0.5)
        axes.legend(frameon=False, fontsize=7.5)
    return figure


def coverage(results: dict[str, Any]) -> Figure:
    """Share of points that no published interval missed, over all looks."""
    rows = results["rows"]
    figure = Figure(figsize=(7.2, 0.2 * len(rows) + 1.0), layout="constrained")
    axes = figure.subplots()
    show_coverage(axes, rows)
    labels = [f"{row['case']}, R = {row['replicates']}" for row in reversed(rows)]
    axes.set(yticks=range(len(rows)), yticklabels=labels, xlabel="joint coverage over all looks (nominal 0.95)")
    return figure


def tolerance(results: dict[str, Any]) -> Figure:
    """|error| over tolerance of every point."""
    rows = [row for row in results["rows"] if row["errors"]]
    figure = Figure(figsize=(7.2, 0.32 * len(rows) + 0.9), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(reversed(rows)):
        axes.plot(row["errors"], [place] * len(row["errors"]), "|", color=OURS, markersize=9, markeredgewidth=0.7)
    axes.axvline(1.0, color=THEIRS, linewidth=1.2)
    labels = [f"{row['case']}, {row['asked']:g} of its error" for row in reversed(rows)]
    axes.set(
        yticks=range(len(rows)), yticklabels=labels, xlabel="|error| / tolerance, a line for each point", xlim=(0, None)
    )
    return figure


PLOTS: dict[str, Callable[[dict[str, Any]], Figure]] = {
    "accuracy": accuracy,
    "budget": budget,
    "coverage": coverage,
    "tolerance": tolerance,
}


def draw() -> list[Path]:
    """Write every figure whose results are there."""
    return drawn(PLOTS, KEPT, "surrogate")
