"""The figure of the assimilation benchmark: SVG, the same bytes for the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "burnish", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
IMAGE = Path(__file__).parents[2] / "docs" / "images" / "assimilation.svg"
OURS, THEIRS = "#0b6e4f", "#b5651d"


def draw(found: dict[str, Any]) -> None:
    """Speed beside `particles`, errors beside DAPPER."""
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    speed, accuracy = found.get("speed", []), found.get("accuracy", [])
    _bars(
        left,
        [f"{row['dim']}-d, N = {row['particles']:,}, {row['method']}" for row in speed],
        [[row["ours"]] for row in speed],
        [[row["particles_package"]] for row in speed],
    )
    left.set(xscale="log", xlabel="particle-steps per second of one thread")
    _bars(
        right,
        [f"{row['system']}, {row['method']}-{row['members']}" for row in accuracy],
        [row["ours"] for row in accuracy],
        [row["dapper"] for row in accuracy],
    )
    right.set(xlabel="error of the filtered mean (points: seeds)")
    left.legend(["burnish", "particles / DAPPER"], loc="lower right", frameon=False)
    IMAGE.parent.mkdir(exist_ok=True)
    figure.savefig(IMAGE, metadata={"Date": None})


def _bars(axes: Axes, labels: list[str], ours: list[list[float]], theirs: list[list[float]]) -> None:
    places = np.arange(len(labels))[::-1]
    for values, shift, colour in ((ours, 0.18, OURS), (theirs, -0.18, THEIRS)):
        axes.barh(places + shift, [np.mean(each) for each in values], height=0.34, color=colour)
    for values, shift in ((ours, 0.18), (theirs, -0.18)):
        for place, each in zip(places, values, strict=True):
            if len(each) > 1:
                axes.plot(each, [place + shift] * len(each), "k.", markersize=2)
    axes.set(yticks=places, yticklabels=labels)
    axes.spines[["top", "right"]].set_visible(False)
