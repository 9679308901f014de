"""What a watched job looks like: a panel in a terminal, one line per refinement elsewhere, or JSON."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel as RichPanel
from rich.table import Table
from rich.text import Text

from burnish import cli_reasoning_live, plots, reasoned, wire, words
from burnish.cli_pictures import pictures
from burnish.record import Record

Leaving = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
ROWS = 5
BAR = 30
_SPARK = "▁▂▃▄▅▆▇█"
_TONE = {"completed": "green", "failed": "red", "crashed": "red", "cancelled": "yellow", "running": "blue"}


class Display(AbstractContextManager["Display"], Protocol):
    """Shows a job from its first event to its last; `update` after each event, `finish` once it is done."""

    def update(self, record: Record, event: wire.Event) -> None: ...

    def finish(self, record: Record) -> None: ...


class Json:
    """One refinement per line (NDJSON), nothing else."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: *Leaving) -> None:
        pass

    def update(self, record: Record, event: wire.Event) -> None:
        if event.type == "refinement" and record.last:
            typer.echo(record.last.model_dump_json())

    def finish(self, record: Record) -> None:
        pass


class Lines:
    """One line per refinement, without control codes: for logs and pipes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: *Leaving) -> None:
        pass

    def update(self, record: Record, event: wire.Event) -> None:
        if event.type == "refinement" and record.last:
            typer.echo(refinement_line(record))
        elif event.type == "status":
            why = f": {event.data['detail']}" if event.data.get("detail") else ""
            typer.echo(f"{record.job.id} {event.data.get('status', '')}{why}")
        elif event.type == "progress":
            typer.echo(f"{record.job.id} {words.progress(event.data)}")

    def finish(self, record: Record) -> None:
        typer.echo("\n".join(summary(record)))


class Screen:
    """A panel that refreshes in place."""

    def __init__(self, console: Console | None = None) -> None:
        self._live = Live(console=console or Console(), refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *error: *Leaving) -> None:
        self._live.__exit__(*error)

    def update(self, record: Record, event: wire.Event) -> None:
        self._live.update(panel(record, event))

    def finish(self, record: Record) -> None:
        self._live.update(panel(record), refresh=True)


def display(as_json: bool) -> Display:
    """What fits where the output goes."""
    if as_json:
        return Json()
    return Screen() if sys.stdout.isatty() else Lines()


def show(record: Record) -> None:
    """A job as it is now: reasoning in a terminal as when it is watched, else the summary."""
    if sys.stdout.isatty() and reasoned.seen(record.last, record.interval):
        Console().print(panel(record))
    else:
        typer.echo("\n".join(summary(record)))


def answer(record: Record) -> str:
    """The answer in one line."""
    return words.headline(record.last, record.told)


def refinement_line(record: Record) -> str:
    """`#6 block 64: 0.05281 [0.05252, 0.05310] (block 64), 3.2 s, 16.4k units, 2x compute → ±2.0e-4`."""
    last = record.last
    if last is None:
        return ""
    parts = [f"#{last.sequence} block {last.blocks}: {_in_short(record, last)}", words.spent(last.spent)]
    if last.refused and not last.interval:
        parts.append(words.refusal(last.refused))
    elif ahead := words.forecast(last.forecast, words.target(*words.spec_tolerance(record.job))):
        parts.append(ahead)
    return ", ".join(parts)


def _in_short(record: Record, last: wire.Refinement) -> str:
    interval = record.interval
    since = f" (block {interval.blocks})" if interval else ""
    if thought := reasoned.seen(last, interval):
        return cli_reasoning_live.headline(thought, since)
    if len(last.estimate.value) == 1:
        limits = f" {words.limits(interval, 0)}" if interval else ""
        return words.number(last.estimate.value[0], words.widest(record.told)) + limits + since
    return ", ".join(filter(None, (f"{words.outputs_of(last)} outputs", words.widths(record.told)))) + since


def summary(record: Record) -> list[str]:
    """The end of a job: its answer for a few outputs, and what it took."""
    job, last = record.job, record.last
    why = words.stopped(job)
    lines = [f"{job.id} {job.status}{why}"]
    if last:
        lines += [f"  {line}".rstrip() for line in cli_reasoning_live.lines(record)] or _listed(record, last)
        if last.refused:
            lines.append(f"  {words.refusal(last.refused)}")
        lines.append(f"  spent {words.spent(last.spent)}")
    if job.promise:
        lines.append(f"  {words.promise(job.promise)}")
    if job.error:
        lines.append(f"  {job.error.title}: {job.error.detail}")
        lines += [f"    {field.pointer}: {field.detail}" for field in job.error.errors]
    return lines


def _listed(record: Record, last: wire.Refinement) -> list[str]:
    lines = [f"  {name}: {value} {limits}" for name, value, limits, _ in rows(record)]
    if (more := words.outputs_of(last) - ROWS) > 0:
        where = "show" if last.arrays is None else "download"
        lines.append(f"  and {more} more: burnish {where} {record.job.id}{' --json' if last.arrays is None else ''}")
    return lines


def chosen(record: Record) -> list[int]:
    """The outputs to show: all of a few, else the widest one and the first ones."""
    if record.last is None:
        return []
    count = len(record.last.estimate.value)
    if count <= ROWS:
        return list(range(count))
    known = [(half, i) for i, half in enumerate(words.half_widths(record.interval)) if half is not None]
    worst = [max(known)[1]] if known else []
    return (worst + [i for i in range(ROWS) if i not in worst])[:ROWS]


def rows(record: Record) -> list[tuple[str, str, str, str]]:
    """Name, estimate, interval and bar of each chosen output."""
    if record.last is None:
        return []
    halves = words.half_widths(record.interval)
    many = len(record.last.estimate.value) > ROWS
    result: list[tuple[str, str, str, str]] = []
    for place, i in enumerate(chosen(record)):
        half = halves[i] if halves else None
        name = words.output(record.last, i) + (" (widest)" if many and halves and place == 0 else "")
        value = words.number(record.last.estimate.value[i], half)
        result.append((name, value, words.limits(record.interval, i), bar(record, i)))
    return result


def bar(record: Record, output: int) -> str:
    """The newest interval within the first one: `······━━━━━·····` shrinks as the answer sharpens."""
    first = next((s for r in record.history if (s := plots.span(r.interval, output))), None)
    now = plots.span(record.interval, output)
    if first is None or now is None or first[1] <= first[0]:
        return ""
    scale = BAR / (first[1] - first[0])
    start, end = (min(max((limit - first[0]) * scale, 0.0), BAR) for limit in now)
    left = min(int(start), BAR - 1)
    width = max(1, round(end - start))
    return ("·" * left + "━" * width)[:BAR].ljust(BAR, "·")


def sparkline(values: Sequence[float], most: int = 40) -> str:
    """Values on a logarithmic scale, one sign each; the newest `most`."""
    logs = [math.log(v) for v in values if v > 0][-most:]
    if not logs or max(logs) == min(logs):
        return _SPARK[0] * len(logs)
    step = (max(logs) - min(logs)) / (len(_SPARK) - 1)
    return "".join(_SPARK[round((v - min(logs)) / step)] for v in logs)


def panel(record: Record, event: wire.Event | None = None) -> RichPanel:
    """The whole picture of a running job. `event`: the newest, for news of what happens before its first answer."""
    parts: list[RenderableType] = [_state(record)]
    if event is not None and event.type == "progress":
        parts.append(Text(words.progress(event.data)))
    if record.last:
        parts += cli_reasoning_live.parts(record) or [pictures(record.last), _table(record)]
        parts += _facts(record)
    title = Text(f"{record.job.kind} {record.job.id}", style="bold")
    return RichPanel(Group(*parts), title=title, title_align="left", border_style="dim", padding=(0, 1))


def _state(record: Record) -> Text:
    job = record.job
    text = Text(job.status, style=f"bold {_TONE.get(job.status, 'cyan')}")
    text.append(words.stopped(job), style="default not bold")
    if record.last:
        text.append(f"   {words.count(record.last.blocks)} blocks", style="default not bold")
        text.append(f"   {words.count(record.last.replicates)} replicates", style="default not bold")
    if job.stage and job.status == "waiting_for_resources":
        text.append(f"\n{job.stage}", style="default not bold")
    if job.error:
        text.append(f"\n{job.error.title}: {job.error.detail}", style="red not bold")
    return text


def _table(record: Record) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    level = f"{100 * record.interval.level:g} % interval" if record.interval else "interval"
    for header in ("", "estimate", level, ""):
        table.add_column(Text(header), no_wrap=True)
    for name, value, limits, drawn in rows(record):
        table.add_row(Text(name, "dim"), Text(value, "bold"), Text(limits), Text(drawn, "blue"))
    hidden = words.outputs_of(record.last) - ROWS if record.last else 0
    if hidden > 0:
        table.add_row(Text(f"and {words.count(hidden)} more", "dim"))
    return table


def _facts(record: Record) -> list[Text]:
    last = record.last
    if last is None:
        return []
    facts: list[tuple[str, str]] = []
    halves = [h for r in record.history if (h := words.widest(r))]
    if halves and record.interval:
        since = f"±{words.short(halves[-1])} from block {words.count(record.interval.blocks)}"
        facts.append(("half-width", f"{sparkline(halves)} {since}"))
    facts.append(("spent", words.spent(last.spent)))
    if ahead := words.forecast(last.forecast, words.target(*words.spec_tolerance(record.job))):
        facts.append(("forecast", ahead))
    if last.refused:
        facts.append(("refused", words.refusal(last.refused)))
    return [Text.assemble((f"{name:<11}", "dim"), value) for name, value in facts]
