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
    """Says a line where there is something new to say."""

    tokens: int = 0
    leader: str | None = None
    moves: list[Any] = field(default_factory=list[Any])

    def line(self, refinement: dict[str, Any]) -> str | None:
        """What is new since the last line, with its end of line."""
        told = refinement["diagnostics"]
        tokens, leader = int(refinement["spent"].get("tokens", 0)), told.get("leader")
        if self.tokens and leader == self.leader and tokens < GROWTH * self.tokens:
            return None
        moves = told.get("tree", [])
        move = moves[-1] if moves and moves != self.moves else None
        self.tokens, self.leader, self.moves = max(tokens, 1), leader, moves
        return f"{tokens:,} tokens: {_leads(refinement)}{_moved(move)}\n"


def _leads(refinement: dict[str, Any]) -> str:
    leader = refinement["diagnostics"].get("leader")
    found = next((row for row in answers(refinement) if row["answer"] == leader), None)
    if leader is None or found is None:
        return "no answer yet"
    limits = "" if found["lower"] is None else f" ({found['lower']:.2f} to {found['upper']:.2f})"
    return f"{_short(leader)} leads with {found['chance']:.2f}{limits}"


def _moved(move: dict[str, Any] | None) -> str:
    if not move:
        return ""
    back = move["rolled_back"]
    text = _short("".join(move["accepted"]))
    return f"; went back {len(back)} steps, now {text}" if back else f"; went on with {text}"


def _short(text: str) -> str:
    shown = " ".join(text.split())
    return repr(shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}...")
