"""Answers that are images, in a terminal: two pixels to a character, redrawn as the answer sharpens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.color import Color
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.style import Style
from rich.table import Table
from rich.text import Text

from burnish import wire, words

DRAWN = ("mean", "std")
"""The parts that are drawn, where they are images."""
_WIDEST = 96
_UNKNOWN = (96, 32, 32)

Pixel = tuple[int, int, int]


@dataclass(frozen=True)
class Picture:
    """Rows of pixels, and what they show."""

    caption: str
    rows: Sequence[Sequence[Pixel]]

    def text(self) -> Group:
        return Group(Text(self.caption, "dim", no_wrap=True), *(_line(*pair) for pair in _pairs(self.rows)))


@dataclass(frozen=True)
class Pictures:
    """Side by side; nothing on a terminal without colours, where half blocks would all look alike."""

    drawn: Sequence[Picture]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if console.color_system is not None and self.drawn:
            grid = Table.grid(padding=(0, 3))
            grid.add_row(*(picture.text() for picture in self.drawn))
            yield grid


def pictures(refinement: wire.Refinement | None) -> Pictures:
    """Mean and standard deviation, as far as the answer has them as images whose outputs are listed."""
    if refinement is None:
        return Pictures(())
    parts = [part for part in refinement.layout or () if part.name in DRAWN and _is_image(part)]
    listed = len(refinement.estimate.value)
    return Pictures([_picture(refinement.part(part.name)) for part in parts if part.stop <= listed])


def _is_image(part: wire.OutputPart) -> bool:
    """(h, w), (1, h, w) or (3, h, w) of a size that a terminal holds."""
    channels, sides = part.shape[:-2], part.shape[-2:]
    return channels in ([], [1], [3]) and len(sides) == 2 and min(sides) > 1 and sides[1] <= _WIDEST


def _picture(part: wire.Part) -> Picture:
    """Black is the least value and white the greatest; 0 is black for a standard deviation."""
    planes: list[Any] = part.value if len(part.shape) == 3 else [part.value]
    known = [value for plane in planes for row in plane for value in row if value is not None]
    low = 0.0 if part.name == "std" else min(known, default=0.0)
    high = max(known, default=1.0)
    height, width = part.shape[-2:]
    pixels = [[_pixel([plane[y][x] for plane in planes], low, high) for x in range(width)] for y in range(height)]
    return Picture(f"{part.name}  {words.short(low)} ... {words.short(high)}", pixels)


def _pixel(values: Sequence[float | None], low: float, high: float) -> Pixel:
    if any(value is None for value in values):
        return _UNKNOWN
    span = high - low if high > low else 1.0
    levels = [round(255 * min(max((value - low) / span, 0.0), 1.0)) for value in values if value is not None]
    red, green, blue = levels * 3 if len(levels) == 1 else levels
    return red, green, blue


def _pairs(rows: Sequence[Sequence[Pixel]]) -> list[tuple[Sequence[Pixel], Sequence[Pixel] | None]]:
    return [(rows[y], rows[y + 1] if y + 1 < len(rows) else None) for y in range(0, len(rows), 2)]


def _line(upper: Sequence[Pixel], lower: Sequence[Pixel] | None) -> Text:
    """The upper half of a character in one colour, the lower in another."""
    line = Text(no_wrap=True)
    for x, pixel in enumerate(upper):
        below = Color.from_rgb(*lower[x]) if lower else None
        line.append("▀", Style(color=Color.from_rgb(*pixel), bgcolor=below))
    return line
