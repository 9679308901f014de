"""How much of a budget to spend on training a surrogate, and how much on simulating with it.

    error(C)^2 = W(C)^2 / (P (T - C)) + B(C)^2,     W(C) = A C^-b

C: cost of training; T - C: what is left, on P workers; W: the deviation of a replicate times the root of its cost;
B: bias that no sampling removes. Without bias dE/dC = 0 gives C = T 2b/(1 + 2b), and training for 2b times what is
simulated is also what reaches a given error soonest. W and B are power laws through what trials measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STEEPEST = 2.0
"""No exponent beyond this is believed: trials are few and noisy, and networks saturate."""

USUAL = 0.5
"""The exponent where there is one trial."""

RECENT, LOCAL = 3, 2
"""A power law goes through so many of the longest trials: the first steps of training obey another one. The second
number is for where nothing is foretold beyond twice the longest."""

GRID = 400


@dataclass(frozen=True)
class Tried:
    """A trial: what its training cost, the deviation of a replicate times the root of its cost, and the bias left."""

    cost: float
    deviation: float
    bias: float


@dataclass(frozen=True)
class PowerLaw:
    """scale C^-exponent, exponent >= 0."""

    scale: float
    exponent: float

    def __call__(self, cost: float) -> float:
        return self.scale * cost**-self.exponent

    @staticmethod
    def through(costs: Sequence[float], values: Sequence[float], recent: int) -> PowerLaw:
        """Least squares in logarithms over the last `recent` points; 0 everywhere where the last value is 0."""
        if values[-1] <= 0:
            return PowerLaw(0.0, 0.0)
        if len(values) == 1:
            return PowerLaw(values[0] * costs[0] ** USUAL, USUAL)
        kept = [(math.log(c), math.log(v)) for c, v in zip(costs, values, strict=True) if v > 0][-recent:]
        x, y = np.array([c for c, _ in kept]), np.array([v for _, v in kept])
        spread = float(((x - x.mean()) ** 2).sum())
        slope = float(((x - x.mean()) * y).sum()) / spread if spread > 0 else 0.0
        exponent = min(max(-slope, 0.0), STEEPEST)
        return PowerLaw(float(np.exp(np.mean(y + exponent * x))), exponent)


@dataclass(frozen=True)
class Outlook:
    """What trials foretell of training for longer. `workers`: P."""

    deviation: PowerLaw
    bias: PowerLaw
    workers: float

    @staticmethod
    def of(trials: Sequence[Tried], workers: float, recent: int = RECENT) -> Outlook:
        """From the last `recent` trials. Raises ValueError without one."""
        if not trials:
            raise ValueError("a split needs at least one trial fit")
        costs = [trial.cost for trial in trials]
        deviation, bias = ([getattr(trial, name) for trial in trials] for name in ("deviation", "bias"))
        through = PowerLaw.through
        return Outlook(through(costs, deviation, recent), through(costs, bias, recent), workers)

    def error(self, training: float, simulating: float) -> float:
        """Root of squared standard error and squared bias."""
        return math.hypot(self.deviation(training) / math.sqrt(self.workers * simulating), self.bias(training))

    def best(self, total: float, least: float) -> float:
        """The cost of training in [least, total) with the smallest error at `total`."""
        costs = np.geomspace(min(least, 0.5 * total), 0.98 * total, GRID)
        return float(min(costs, key=lambda cost: self.error(cost, total - cost)))

    def soonest(self, tolerance: float, least: float, most: float) -> float:
        """The cost of training after which an error of `tolerance` is reached at the smallest total; where no training
        up to `most` reaches it, the one that comes closest."""
        costs = np.geomspace(least, most, GRID)
        return float(min(costs, key=lambda cost: self._total(cost, tolerance)))

    def beside(self, simulating: float) -> float:
        """Training for what will be simulated anyway: C = 2b (T - C)."""
        return 2 * self.deviation.exponent * simulating

    def _total(self, training: float, tolerance: float) -> tuple[float, float]:
        room = tolerance**2 - self.bias(training) ** 2
        if room <= 0:
            return math.inf, self.bias(training)
        return training + self.deviation(training) ** 2 / room / self.workers, 0.0
