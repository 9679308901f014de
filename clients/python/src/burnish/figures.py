"""The answer of a job as a matplotlib figure: what fits its kind, and how its half-width fell. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from burnish import plots, reasoned, words
from burnish.course import Course, course
from burnish.record import Record
from burnish.wire import OutputPart, Part
from burnish.wire.extras import need
from burnish.wire.numeric import Numbers, numpy

BLUE, ORANGE = plots.BLUE, plots.ORANGE
IMAGES = ("mean", "std")
MOST_ANSWERS, FEW = 6, 30

Read = Callable[[str], Part]
"""A named part of the answer, with all of its outputs."""


def draw(record: Record, read: Read, numbers: Numbers, figure: Any = None) -> list[Any]:
    """Draw into `figure`, by default a new one of pyplot's; its axes, the answer first.

    Raises `LookupError` before the first refinement.
    """
    if record.last is None:
        raise LookupError(f"job {record.job.id} has no answer yet; wait for its first refinement")
    panels = _answer(record, read, numbers)
    if len(told := _told(record)) > 1:
        panels.append(partial(_sharpening, record, told))
    if figure is None:
        pyplot: Any = need("matplotlib.pyplot", "plot", "plot")
        figure = pyplot.figure(figsize=(4.2 * len(panels), 3.2), layout="constrained")
    axes: list[Any] = list(figure.subplots(1, len(panels), squeeze=False)[0])
    for panel, place in zip(panels, axes, strict=True):
        panel(place)
    return axes


Panel = Callable[[Any], None]


def _answer(record: Record, read: Read, numbers: Numbers) -> list[Panel]:
    """What fits: chances of answers, images, curves over coordinates, one output as it sharpened, or many intervals."""
    assert record.last is not None
    parts = record.last.layout or []
    if reasoned.named(record.last):
        return [partial(_chances, record)]
    if images := [part for part in parts if part.name in IMAGES and _is_image(part)]:
        return [partial(_image, read(part.name)) for part in images]
    if curves := [part for part in parts if part.name in ("mean", "value") and _is_curve(part)]:
        return [partial(_curve, read(curves[0].name))]
    if numbers.value.size == 1:
        return [partial(_trace, course(record.history))]
    return [partial(_many, numbers)]


def _is_image(part: OutputPart) -> bool:
    channels, sides = part.shape[:-2], part.shape[-2:]
    return len(sides) == 2 and min(sides) > 1 and channels in ([], [1], [3])


def _is_curve(part: OutputPart) -> bool:
    return len(part.shape) == 1 and part.shape[0] > 1


def _image(part: Part, axes: Any) -> None:
    """An array in the plane: grey for a mean, colours for a deviation."""
    values = part.to_numpy().value
    if values.ndim == 3:
        values = numpy().moveaxis(values, 0, -1).squeeze()
    if values.ndim == 3:  # colours: any range is shown in full
        values = (values - numpy().nanmin(values)) / (numpy().nanmax(values) - numpy().nanmin(values) or 1.0)
    shown = axes.imshow(values, cmap="gray" if part.name == "mean" else "viridis")
    axes.set_title(part.name)
    axes.set_xticks([])
    axes.set_yticks([])
    if values.ndim == 2:
        axes.figure.colorbar(shown, ax=axes, shrink=0.8)


def _curve(part: Part, axes: Any) -> None:
    """A vector by index: a few numbers with their intervals, many with a band."""
    numbers = part.to_numpy()
    at = numpy().arange(len(numbers.value))
    if len(at) <= FEW:
        _rods(axes, at, numbers.value, numbers.half_width)
    else:
        axes.fill_between(at, numbers.lower, numbers.upper, color=BLUE, alpha=0.3, linewidth=0)
        axes.plot(at, numbers.value, color=ORANGE)
    axes.set_title(part.name)
    axes.set_xlabel("index")
    axes.xaxis.get_major_locator().set_params(integer=True)


def _trace(seen: Course, axes: Any) -> None:
    """One output against units, inside the intervals that were streamed; each holds until the next."""
    _funnel(axes, seen.units, seen.lower[:, 0], seen.upper[:, 0], BLUE)
    axes.plot(seen.units, seen.value[:, 0], color=ORANGE)
    _log(axes.xaxis, words.count)
    axes.set_xlabel("units spent")
    axes.set_title("estimate and interval")
    halves = seen.half_width[~numpy().isnan(seen.half_width[:, 0]), 0]
    if len(halves):  # early intervals may be enormous
        room, last = min(halves.max(), 12 * halves[-1]), seen.value[-1, 0]
        axes.set_ylim(last - 1.3 * room, last + 1.3 * room)


def _funnel(axes: Any, at: Any, lower: Any, upper: Any, colour: str) -> None:
    told = ~numpy().isnan(lower)
    if told.any():
        ends = numpy().append(at[told], at[-1])
        low, high = (numpy().append(limits[told], limits[told][-1]) for limits in (lower, upper))
        axes.fill_between(ends, low, high, step="post", color=colour, alpha=0.25, linewidth=0)


def _many(numbers: Numbers, axes: Any) -> None:
    """Many outputs by rank of their estimates, each with its interval."""
    values = numbers.value.ravel()
    order = numpy().argsort(values)
    rank = numpy().arange(len(order))
    _rods(axes, rank, values[order], numbers.half_width.ravel()[order])
    axes.set_title(f"{len(order)} outputs and intervals")
    axes.set_xlabel("rank of the estimate")


def _rods(axes: Any, at: Any, values: Any, half: Any) -> None:
    """Dots with intervals; bare where there is none."""
    axes.errorbar(at, values, numpy().nan_to_num(half), fmt=".", color=ORANGE, ecolor=BLUE, elinewidth=1.5)


def _log(axis: Any, label: Callable[[float], str]) -> None:
    """A logarithmic axis with a few labels that can be read."""
    ticker: Any = need("matplotlib.ticker", "plot", "plot")
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,), numticks=6))
    axis.set_major_formatter(ticker.FuncFormatter(partial(_labelled, label)))
    axis.set_minor_formatter(ticker.NullFormatter())


def _labelled(label: Callable[[float], str], value: float, place: int) -> str:
    return label(value)


def _chances(record: Record, axes: Any) -> None:
    """The likeliest answers against tokens, the leader's with its streamed intervals."""
    found, seen = reasoned.seen(record.last, record.interval), course(record.history)
    assert found is not None
    assert record.last is not None
    columns = reasoned.named(record.last)
    for name in [name for name, chance in found.answers.items() if chance.value is not None][:MOST_ANSWERS]:
        column = columns.index(name)
        (line,) = axes.plot(seen.tokens, seen.value[:, column], label=words.plain(name, 20))
        if name == found.leader:
            _funnel(axes, seen.tokens, seen.lower[:, column], seen.upper[:, column], line.get_color())
    _log(axes.xaxis, words.count)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("tokens")
    axes.set_title("chances of answers")
    if axes.lines:
        axes.legend(fontsize="small")


def _told(record: Record) -> list[tuple[float, float]]:
    """(units, widest half-width) of every look that had intervals."""
    return [(plots.units(r), half) for r in record.history if (half := words.widest(r))]


def _sharpening(record: Record, told: Sequence[tuple[float, float]], axes: Any) -> None:
    """The widest half-width against what was spent, both logarithmic, with the forecast dotted."""
    axes.plot(*_columns(told), color=BLUE, marker="o", markersize=4, label="streamed")
    if ahead := plots.ahead(record.history, told[-1][0]):
        axes.plot(*_columns([told[-1], *ahead]), color=ORANGE, linestyle=":", label="forecast")
        axes.legend(fontsize="small")
    _log(axes.xaxis, words.count)
    _log(axes.yaxis, words.short)
    axes.set_title("widest half-width")
    axes.set_xlabel("units spent")


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in pairs], [y for _, y in pairs]
