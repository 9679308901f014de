"""The picture at the top of the README: the intervals of the run that is printed there, against its seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from burnish import plots, svg
from burnish.plots import Look
from burnish.svg import Axis

README = Path(__file__).parents[2] / "README.md"
LINE = re.compile(r"^#\d+ +block +\d+: +([\d.]+) +\[([\d.]+), ([\d.]+)\] +([\d.]+) s", re.M)
EXACT = re.compile(r"\(exact: ([\d.]+)\)")
GREEN = "#2f9e62"
WIDTH, HEIGHT, TOP, BOTTOM, LEFT, RIGHT = 720, 262, 36, 208, 62, 596
SECONDS = 4
"""Of the opening of the funnel, where pictures may move."""
STYLE = "<style>svg{color:#24292f}@media(prefers-color-scheme:dark){svg{color:#d0d7de}}</style>"


@dataclass(frozen=True)
class Run:
    """What the README prints of a run: (seconds, estimate) and intervals, and the exact value."""

    path: list[tuple[float, float]]
    looks: list[Look]
    exact: float


def printed(text: str) -> Run:
    """Raises `ValueError` where the README shows no such run."""
    rows = [tuple(map(float, row)) for row in LINE.findall(text)]
    exact = EXACT.search(text)
    if len(rows) < 2 or exact is None:
        raise ValueError("README.md shows no run of several looks with its exact value")
    looks = [Look(seconds, lower, upper) for _, lower, upper, seconds in rows]
    return Run([(seconds, value) for value, _, _, seconds in rows], looks, float(exact[1]))


def picture() -> str:
    """The SVG."""
    run = printed(README.read_text("utf-8"))
    room = 1.12 * max(abs(limit - run.exact) for look in run.looks for limit in (look.lower, look.upper))
    end = run.path[-1][0]
    x = Axis(run.path[0][0], end, LEFT, RIGHT, log=True)
    y = Axis(run.exact - room, run.exact + room, BOTTOM, TOP)
    inside = plots.funnel(run.looks, end, x, y) + svg.line([(x(s), y(v)) for s, v in run.path], plots.ORANGE, 1.8)
    body = STYLE + svg.grid(x, y, lambda seconds: f"{seconds:g} s", svg.tick_label(y), "waited (log scale)")
    body += svg.line([(LEFT, y(run.exact)), (RIGHT, y(run.exact))], GREEN, 1.4, dash="5 4")
    body += svg.window(LEFT, TOP - 6, RIGHT + 4, BOTTOM, _opening(inside))
    body += svg.text(RIGHT + 12, y(run.exact) + 4, f"exact {run.exact:.7f}", opacity=1)
    title = "A PDE in 100 dimensions at one point: estimate, and intervals that all hold together"
    return svg.picture(WIDTH, HEIGHT, body + svg.text(LEFT, 18, title, opacity=1, weight=600), title) + "\n"


def _opening(inside: str) -> str:
    """From left to right as time passes; all of it at once where pictures do not move."""
    width = RIGHT - LEFT + 4
    moving = f'<animate attributeName="width" from="0" to="{width}" dur="{SECONDS}s" fill="freeze"/>'
    clip = f'<clipPath id="c"><rect x="{LEFT}" y="0" width="{width}" height="{HEIGHT}">{moving}</rect></clipPath>'
    return f'{clip}<g clip-path="url(#c)">{inside}</g>'
