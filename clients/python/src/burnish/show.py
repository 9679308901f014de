"""How a job shows itself: one line in a terminal, a card in a notebook."""

from __future__ import annotations

import html

from burnish import plots, plots_reasoning, wire, words
from burnish.reasoned import seen
from burnish.record import Record

_TONE = {"completed": "#2f9e62", "failed": "#d64545", "crashed": "#d64545", "cancelled": "#8a8f98"}
_SOFT = "opacity:.68;font-size:12px"


def line(record: Record) -> str:
    """`<job_01J... surrogate completed: 0.05281 ± 2.9e-4 (95 %), 64 blocks, 3.2 s, 16.4k units>`."""
    parts = [f"{record.job.id} {record.job.kind} {record.job.status}: {_answer(record)}"]
    if record.interval:
        parts[0] += f" ({100 * record.interval.level:g} %)"
    if record.last:
        parts += [f"{record.last.blocks} blocks", words.spent(record.last.spent)]
    return f"<{', '.join(parts)}>"


def card(record: Record) -> str:
    """The job as HTML: the answer, its picture, what was spent, what more would buy."""
    pieces = [_heading(record), _picture(record), *(_note(text) for text in _notes(record))]
    return (
        '<div style="font-family:system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif;max-width:1000px;'
        'padding:14px 16px;border:1px solid rgba(128,128,128,.35);border-radius:10px;line-height:1.45">'
        f"{''.join(pieces)}</div>"
    )


def _answer(record: Record) -> str:
    return words.headline(record.last, record.told)


def _heading(record: Record) -> str:
    tone = _TONE.get(record.job.status, plots.BLUE)
    badge = (
        f'<span style="border:1px solid {tone};color:{tone};border-radius:99px;padding:1px 10px;font-size:12px;'
        f'white-space:nowrap">{html.escape(record.job.status)}</span>'
    )
    return (
        '<div style="display:flex;justify-content:space-between;align-items:center;gap:16px">'
        f'<span style="font-size:20px;font-weight:600;font-variant-numeric:tabular-nums">{html.escape(_answer(record))}'
        f'</span>{badge}</div><div style="{_SOFT};margin-bottom:8px">{html.escape(_claim(record))}</div>'
    )


def _claim(record: Record) -> str:
    """What the intervals claim, in words."""
    interval, about = record.interval, f"{record.job.kind} {record.job.id}"
    if interval is None:
        return about
    claims = [
        f"{100 * interval.level:g} % interval{'' if len(interval.lower) == 1 else 's'} from block {interval.blocks}"
    ]
    if interval.joint:
        claims.append("valid whenever you stop watching")
    if interval.simultaneous and len(interval.lower) > 1:
        claims.append("all outputs at once")
    return f"{', '.join(claims)} · {about}"


def _picture(record: Record) -> str:
    if record.last is None or not record.last.estimate.value:
        return ""
    tolerance = words.spec_tolerance(record.job)
    values = record.last.estimate.value
    asked = [words.allowed(value, *tolerance) for value in values]
    # A relative tolerance over many outputs is no single line.
    aim = asked[0] if len(values) == 1 else tolerance[0] if tolerance[1] is None else None
    right = plots.sharpening(record.history, aim, width=380)
    if thought := seen(record.last, record.interval):
        left = plots_reasoning.chances(record.history, record.interval, width=560)
        right = plots_reasoning.tree(thought, width=380) or right
    elif len(values) == 1:
        left = plots.trace(record.history, aim, width=560)
    else:
        left = plots.caterpillar(record.history, record.interval, asked, width=560)
    panes = [
        f'<div style="flex:{w} 1 {w // 2}px;max-width:{w}px">{plot}</div>' for w, plot in ((560, left), (380, right))
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:8px 20px">{"".join(panes)}</div>'


def _notes(record: Record) -> list[str]:
    notes: list[str] = []
    if (last := record.last) is not None:
        notes.append(f"spent {words.spent(last.spent)}, {last.blocks} blocks{words.stopped(record.job)}")
        if ahead := words.forecast(last.forecast, words.target(*words.spec_tolerance(record.job))):
            notes.append(f"forecast: {ahead}")
        if last.refused:
            notes.append(words.refusal(last.refused))
    if record.job.error:
        notes.append(_fault(record.job.error))
    return notes


def _fault(problem: wire.Problem) -> str:
    fields = "; ".join(f"{e.pointer}: {e.detail}" for e in problem.errors)
    return f"{problem.title}: {problem.detail}" + (f" ({fields})" if fields else "")


def _note(text: str) -> str:
    return f'<div style="{_SOFT};font-variant-numeric:tabular-nums">{html.escape(text)}</div>'
