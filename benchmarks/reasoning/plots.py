"""The benchmark's figures, from committed results: SVG, the same bytes for the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cells import KEPT
from figures import BARE, FAINT, IMAGES, OURS, THEIRS
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PANELS = {
    "subset_sum": "subset sums",
    "dyck": "Dyck words",
    "dyck_constant": "Dyck words, no values",
    "arithmetic": "arithmetic, weak values",
}
STYLES: dict[str, dict[str, Any]] = {
    "mh_backtracking": {"color": OURS, "linewidth": 2.0, "marker": "o"},
    "particle_filter": {"color": OURS, "linewidth": 1.0, "linestyle": "--", "marker": "s"},
    "best_of_n": {"color": BARE, "linewidth": 1.6, "marker": "o"},
    "particle_filter_its": {"color": THEIRS, "linewidth": 1.2, "marker": "o"},
    "beam": {"color": THEIRS, "linewidth": 1.0, "linestyle": "--", "marker": "^"},
    "vgb": {"color": THEIRS, "linewidth": 1.0, "linestyle": ":", "marker": "v"},
    "suffix_regeneration": {"color": BARE, "linewidth": 1.0, "linestyle": "--", "marker": "x"},
    "search": {"color": BARE, "linewidth": 1.0, "linestyle": ":", "marker": "d"},
}


def success(found: dict[str, dict[str, Any]]) -> Figure:
    """A panel for each task: success against generated tokens."""
    figure = Figure(figsize=(2.9 * len(found), 3.4), layout="constrained")
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (name, results) in zip(panels, found.items(), strict=True):
        for row in results["rows"]:
            if row["method"] in STYLES:
                axes.plot(
                    results["budgets"], row["success"], markersize=3.5, label=row["method"], **STYLES[row["method"]]
                )
        _tokens(axes, results["budgets"])
        axes.set_title(PANELS[name], fontsize=9)
    panels[0].set_ylabel("share of problems with a right end")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _tokens(axes: Axes, budgets: list[int]) -> None:
    axes.set(xscale="log", xlabel="generated tokens", ylim=(0, 1))
    axes.set_xticks(budgets, [f"{budget:,}" for budget in budgets])
    axes.minorticks_off()
    axes.grid(True, color=FAINT, linewidth=0.5)


def distance(results: dict[str, Any]) -> Figure:
    """Total variation against tokens, a line for each method, with its slope."""
    styles = {
        **STYLES,
        "pimh": {"color": OURS, "linewidth": 1.0, "linestyle": ":", "marker": "v"},
        "parallel_tempering": {"color": OURS, "linewidth": 1.0, "linestyle": "-.", "marker": "d"},
    }
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    for row in results["rows"]:
        label = f"{row['method']}: {row['slope']:.2f}"
        axes.plot(row["tokens"], row["distance"], markersize=3.5, label=label, **styles[row["method"]])
    axes.set(xscale="log", yscale="log", xlabel="generated tokens", ylabel="total variation to the exact posterior")
    axes.grid(True, color=FAINT, linewidth=0.5)
    figure.legend(loc="outside right upper", frameon=False, title="slope")
    return figure


def hub(results: dict[str, Any], ours: dict[str, dict[str, Any]]) -> Figure:
    """its_hub's algorithms beside ours, on the same problems."""
    names = [
        name for name in ("dyck", "arithmetic") if name in ours and any(r["task"] == name for r in results["rows"])
    ]
    figure = Figure(figsize=(3.6 * len(names) + 0.4, 3.5), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        rows = {row["method"]: row for row in ours[name]["rows"]}
        for method in ("mh_backtracking", "best_of_n"):
            axes.plot(ours[name]["budgets"], rows[method]["success"], markersize=3.5, label=method, **STYLES[method])
        for place, method in enumerate(dict.fromkeys(row["method"] for row in results["rows"])):
            theirs = [row for row in results["rows"] if (row["task"], row["method"]) == (name, method)]
            line, marker = ("-", "--", ":", "-.", (0, (1, 3)))[place], "sv^dx"[place]
            x, y = [row["tokens"] for row in theirs], [row["success"] for row in theirs]
            axes.plot(x, y, color=THEIRS, linewidth=1.0, linestyle=line, marker=marker, markersize=3.5, label=method)
        _tokens(axes, ours[name]["budgets"])
        axes.set_title(PANELS[name], fontsize=9)
    panels[0].set_ylabel("share of problems answered right")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def draw() -> list[Path]:
    """Write every figure whose results are there."""
    found = {name: results for name in PANELS if (results := KEPT.published(name)) is not None}
    far, beside, figures = KEPT.published("distance"), KEPT.published("hub"), dict[str, Figure]()
    if found:
        figures["success"] = success(found)
    if far is not None:
        figures["distance"] = distance(far)
    if beside is not None and found:
        figures["hub"] = hub(beside, found)
    paths = [IMAGES / f"reasoning-{name}.svg" for name in figures]
    for path, figure in zip(paths, figures.values(), strict=True):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return paths
