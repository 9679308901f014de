"""The budget at run time: may another block be issued, and why did the job stop?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from burnish.wire import Budget, Spent, StoppedBy

_Amount = Literal["seconds", "worker_seconds", "gpu_seconds", "units", "tokens", "verifier_calls"]
AMOUNTS: tuple[_Amount, ...] = ("seconds", "worker_seconds", "gpu_seconds", "units", "tokens", "verifier_calls")
"""What a budget may limit, the first named first."""


@dataclass(frozen=True)
class Purse:
    """`planned`: block count at which a job that has nothing but a tolerance gives up; None when amounts bound it."""

    budget: Budget
    planned: int | None

    def exhausted(self, spent: Spent, issued_units: int, issued_blocks: int) -> StoppedBy | None:
        """Why no further block may be issued, or None.

        Units count as they are *issued* (a block in flight will be counted), seconds as they pass. An issued block is
        always folded: the caller drains what is in flight.
        """
        for name in AMOUNTS:
            limit = getattr(self.budget, name)
            used = issued_units if name == "units" else getattr(spent, name)
            if limit is not None and used >= limit:
                return name
        if self.planned is not None and issued_blocks >= self.planned:
            return "planned_blocks"
        return None

    def tolerance(self, value: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The half-width that each output must reach: max(abs_tol, rel_tol |estimate|); None without a tolerance."""
        if not self.budget.has_tolerance:
            return None
        absolute, relative = self.budget.abs_tol or 0.0, self.budget.rel_tol or 0.0
        return np.maximum(absolute, relative * np.abs(value))

    def unreachable(self, value: NDArray[np.float64], bias: NDArray[np.float64], noise: NDArray[np.float64]) -> bool:
        """Whether the bias of some output exceeds its tolerance, and is known better than it is large.

        `noise`: what sampling adds to the half-width. It must be no larger than the bias: before that more samples may
        show the bias to be smaller than it seems.
        """
        target = self.tolerance(value)
        if target is None:
            return False
        return bool(np.any((bias > target) & (noise <= bias)))

    def met(self, value: NDArray[np.float64], half_width: NDArray[np.float64]) -> bool:
        """Whether *every* half-width is within tolerance (a refused output has none: never met)."""
        target = self.tolerance(value)
        return target is not None and bool(np.all(np.isfinite(half_width) & (half_width <= target)))
