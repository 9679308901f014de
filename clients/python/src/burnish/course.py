"""How an answer sharpened, as arrays: what a handle has seen, refinement by refinement. Needs numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from burnish.wire import Interval, Refinement
from burnish.wire.numeric import numpy


@dataclass(frozen=True)
class Course:
    """The history of n refinements of m outputs as numpy arrays; nan where there is no estimate or no interval.

    `sequence`, `blocks`, `replicates`, and what was spent until then, `seconds`, `units`, `tokens`: (n,). `value`,
    `standard_error`, `lower`, `upper`: (n, m), of the outputs that refinements list. Intervals stand where they were
    streamed: between looks they are nan, and the last ones hold.
    """

    sequence: Any
    blocks: Any
    replicates: Any
    seconds: Any
    units: Any
    tokens: Any
    value: Any
    standard_error: Any
    lower: Any
    upper: Any

    @property
    def half_width(self) -> Any:
        """(upper - lower)/2, (n, m)."""
        return (self.upper - self.lower) / 2


def course(history: Sequence[Refinement]) -> Course:
    """The refinements as arrays; of no rows before the first."""
    most = max((len(r.estimate.value) for r in history), default=0)

    def along(read: Callable[[Refinement], float], dtype: type) -> Any:
        return numpy().array([read(r) for r in history], dtype)

    def table(read: Callable[[Refinement], Sequence[float | None]]) -> Any:
        found = numpy().full((len(history), most), numpy().nan)
        for row, refinement in zip(found, history, strict=True):
            values = read(refinement)
            row[: len(values)] = [numpy().nan if value is None else value for value in values]
        return found

    return Course(
        sequence=along(lambda r: r.sequence, int),
        blocks=along(lambda r: r.blocks, int),
        replicates=along(lambda r: r.replicates, int),
        seconds=along(lambda r: r.spent.seconds, float),
        units=along(lambda r: r.spent.units, int),
        tokens=along(lambda r: r.spent.tokens, int),
        value=table(lambda r: r.estimate.value),
        standard_error=table(lambda r: r.estimate.standard_error),
        lower=table(lambda r: _limits(r.interval, "lower")),
        upper=table(lambda r: _limits(r.interval, "upper")),
    )


def _limits(interval: Interval | None, side: str) -> Sequence[float | None]:
    return getattr(interval, side) if interval else ()
