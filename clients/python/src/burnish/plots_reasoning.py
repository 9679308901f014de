"""The pictures of a `reasoning` job, as inline SVG: chances against tokens, and the tree of a chain's paths."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from burnish import plots, svg, words
from burnish.plots import BLUE, BOTTOM, HEIGHT, LEFT, ORANGE, TOP, Look
from burnish.reasoned import OTHER, Chance, Reasoned, named, seen
from burnish.svg import Axis
from burnish.wire import Interval, Refinement

COLOURS = (BLUE, ORANGE, "#2f9e62", "#a45bd6", "#c9a227", "#d6568b")
GREY = "#8a8f98"
ROW, MOST_ROWS, LABEL = 22, 16, 7.0
"""Pixels between two ends of the tree, ends that are drawn, pixels of a sign."""

Path = tuple[str | None, ...]


def chances(history: Sequence[Refinement], interval: Interval | None, width: int = 640) -> str:
    """The likeliest answers against tokens (log), each with its newest interval as a whisker at the right.

    Behind the leader stand its streamed intervals. Empty while there is nothing to draw.
    """
    told = [r for r in history if named(r) and any(value is not None for value in r.estimate.value)]
    found = seen(told[-1], interval) if told else None
    if found is None or found.leader is None:
        return ""
    drawn = [chance for chance in found.answers.values() if chance.value is not None][: len(COLOURS)]
    x, y = _tokens(told, width), Axis(0.0, 1.0, BOTTOM, TOP)
    body = svg.grid(x, y, words.count, svg.tick_label(y), "tokens generated (log scale)")
    body += svg.window(x.start, TOP - 4, x.end + 4, BOTTOM, _leaders(found.leader, told, x, y))
    ends = spread([y(chance.value or 0.0) for chance in drawn])
    for i, (chance, colour, end) in enumerate(zip(drawn, _colours(drawn), ends, strict=True)):
        body += svg.line([(x(t), y(v)) for t, v in _course(chance.answer, told)], colour, 1.8)
        body += _whisker(chance, x.end + 12 + 6 * i, y, colour)
        body += _label(x.end + 20 + 6 * len(drawn), end + 4, words.plain(chance.answer, 16), colour)
    return svg.picture(width, HEIGHT, body, "chances of answers against tokens")


def _tokens(told: Sequence[Refinement], width: int) -> Axis:
    first, last = (float(max(refinement.spent.tokens, 1)) for refinement in (told[0], told[-1]))
    return Axis(first, max(last, 2 * first), LEFT, width - 160, log=True)


def _colours(drawn: Sequence[Chance]) -> list[str]:
    bright = iter(COLOURS)
    return [GREY if chance.answer == OTHER else next(bright) for chance in drawn]


def _course(answer: str, told: Sequence[Refinement]) -> list[tuple[float, float]]:
    """(tokens, chance) over time; a single point becomes a short line."""
    points = list[tuple[float, float]]()
    for refinement in told:
        value = refinement.estimate.value[named(refinement).index(answer)]
        if value is not None:
            points.append((float(max(refinement.spent.tokens, 1)), value))
    return points if len(points) > 1 else [(points[0][0], points[0][1]), (1.1 * points[0][0], points[0][1])]


def _leaders(leader: str, told: Sequence[Refinement], x: Axis, y: Axis) -> str:
    """The streamed intervals of the leader, each a box up to the next look."""
    looks = list[Look]()
    for refinement in told:
        limits = plots.span(refinement.interval, named(refinement).index(leader))
        if limits is not None:
            looks.append(Look(float(max(refinement.spent.tokens, 1)), *limits))
    return plots.funnel(looks, float(max(told[-1].spent.tokens, 1)), x, y)


def _whisker(chance: Chance, at: float, y: Axis, colour: str) -> str:
    dot = f'<circle cx="{at:.1f}" cy="{y(chance.value or 0.0):.1f}" r="3.2" fill="{colour}"/>'
    if chance.lower is None or chance.upper is None:
        return dot
    top, bottom = y(min(chance.upper, 1.0)), y(max(chance.lower, 0.0))
    rod = f'<path d="M{at:.1f} {top:.1f}V{bottom:.1f}" stroke="{colour}" stroke-width="2" stroke-opacity=".7"/>'
    return rod + dot


def _label(x: float, y: float, content: str, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-weight="600">{html.escape(content)}</text>'


def spread(heights: Sequence[float], apart: float = 13.0) -> list[float]:
    """Heights of labels, pushed down where they would overlap, and back up where they would leave the plot."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = list(heights)
    for before, i in pairwise(order):
        placed[i] = max(placed[i], placed[before] + apart)
    for k, i in enumerate(reversed(order)):
        placed[i] = min(placed[i], BOTTOM - k * apart)
    return placed


