"""Two verifiers as one: the first values unfinished paths, the second judges finished ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from burnish_workers.kinds.reasoning.protocols import Look, Verifier


@dataclass(frozen=True)
class Combined:
    """Noisy where either of them is: then each answer is kept by the chain that got it, and none is shared."""

    values: Verifier
    ends: Verifier

    @property
    def noisy(self) -> bool:
        return self.values.noisy or self.ends.noisy

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        judged = iter(self._asked(self.ends, [row for row in rows if row.leaf]))
        valued = iter(self._asked(self.values, [row for row in rows if not row.leaf]))
        return [next(judged if row.leaf else valued) for row in rows]

    def _asked(self, verifier: Verifier, rows: list[Look]) -> list[float]:
        return verifier.log_values(rows) if rows else []
