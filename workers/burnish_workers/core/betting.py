"""Intervals for replicates with declared bounds: valid at every moment, for any distribution, from the first block on.

Predictable plug-in empirical Bernstein confidence sequence of Waudby-Smith and Ramdas (JRSS B 86, 2024, theorem 2). For
x_t in [0, 1] with mean mu, bets lambda_t that depend on the past only, and any guess mu_{t-1} from the past,

    sum lambda_t x_t / sum lambda_t  +-  (log(2/alpha) + sum (x_t - mu_{t-1})^2 psi(lambda_t)) / sum lambda_t,
    psi(lambda) = -log(1 - lambda) - lambda,     lambda_t = min(1/2, sqrt(2 log(2/alpha) / (s2_{t-1} t log(1 + t)))),

holds for all t together with chance 1 - alpha. Here bet and guess are frozen over each block, so that the count, the
mean and the squares of a block suffice; the result depends on the order of blocks, which the ordered fold fixes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]

LARGEST_BET = 0.5
SLACK = 1e-6
"""Part of the range by which rounding may carry a value over its bounds."""


@dataclass(frozen=True, eq=False)
class Betting:
    """The state after some blocks, for each of m outputs scaled to [0, 1]; all of shape (m,).

    Attributes:
        count: t, samples so far.
        total, squares: sum of x and of (x - 1/2)^2, for the next guess and the next bet.
        bets: sum lambda_t. staked: sum lambda_t x_t. cost: sum (x_t - mu_{t-1})^2 psi(lambda_t).
        worst: the value farthest outside the bounds, in the units of the output; nan where there is none.
    """

    count: _Array
    total: _Array
    squares: _Array
    bets: _Array
    staked: _Array
    cost: _Array
    worst: _Array

    @staticmethod
    def empty(outputs: int) -> Betting:
        zero = np.zeros(outputs)
        return Betting(zero, zero, zero, zero, zero, zero, np.full(outputs, np.nan))

    def to_arrays(self) -> dict[str, _Array]:
        """The arrays by name, to store."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @staticmethod
    def from_arrays(arrays: Mapping[str, _Array]) -> Betting:
        """Inverse of `to_arrays`."""
        return Betting(**{field.name: np.asarray(arrays[field.name], np.float64) for field in fields(Betting)})


@dataclass(frozen=True)
class Bounds:
    """`low` < `high`: where every replicate lies, as declared. `alpha`: chance of a miss at any time, per output."""

    low: float
    high: float
    alpha: float

    def bet(self, state: Betting, count: _Array, mean: _Array, m2: _Array, least: _Array, most: _Array) -> Betting:
        """Add a block of `count` samples with that mean, central sum of squares, minimum and maximum; all (m,)."""
        guess = (0.5 + state.total) / (state.count + 1)
        # Squares about 1/2 give those about the guess that is current: sum (x - g)^2 = sum (x - 1/2)^2 - t (g - 1/2)^2.
        spread = 0.25 + np.maximum(state.squares - state.count * (guess - 0.5) ** 2, 0.0)
        variance = spread / (state.count + 1)
        t = state.count + np.maximum(count, 1)
        stake = np.minimum(LARGEST_BET, np.sqrt(2 * np.log(2 / self.alpha) / (variance * t * np.log1p(t))))
        x, squares = self._scaled(mean), m2 / (self.high - self.low) ** 2
        return replace(
            state,
            count=state.count + count,
            total=state.total + count * x,
            squares=state.squares + squares + count * (x - 0.5) ** 2,
            bets=state.bets + count * stake,
            staked=state.staked + count * stake * x,
            cost=state.cost + (squares + count * (x - guess) ** 2) * (-np.log1p(-stake) - stake),
            worst=self._worst(state.worst, least, most),
        )

    def interval(self, state: Betting) -> tuple[_Array, _Array]:
        """Lower and upper limits, within the bounds, shape (m,); nan before the first sample and where a sample broke
        the bounds."""
        honest = (state.count > 0) & np.isnan(state.worst)
        bets = np.where(honest, state.bets, np.nan)
        centre, width = state.staked / bets, (np.log(2 / self.alpha) + state.cost) / bets
        lower, upper = np.maximum(centre - width, 0.0), np.minimum(centre + width, 1.0)
        return self.low + (self.high - self.low) * lower, self.low + (self.high - self.low) * upper

    def _scaled(self, x: _Array) -> _Array:
        return np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)

    def _worst(self, before: _Array, least: _Array, most: _Array) -> _Array:
        slack = SLACK * (self.high - self.low)
        found = before
        for value, excess in ((least, self.low - least), (most, most - self.high)):
            found = np.where((excess > slack) & (np.isnan(found) | (excess > self._excess(found))), value, found)
        return found

    def _excess(self, x: _Array) -> _Array:
        return np.maximum(self.low - x, x - self.high)
