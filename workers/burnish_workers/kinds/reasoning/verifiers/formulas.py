"""Values and scores as formulas of what was written, in the language of `core.expression`.

A formula for unfinished paths gives V, as a tree's `value` does; one for finished paths gives the score v itself, whose
tilt is exp(v/beta). Each path is computed by itself: in a batch, others could change its last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from burnish_workers.core.expression import Expression, ExpressionError
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.protocols import Look, Prefix, Verifier
from burnish_workers.kinds.reasoning.values import log_of
from burnish_workers.kinds.reasoning.verifiers.reading import Reading

WRITTEN = ("steps", "characters")
OWN_VALUE, PASSED = "p", "passed"


def formula_of(text: str, at: str, more: str | None) -> Expression:
    """A formula in what was written, and in `more` where the problem has it. Raises SpecError at `at`."""
    names = [*WRITTEN, *([] if more is None else [more])]
    try:
        found = Expression.parse(text, dict.fromkeys(names, "scalar"))
    except ExpressionError as error:
        why = [said for name, said in _MISSING.items() if more is None and name in text]
        raise SpecError(at, "; ".join([str(error), *why])) from None
    if found.shape != "scalar":
        raise SpecError(at, "the formula gives a vector; values and scores are numbers")
    return found


_MISSING = {
    OWN_VALUE: "p is known where the problem brings values",
    PASSED: "passed is known where the problem has a check of its own",
}


@dataclass(frozen=True)
class FormulaValues:
    """V of unfinished paths. `own`: the values that the problem brings, for `p`."""

    formula: Expression
    reading: Reading
    own: Verifier | None

    @property
    def noisy(self) -> bool:
        return self.own is not None and self.own.noisy

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        asked = self.own if OWN_VALUE in self.formula.names else None
        known = [0.0] * len(rows) if asked is None else asked.log_values(rows)
        return [self._log_value(row, math.exp(min(p, 700.0))) for row, p in zip(rows, known, strict=True)]

    def _log_value(self, row: Look, p: float) -> float:
        value = evaluated(self.formula, {**written(self.reading, row.prefix), OWN_VALUE: p})
        return log_of(value, lambda: self.reading.words(row.prefix), leaf=False)


@dataclass(frozen=True)
class FormulaScores:
    """v of finished paths. `own`: the check that the problem brings, for `passed`."""

    formula: Expression
    reading: Reading
    own: Verifier | None
    noisy: bool = False

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        asked = self.own if PASSED in self.formula.names else None
        known = [0.0] * len(rows) if asked is None else asked.log_values(rows)
        return [
            evaluated(self.formula, {**written(self.reading, row.prefix), PASSED: float(v > -math.inf)})
            for row, v in zip(rows, known, strict=True)
        ]


def written(reading: Reading, prefix: Prefix) -> Mapping[str, float]:
    """What formulas may look at: how many steps, how many characters."""
    return dict(zip(WRITTEN, (float(len(prefix)), float(len(reading.text(prefix)))), strict=True))


def evaluated(formula: Expression, variables: Mapping[str, float]) -> float:
    """One number; nan and infinities are left to who asks."""
    used = {name: np.array([value]) for name, value in variables.items()}
    return float(formula.evaluate(used)[0])
