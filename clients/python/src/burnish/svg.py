"""The little of SVG that the plots need: axes, grid, text, lines. Strings in, strings out."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Label = Callable[[float], str]
FONT = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear or logarithmic scale from [low, high] to the pixels [start, end]."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(max(value, 1e-300))
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round numbers within the axis."""
        return _decades(self.low, self.high) if self.log else _steps(self.low, self.high)


def _steps(low: float, high: float, about: int = 4) -> list[float]:
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    found = (i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1))
    return [min(max(tick, low), high) for tick in found]  # rounding must not carry a mark off the axis


def _decades(low: float, high: float, most: int = 6) -> list[float]:
    """1-2-5 marks on short axes, powers of ten on long ones, no more than `most`."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1,) if math.log10(high / low) > 2 else (1, 2, 5)
    marks = [m * 10.0**e for e in exponents for m in digits if low <= m * 10.0**e <= high]
    return marks[:: max(1, math.ceil(len(marks) / most))]


def text(x: float, y: float, content: str, *, anchor: str = "start", opacity: float = 0.65, weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor" fill-opacity="{opacity}" '
        f'font-weight="{weight}">{html.escape(content)}</text>'
    )


def line(points: Sequence[tuple[float, float]], color: str, width: float, *, dash: str = "") -> str:
    """A polyline through pixel coordinates."""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return (
        f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="{width}" stroke-linejoin="round" '
        f'stroke-linecap="round"' + (f' stroke-dasharray="{dash}"' if dash else "") + "/>"
    )


def level(x: Axis, at: float, opacity: float = 0.12, *, dash: str = "") -> str:
    """A horizontal line across the plot."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="M{x.start:.1f} {at:.1f}H{x.end:.1f}" stroke="currentColor" stroke-opacity="{opacity}"{dashed}/>'


def grid(x: Axis, y: Axis, x_label: Label | None, y_label: Label, caption: str) -> str:
    """Grid lines with their labels, and what the horizontal axis means; no ticks on it without `x_label`."""
    parts = [level(x, y(v)) + text(x.start - 8, y(v) + 4, y_label(v), anchor="end") for v in y.ticks()]
    bottom = max(y.start, y.end)
    if x_label:
        for v in x.ticks():
            parts.append(f'<path d="M{x(v):.1f} {bottom:.1f}v4" stroke="currentColor" stroke-opacity=".4"/>')
            parts.append(text(x(v), bottom + 17, x_label(v), anchor="middle"))
    parts.append(level(x, bottom, 0.4))
    parts.append(text((x.start + x.end) / 2, bottom + (34 if x_label else 20), caption, anchor="middle"))
    return "".join(parts)


def window(left: float, top: float, right: float, bottom: float, body: str) -> str:
    """Draw `body` in the same coordinates, cut off at these edges.

    A nested picture and no clip path: ids are shared by all the cells of a notebook, and hidden cells break them.
    """
    box = f"{left:g} {top:g} {right - left:g} {bottom - top:g}"
    return (
        f'<svg x="{left:g}" y="{top:g}" width="{right - left:g}" height="{bottom - top:g}" viewBox="{box}" '
        f'overflow="hidden">{body}</svg>'
    )


def picture(width: float, height: float, body: str, label: str) -> str:
    """The whole picture; it shrinks with a narrow notebook but does not grow."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{html.escape(label)}" style="width:100%;max-width:{width:g}px;height:auto;display:block" '
        f'font-family="{FONT}" font-size="11">{body}</svg>'
    )


def tick_label(axis: Axis) -> Label:
    """Labels of a linear axis: as many decimals as its steps need."""
    ticks = axis.ticks()
    step = ticks[1] - ticks[0] if len(ticks) > 1 else axis.high - axis.low
    if max(abs(axis.low), abs(axis.high)) >= 1e6 or step < 1e-6:
        return lambda v: f"{v:.3g}"
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    places += round(step * 10**places, 6) != round(step * 10**places)
    return lambda v: f"{v + 0.0:.{places}f}"
