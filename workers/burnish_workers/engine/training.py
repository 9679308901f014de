"""Training as tasks for a fleet, and what of a budget it may use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from burnish.wire import Budget, SpecBase, Spent
from burnish_workers.core.fitting import Fitting
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key, fit_key
from burnish_workers.core.kind import Kind
from burnish_workers.engine.fleet import BlockTask
from burnish_workers.engine.resolve import code_of

SLICE = 1.2
"""Seconds of a slice: what a dead worker costs, and what watchers wait for news."""

MOST_OF_BUDGET = 0.9
"""Part of each kind of seconds at which training ends, wherever it is: the rest is to simulate with what there is."""


@dataclass(frozen=True)
class Slices:
    """The tasks of one training run: a spec whose number of steps is known, and a key."""

    spec: SpecBase
    inputs: Inputs
    numeric_class: str
    key: Key | None = None

    def task(self, carry: Mapping[str, Any], start: int, count: int) -> BlockTask:
        """`count` steps from `start`; none: the model as it is."""
        key = self.key or fit_key(self.spec.seed or 0)
        return BlockTask(code_of(self.spec, self.inputs), key, start, count, self.numeric_class, carry, lane=key)


_SECONDS = ("seconds", "worker_seconds", "gpu_seconds")


def seconds_left(budget: Budget, spent: Spent) -> float:
    """Seconds of training before one of the budget's limits is used up to MOST_OF_BUDGET."""
    limits = ((getattr(budget, name), getattr(spent, name)) for name in _SECONDS)
    return min((MOST_OF_BUDGET * limit - used for limit, used in limits if limit is not None), default=math.inf)


def time_left(budget: Budget, spent: Spent) -> float:
    """Seconds before one of the budget's limits is used up."""
    limits = ((getattr(budget, name), getattr(spent, name)) for name in _SECONDS)
    return min((limit - used for limit, used in limits if limit is not None), default=math.inf)


def left_of(budget: Budget, spent: Spent) -> Budget:
    """What simulating may spend: the seconds that are left, and at least a hundredth of what there was."""
    limits = {name: getattr(budget, name) for name in _SECONDS}
    left = {name: max(limit - getattr(spent, name), limit / 100) for name, limit in limits.items() if limit is not None}
    return budget.model_copy(update=left)


def finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no infinities."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def fitting_of(kind: Kind, spec: SpecBase) -> Fitting | None:
    """How to train the model of a spec; None where the spec wants none trained."""
    return kind.fitting if kind.fitting is not None and kind.fitting.wish(spec) is not None else None
