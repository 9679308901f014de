"""A watched `reasoning` job: the chain that thinks and backs up, the answers that sharpen, where values lie.

One picture for terminals (colours, struck out steps) and for pipes (the same in plain text).
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from burnish import words
from burnish.reasoned import OTHER, Best, Chance, Depth, Move, Reasoned, seen
from burnish.record import Record

STEPS, ANSWERS, DEPTHS, BAR, NAME = 8, 8, 40, 20, 22
"""Rows of the path, rows of the table, signs of the gauge, signs of a bar, signs of an answer's name."""

PIPE = 78
"""Signs in a line where there is no terminal, so that 80 are enough when it is indented."""

AGREE = 1.1
"""R-hat up to which chains are said to agree (Gelman and Rubin 1992)."""

_LEVELS = "▁▂▃▄▅▆▇█"
_HOLDS = 0.1
"""log mean B up to which a value is said to hold."""


def parts(record: Record) -> list[RenderableType]:
    """What stands between the state of a job and what it spent; nothing for other kinds."""
    found = seen(record.last, record.interval)
    if found is None:
        return []
    return [*_thinking(found), _table(found), *(_fact(*fact) for fact in _facts(found))]


def lines(record: Record) -> list[str]:
    """The same as plain text."""
    file = io.StringIO()
    Console(file=file, width=PIPE, color_system=None, force_terminal=False, legacy_windows=False).print(
        Group(*parts(record))
    )
    return [line.rstrip() for line in file.getvalue().splitlines()]


def headline(found: Reasoned, since: str) -> str:
    """`12 leads 0.40 [0.19, 0.61] (block 8), not decided, backed up 2 steps to depth 1`, for one line of a log."""
    if found.leader is None:
        return "no answer yet"
    chance = found.answers[found.leader]
    text = f"{words.plain(found.leader, NAME)} leads {words.number(chance.value, _half(chance))}"
    if _half(chance) is not None:
        text += f" {_limits(chance)}{since}, {'decided' if found.decided else 'not decided'}"
    return text + (f", {_moved(found.moves[-1])}" if found.moves else "")


# the chain


def _thinking(found: Reasoned) -> list[RenderableType]:
    """The path of the first chain, and beside it what its last move rolled back."""
    title = Text.assemble(("chain 1", "bold"), f" of {found.chains}" if found.chains else "")
    if not found.moves:
        title.append(": it has not moved yet" if found.leader is not None else ": no finished answer yet", "dim")
        return [title, Text()]
    title.append(f", {_moved(found.moves[-1])}")
    title.append(f"   undone {_undone(found.moves)}", "dim")
    title.no_wrap, title.overflow = True, "ellipsis"
    return [title, _path(found), Text()]


def _moved(move: Move) -> str:
    if not move.rolled_back:
        return f"went on by {_steps(len(move.accepted))}"
    return f"backed up {_steps(len(move.rolled_back))} to depth {move.kept}"


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"


def _undone(moves: Sequence[Move]) -> str:
    """How far each move went back, one sign each; the longest path that was undone is the full height."""
    depths = [len(move.rolled_back) for move in moves]
    most = max(*depths, 1)
    return "".join(_LEVELS[round(depth / most * (len(_LEVELS) - 1))] for depth in depths)


def _path(found: Reasoned) -> Table:
    """Rows around the place where the last move cut: kept steps, new ones, and what stood there before."""
    move, path = found.moves[-1], found.path
    total = move.kept + max(len(move.accepted), len(move.rolled_back))
    first = max(0, min(move.kept - 2, total - STEPS))
    table = _grid(("right", None), ("left", 3), ("left", 2))
    if first:
        table.add_row("", Text(f"… {_steps(first)} before", "dim"), "")
    for depth in range(first, min(first + STEPS, total)):
        now = path[depth] if depth < len(path) else ""
        style = "bold green" if depth >= move.kept else ""
        gone = move.rolled_back[depth - move.kept : depth - move.kept + 1] if depth >= move.kept else []
        old = Text(f"✗ {words.plain(gone[0])}", "dim red strike") if gone else Text()
        table.add_row(
            Text(str(depth + 1), "dim"), Text("…", "dim") if now is None else Text(words.plain(now), style), old
        )
    if total > first + STEPS:
        table.add_row("", Text(f"… {_steps(total - first - STEPS)} after", "dim"), "")
    return table


# the answers


def _table(found: Reasoned) -> Table:
    """Answers by chance, each with its interval on the scale from 0 to 1."""
    table = _grid(("left", None), ("left", None), ("left", None), ("left", None))
    table.show_header, table.header_style = True, "dim"
    for column, header in zip(table.columns, ("  answer", "chance", "interval", "0" + "1".rjust(BAR - 1)), strict=True):
        column.header = Text(header, "dim")
    for chance in shown(found):
        leads = chance.answer == found.leader
        style = ("bold green" if found.decided else "bold") if leads else ""
        name = f"{'▸' if leads else ' '} {words.plain(chance.answer, NAME)}"
        value = words.number(chance.value, _half(chance))
        table.add_row(
            Text(name, style), Text(value, style), _limits(chance), Text(bar(chance), "green" if leads else "blue")
        )
    hidden = len(found.answers) - len(shown(found))
    if hidden > 0:
        table.add_row(Text(f"  and {hidden} more", "dim"), "", "", "")
    return table


