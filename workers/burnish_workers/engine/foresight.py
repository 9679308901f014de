"""What a job foretold of itself, for the comparison with what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from burnish.wire import Refinement

TWICE = (1.9, 2.1)
"""Multiples of the units at a look that count as twice as many: the forecast `2x` is compared with what was reached."""


@dataclass
class Foresight:
    """`told`: units, and the half-width that was forecast for twice as many, of each refinement with both."""

    told: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])

    @staticmethod
    def of(refinements: Iterable[Refinement]) -> Foresight:
        foresight = Foresight()
        for refinement in refinements:
            foresight.hear(refinement)
        return foresight

    def hear(self, refinement: Refinement) -> None:
        if refinement.interval is not None and refinement.forecast is not None:
            foretold = refinement.forecast.error_at.get("2x")
            if foretold:
                self.told.append((refinement.spent.units, foretold))

    def ratio(self, last: Refinement) -> float | None:
        """The last half-width over what was forecast for it when half the units were spent; None without either."""
        if last.interval is None or last.forecast is None or last.forecast.half_width is None:
            return None
        for units, foretold in reversed(self.told):
            if TWICE[0] <= last.spent.units / max(units, 1) <= TWICE[1]:
                return last.forecast.half_width / foretold
        return None
