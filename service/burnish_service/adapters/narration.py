"""What a job tells while it thinks, in lines for people. A pure function of its events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from burnish_service.adapters.findings import answers

GROWTH = 1.05
"""A line comes when another answer leads, or this many times the tokens are spent: a long job is no long text."""
_SHOWN = 60


@dataclass
class Narrator:
    """Says a line where there is something new to say. `said`: what led when it last did."""

    tokens: int = 0
    said: str = ""
    moves: list[Any] = field(default_factory=list[Any])

    def line(self, refinement: dict[str, Any]) -> str | None:
        """What is new since the last line, with its end of line."""
        told = refinement["diagnostics"]
        tokens, leads = int(refinement["spent"].get("tokens", 0)), _leads(told)
        if self.tokens and leads == self.said and tokens < GROWTH * self.tokens:
            return None
        moves = told.get("tree", [])
        move = moves[-1] if moves and moves != self.moves else None
        self.tokens, self.said, self.moves = max(tokens, 1), leads, moves
        return f"{tokens:,} tokens: {leads}{_chance(refinement)}{_moved(move)}\n"


def _leads(told: dict[str, Any]) -> str:
    if told.get("leader") is not None:
        return f"{_short(told['leader'])} leads"
    return f"{_short(told['best']['answer'])} is the best so far" if told.get("best") else "no answer yet"


def _chance(refinement: dict[str, Any]) -> str:
    """Of the leader, with its limits where there are some."""
    leader = refinement["diagnostics"].get("leader")
    found = next((row for row in answers(refinement) if row["answer"] == leader), None)
    if found is None or found["chance"] is None:
        return ""
    limits = "" if found["lower"] is None else f" ({found['lower']:.2f} to {found['upper']:.2f})"
    return f" with {found['chance']:.2f}{limits}"


def _moved(move: dict[str, Any] | None) -> str:
    if not move:
        return ""
    back = move["rolled_back"]
    text = _short("".join(move["accepted"]))
    steps = "a step" if len(back) == 1 else f"{len(back)} steps"
    return f"; went back {steps}, now {text}" if back else f"; went on with {text}"


def _short(text: str) -> str:
    shown = " ".join(text.split())
    return repr(shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}...")