def shown(found: Reasoned) -> list[Chance]:
    """The likeliest answers, and all others together."""
    chances = list(found.answers.values())
    named = [chance for chance in chances if chance.answer != OTHER]
    return named[:ANSWERS] + [chance for chance in chances if chance.answer == OTHER]


def bar(chance: Chance) -> str:
    """`····━━●━━····` from 0 to 1: the interval, and the estimate on it; without an interval `▪▪▪▪····`."""
    if chance.value is None:
        return ""
    at = min(int(chance.value * BAR), BAR - 1)
    if chance.lower is None or chance.upper is None:
        return ("▪" * (at + 1)).ljust(BAR, "·") if chance.value > 0 else "·" * BAR
    start = min(max(math.floor(chance.lower * BAR), 0), at)
    end = min(max(math.ceil(chance.upper * BAR), at + 1), BAR)
    signs = "·" * start + "━" * (end - start) + "·" * (BAR - end)
    return f"{signs[:at]}●{signs[at + 1 :]}"


def _half(chance: Chance) -> float | None:
    return None if chance.lower is None or chance.upper is None else (chance.upper - chance.lower) / 2


def _limits(chance: Chance) -> str:
    """Cut to [0, 1], which a chance cannot leave."""
    half = _half(chance)
    if half is None or chance.lower is None or chance.upper is None:
        return "-"
    return f"[{words.number(max(chance.lower, 0.0), half)}, {words.number(min(chance.upper, 1.0), half)}]"


# the rest


def _facts(found: Reasoned) -> list[tuple[str, Text]]:
    facts = [("leader", _leader(found))] if found.leader is not None else []
    if found.best:
        facts.append(("best", _best(found.best)))
    if depths := [depth for depth in found.gauge if depth.log_mean is not None]:
        facts += [("gauge", _gauge(depths)), ("", _worst(depths))]
    if found.r_hat is not None:
        facts.append(("chains", _agreement(found)))
    if found.unlisted:
        most = sorted(found.unlisted.items(), key=lambda each: -each[1])[:5]
        facts.append(
            ("unlisted", Text(", ".join(f"{words.plain(name, NAME)} ({words.count(n)} times)" for name, n in most)))
        )
    return facts


def _fact(name: str, value: Text) -> Text:
    return Text.assemble((f"{name:<11}", "dim"), value, no_wrap=True, overflow="ellipsis")


def _leader(found: Reasoned) -> Text:
    name = words.plain(str(found.leader), NAME)
    leader = found.answers[str(found.leader)]
    if found.decided:
        above = "one half" if (leader.lower or 0.0) > 0.5 else "all others' upper limits"
        return Text(f"{name}, decided: its lower limit passes {above}", "green")
    known = _half(leader) is not None
    return Text(f"{name}, {'not decided yet: intervals overlap' if known else 'no interval'}")


def _best(best: Best) -> Text:
    score = f" (score {words.short(best.score)})" if best.score else ""
    return Text(f"{words.plain(best.answer, NAME)}{score}: {' > '.join(map(words.plain, best.steps))}")


def _gauge(depths: Sequence[Depth]) -> Text:
    """One sign a depth, `▄` where values hold; higher: they promised too little, lower: too much."""
    text, reach = Text(), max(*(abs(depth.log_mean or 0.0) for depth in depths), _HOLDS)
    for depth in depths[:DEPTHS]:
        log_mean = depth.log_mean or 0.0
        style = "green" if _holds(depth) else "yellow" if log_mean > 0 else "red"
        text.append(_LEVELS[3 + round(log_mean / reach * (4 if log_mean > 0 else 3))], style)
    return text.append(f" values at depths {depths[0].depth} to {depths[:DEPTHS][-1].depth}, ▄: they hold")


def _holds(depth: Depth) -> bool:
    return abs(depth.log_mean or 0.0) <= max(_HOLDS, 2 * (depth.standard_error or 0.0))


def _worst(depths: Sequence[Depth]) -> Text:
    lying = [depth for depth in depths if not _holds(depth)]
    if not lying:
        return Text("what follows is worth what values promise, at all depths", "green")
    worst = max(lying, key=lambda depth: abs(depth.log_mean or 0.0))
    factor = words.short(math.exp(min(worst.log_mean or 0.0, 700.0)))
    return Text(f"at depth {worst.depth} what follows is worth {factor} times what values promise")


def _agreement(found: Reasoned) -> Text:
    agree = found.r_hat is not None and found.r_hat <= AGREE
    text = Text(
        f"{found.chains} {'agree' if agree else 'do not agree yet'}: R-hat {found.r_hat:.2f}", "" if agree else "yellow"
    )
    if found.effective_steps is not None:
        text.append(
            f", {words.count(round(found.effective_steps))} effective of {words.count(found.steps)} steps", "default"
        )
    return text


def _grid(*columns: tuple[str, int | None]) -> Table:
    """(justify, ratio) of each column: those without a ratio take what they need, and nothing wraps."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, show_header=False, expand=any(r for _, r in columns))
    for justify, ratio in columns:
        table.add_column(justify=justify, ratio=ratio, no_wrap=True, overflow="ellipsis")  # pyright: ignore[reportArgumentType]
    return table
