"""Ends judged by an exact check of what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from burnish_workers.kinds.reasoning.checks import Passes, score
from burnish_workers.kinds.reasoning.protocols import Look
from burnish_workers.kinds.reasoning.verifiers.reading import Reading


@dataclass(frozen=True)
class Checked:
    """v = 0 where the text of a finished path passes, -inf where not."""

    passes: Passes
    reading: Reading
    noisy: bool = False

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        return [score(self.passes(self.reading.prompt, self.reading.text(row.prefix))) for row in rows]
