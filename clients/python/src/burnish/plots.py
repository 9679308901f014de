"""The pictures of a job, as inline SVG. In `currentColor` and two mid tones: for light and dark notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from burnish import svg, words
from burnish.svg import Axis
from burnish.wire import Interval, Refinement

BLUE, ORANGE = "#3f87f5", "#e8762c"
HEIGHT, TOP, BOTTOM, LEFT = 250, 14, 208, 62
MOST = 200
"""Outputs in one caterpillar plot; more are thinned evenly by rank."""


@dataclass(frozen=True, slots=True)
class Look:
    """One streamed interval of one output, at so many units."""

    units: float
    lower: float
    upper: float

    @property
    def half(self) -> float:
        return (self.upper - self.lower) / 2


def units(refinement: Refinement) -> float:
    return float(max(refinement.spent.units or refinement.replicates, 1))


def span(interval: Interval | None, output: int) -> tuple[float, float] | None:
    """The limits of one output; null when it has none."""
    if interval is None:
        return None
    lower, upper = interval.lower[output], interval.upper[output]
    return None if lower is None or upper is None else (lower, upper)


def trace(history: Sequence[Refinement], aim: float | None = None, width: int = 640) -> str:
    """The only output against units spent (log), with its streamed intervals shrinking around it.

    `aim`: the half-width asked for, drawn around the newest estimate. Empty while there is nothing to draw.
    """
    path = [(units(r), value) for r in history if (value := r.estimate.value[0]) is not None]
    looks = [Look(units(r), *limits) for r in history if (limits := span(r.interval, 0))]
    if not path:
        return ""
    last = max(u for u, _ in path)
    x = Axis(path[0][0], max(last, 2 * path[0][0]), LEFT, width - 92, log=True)
    y = _trace_height([v for _, v in path], looks)
    body = svg.grid(x, y, words.count, svg.tick_label(y), "units spent (log scale)")
    inside = funnel(looks, last, x, y)
    if aim and aim < y.high - y.low:
        inside += "".join(svg.level(x, y(path[-1][1] + side * aim), 0.5, dash="4 4") for side in (1, -1))
    inside += svg.line([(x(u), y(v)) for u, v in path], ORANGE, 1.8)
    body += svg.window(x.start, TOP - 4, x.end + 4, BOTTOM, inside)
    return svg.picture(width, HEIGHT, body + _end(path[-1], looks, x, y), "estimate and interval against units spent")


def _trace_height(values: Sequence[float], looks: Sequence[Look]) -> Axis:
    """Room for the whole funnel, but for no more than 13 times the last interval: early ones may be enormous."""
    low, high = min(values), max(values)
    if looks:
        low, high = min(low, *(k.lower for k in looks)), max(high, *(k.upper for k in looks))
        room = 12 * looks[-1].half
        low, high = max(low, looks[-1].lower - room), min(high, looks[-1].upper + room)
    return _padded(low, high)


def _padded(low: float, high: float) -> Axis:
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(low - pad, high + pad, BOTTOM, TOP)


def funnel(looks: Sequence[Look], last: float, x: Axis, y: Axis) -> str:
    """Each interval holds until the next look: one box per look, denser as they sharpen."""
    shapes: list[str] = []
    for i, look in enumerate(looks):
        end = looks[i + 1].units if i + 1 < len(looks) else last
        left, right, top, bottom = x(look.units), max(x(end), x(look.units) + 2), y(look.upper), y(look.lower)
        shapes.append(
            f'<path d="M{left:.1f} {top:.1f}H{right:.1f}V{bottom:.1f}H{left:.1f}z" fill="{BLUE}" '
            f'fill-opacity="{0.12 + 0.2 * (i + 1) / len(looks):.2f}"/>'
            f'<path d="M{left:.1f} {top:.1f}H{right:.1f}M{left:.1f} {bottom:.1f}H{right:.1f}" stroke="{BLUE}" '
            f'stroke-width="1.5"/>'
        )
    return "".join(shapes)


def _end(point: tuple[float, float], looks: Sequence[Look], x: Axis, y: Axis) -> str:
    """The newest estimate as a dot, with its interval as a whisker and the numbers beside it."""
    at, value = x(point[0]), point[1]
    shown = f'<circle cx="{at:.1f}" cy="{y(value):.1f}" r="3.6" fill="{ORANGE}"/>'
    if not looks:
        return shown + svg.text(at + 10, y(value) + 4, words.number(value), opacity=1, weight=600)
    look, rod = looks[-1], x.end + 14
    top, bottom = y(look.upper), y(look.lower)
    shown += (
        f'<path d="M{rod} {top:.1f}V{bottom:.1f}M{rod - 4} {top:.1f}h8M{rod - 4} {bottom:.1f}h8" '
        f'stroke="{BLUE}" stroke-width="2" fill="none"/>'
    )
    # Three labels need room: a short whisker pushes the outer two apart.
    spread = max(0.0, 14 - min(y(value) - top, bottom - y(value)))
    for v, offset, weight, opacity in (
        (look.upper, -spread, 400, 0.7),
        (value, 0, 600, 1),
        (look.lower, spread, 400, 0.7),
    ):
        text = words.number(v, look.half)
        shown += svg.text(rod + 9, y(v) + 4 + offset, text, opacity=opacity, weight=weight)
    return shown


@dataclass(frozen=True, slots=True)
class Mark:
    """One output of a caterpillar plot: its value and limits now, and its limits at the first look."""

    value: float
    now: tuple[float, float]
    early: tuple[float, float]
    open: bool

    def shifted(self, by: float) -> Mark:
        (a, b), (c, d) = self.now, self.early
        return Mark(self.value - by, (a - by, b - by), (c - by, d - by), self.open)


def caterpillar(
    history: Sequence[Refinement], interval: Interval | None, asked: Sequence[float | None], width: int
) -> str:
    """The intervals of many outputs by rank, over those of the first look; orange where still wider than `asked`.

    Sorted by estimate; where the estimates lie so far apart that intervals would be invisible, each is drawn around
    its own estimate and the sorting is by width.
    """
    marks = _marks(history, interval, asked)
    if not marks:
        return ""
    total, caption = len(marks), "sorted by estimate"
    marks.sort(key=lambda m: m.value)
    reach = marks[-1].value - marks[0].value
    widest = max(high - low for low, high in (m.now for m in marks))
    if 0 < widest < 0.08 * reach:
        marks = sorted((m.shifted(m.value) for m in marks), key=lambda m: m.now[1] - m.now[0])
        caption = "limits minus estimate, sorted by width"
    marks = [marks[k * total // min(MOST, total)] for k in range(min(MOST, total))]
    y = _padded(*_reach(marks, widest))
    x = Axis(-0.7, len(marks) - 0.3, LEFT, width - 14)
    some = f"{len(marks)} of {words.count(total)}" if len(marks) < total else f"{total}"
    caption = f"{some} outputs, {caption}"
    legend = "pale: first look" + (", orange: tolerance not met yet" if any(m.open for m in marks) else "")
    body = svg.grid(x, y, None, svg.tick_label(y), caption)
    body += svg.text((x.start + x.end) / 2, BOTTOM + 36, legend if widest else "", anchor="middle")
    drawn = "".join(_drawn(x(k), y, mark, len(marks)) for k, mark in enumerate(marks))
    return svg.picture(width, HEIGHT, body + svg.window(x.start, TOP - 4, x.end, BOTTOM, drawn), caption)


def _marks(history: Sequence[Refinement], now: Interval | None, asked: Sequence[float | None]) -> list[Mark]:
    first = next((r.interval for r in history if r.interval), None)
    marks: list[Mark] = []
    for i, value in enumerate(history[-1].estimate.value):
        if value is not None:
            low, high = span(now, i) or (value, value)
            aim = asked[i]
            marks.append(
                Mark(value, (low, high), span(first, i) or (low, high), aim is not None and (high - low) / 2 > aim)
            )
    return marks


def _reach(marks: Sequence[Mark], widest: float) -> tuple[float, float]:
    """Room for all intervals of now, and for those of the first look as far as they do not dwarf them."""
    low, high = min(m.now[0] for m in marks), max(m.now[1] for m in marks)
    room = max(1.5 * widest, 0.15 * (high - low))
    return max(min(m.early[0] for m in marks), low - room), min(max(m.early[1] for m in marks), high + room)


def _drawn(at: float, y: Axis, mark: Mark, many: int) -> str:
    thick = 4.0 if many <= 40 else 2.6 if many <= 100 else 1.7
    rods = ((mark.early, 0.25), (mark.now, 0.9)) if mark.now[0] < mark.now[1] else ()
    color = ORANGE if mark.open else BLUE
    drawn = "".join(
        f'<path d="M{at:.1f} {y(high):.1f}V{y(low):.1f}" stroke="{color}" stroke-opacity="{opacity}" '
        f'stroke-width="{thick}"/>'
        for (low, high), opacity in rods
    )
    return drawn + f'<circle cx="{at:.1f}" cy="{y(mark.value):.1f}" r="{0.5 * thick:.1f}" fill="currentColor"/>'


def sharpening(history: Sequence[Refinement], aim: float | None = None, width: int = 640) -> str:
    """The widest half-width against units spent, both logarithmic; dotted: the forecast; dashed: what is asked."""
    looks = [(units(r), half) for r in history if (half := words.widest(r))]
    if len(looks) < 2:
        return ""
    coming = ahead(history, looks[-1][0])
    heights = [h for _, h in looks + coming] + ([aim] if aim else [])
    right = max(u for u, _ in looks + coming)
    x = Axis(looks[0][0], max(right, 2 * looks[0][0]), LEFT, width - 14, log=True)
    y = Axis(min(heights) / 1.25, max(heights) * 1.25, BOTTOM, TOP, log=True)
    caption = ("half-width" if words.outputs_of(history[-1]) == 1 else "widest half-width") + " against units spent"
    body = svg.grid(x, y, words.count, words.short, caption)
    body += svg.level(x, y(aim), 0.5, dash="4 4") if aim else ""
    body += svg.line([(x(u), y(h)) for u, h in [looks[-1], *coming]], ORANGE, 1.8, dash="1 5")
    body += svg.line([(x(u), y(h)) for u, h in looks], BLUE, 1.8)
    body += "".join(f'<circle cx="{x(u):.1f}" cy="{y(h):.1f}" r="2.8" fill="{BLUE}"/>' for u, h in looks)
    return svg.picture(width, HEIGHT, body, caption)


def ahead(history: Sequence[Refinement], now: float) -> list[tuple[float, float]]:
    """Forecast half-widths at multiples of the units spent; keys of `error_at` are `2x`, `10x`."""
    known = next((r.forecast for r in reversed(history) if r.forecast), None)
    pairs = known.error_at.items() if known else ()
    return sorted((now * float(times[:-1]), h) for times, h in pairs if times[:-1].isdecimal() and h > 0)
