"""What blocks used up beside time: tokens and calls of a verifier. Folded like statistics, for budgets in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

USED = "used"
"""Name of the component of a kind whose blocks generate tokens."""


@dataclass(frozen=True)
class Used:
    """`tokens`: all that were generated, those of rejected candidates too; `verifier_calls`: prefixes valued."""

    tokens: int = 0
    verifier_calls: int = 0

    def plus(self, other: Used) -> Used:
        return Used(self.tokens + other.tokens, self.verifier_calls + other.verifier_calls)

    def summary(self) -> tuple[float, float]:
        return float(self.tokens), float(self.verifier_calls)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, to store or to send."""
        return {"tokens": np.array([self.tokens]), "verifier_calls": np.array([self.verifier_calls])}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Used:
        """Inverse of `to_arrays`."""
        return Used(int(arrays["tokens"][0]), int(arrays["verifier_calls"][0]))


NOTHING_USED = Used()


def used_by(state: Mapping[str, Any]) -> Used:
    """What a folded prefix used up: nothing for kinds that generate no tokens."""
    return state.get(USED, NOTHING_USED)