@dataclass
class _Node:
    """A prefix of the paths that are drawn."""

    step: str | None = None
    now: bool = False
    best: bool = False
    below: dict[str | None, _Node] = field(default_factory=dict[str | None, "_Node"])

    def add(self, path: Path, *, now: bool = False, best: bool = False) -> None:
        node = self
        for step in path:
            node = node.below.setdefault(step, _Node(step))
            node.now, node.best = node.now or now, node.best or best


def tree(found: Reasoned, width: int = 640) -> str:
    """The paths that the first chain went over, from left to right: where it is now, what it rolled back, the best one.

    Empty before there is a path. Steps are written where there is room, and shown by the pointer everywhere.
    """
    root = _Node()
    for path in dict.fromkeys(tuple(path) for path in reversed(found.paths)):
        if _ends(root) < MOST_ROWS:
            root.add(path, now=path == tuple(found.path))
    if found.best and None not in found.path:
        root.add(tuple(found.best.steps), best=True)
    if not root.below:
        return ""
    deep = _depth(root)
    x = Axis(0, deep, 14, width - 14)
    body, _, rows = _branches(root, 0, x, TOP, (width - 28) / deep)
    bottom = TOP + ROW * rows
    legend = (("now", BLUE), ("rolled back", GREY), ("best", ORANGE))
    for i, (name, colour) in enumerate(each for each in legend if each[1] in body):
        body += _label(14 + 90 * i, bottom + 8, f"● {name}", colour)
    return svg.picture(width, bottom + 16, body, "paths of the first chain")


def _ends(node: _Node) -> int:
    return sum(map(_ends, node.below.values())) if node.below else 1


def _depth(node: _Node) -> int:
    return max((1 + _depth(child) for child in node.below.values()), default=0)


def _branches(node: _Node, depth: int, x: Axis, top: float, room: float) -> tuple[str, float, int]:
    """The drawing of a node and all below it, its height, and the rows that it takes."""
    if not node.below:
        return "", top + ROW / 2, 1
    drawn, heights, rows = "", list[tuple[_Node, float]](), 0
    for child in node.below.values():
        inner, height, taken = _branches(child, depth + 1, x, top + ROW * rows, room)
        drawn, rows = drawn + inner, rows + taken
        heights.append((child, height))
    here = sum(height for _, height in heights) / len(heights)
    lines = "".join(_branch(child, x(depth), here, x(depth + 1), height, room) for child, height in heights)
    return lines + drawn, here, rows


def _branch(child: _Node, x0: float, y0: float, x1: float, y1: float, room: float) -> str:
    colour = BLUE if child.now else ORANGE if child.best else GREY
    line = svg.line(
        [(x0, y0), (x0 + 8, y1), (x1, y1)],
        colour,
        2.2 if child.now else 1.2,
        dash="" if child.now or child.best else "4 3",
    )
    step = "…" if child.step is None else words.plain(child.step)
    signs = int((room - 18) / LABEL)
    text = svg.text(x0 + 12, y1 - 4, words.plain(step, signs), opacity=1 if child.now else 0.6) if signs >= 4 else ""
    dot = f'<circle cx="{x1:.1f}" cy="{y1:.1f}" r="3.2" fill="{colour}"><title>{html.escape(step)}</title></circle>'
    return line + text + dot
