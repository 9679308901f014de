"""Who gets the next samples: points by how hard they are, components by Neyman's rule. Torch-free, decided at looks.

Without a tolerance the root mean square error over the points is least, for a given number of samples, where a point's
samples are proportional to its spread, n_i ~ s_i (Neyman 1934); with one every half-width must reach its own,
n_i ~ (s_i/tol_i)^2. Over the components of an answer n_c ~ s_c/sqrt(cost_c). Costs are nominal: never measured seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire import Budget
from burnish_workers.core.decisions import Ahead, Decision, catch_up
from burnish_workers.core.estimator import Answer
from burnish_workers.core.purse import Purse
from burnish_workers.kinds.surrogate.plan import LEAST_SHARE, MOST_SHARE, PATH, Composition

POINTS, COMPONENTS = "points", "components"

HARDEST = 5
"""So many points are named as the hardest."""

_STEADY = 4.0
"""A component's samples change by no more than this factor from one decision to the next."""


@dataclass(frozen=True)
class Allotment:
    """`width`: outputs of a point, which share its samples; `budget`: the one posted, for its tolerances."""

    width: int
    budget: Budget
    composition: Composition

    def decide(self, answer: Answer, spreads: Mapping[str, float], ahead: Ahead) -> Decision:
        """Shares of points (m,) and of components (c,), both relative to the plan's.

        `spreads`: a sample's standard deviation by component, on one scale.
        """
        before = ahead.until_then
        held = before.get(POINTS, np.ones(len(answer.combined.value) // self.width))
        pace = float(before[COMPONENTS][0]) if COMPONENTS in before else 1.0
        levels = self._levels(spreads, before.get(COMPONENTS))
        had = answer.parts[PATH].count.reshape(-1, self.width)[:, 0] + held * pace * (ahead.then - ahead.now)
        amount = len(held) * float(levels[0]) * (ahead.until - ahead.then)
        return {POINTS: catch_up(self._wanted(answer), had, amount), COMPONENTS: levels}

    def _wanted(self, answer: Answer) -> NDArray[np.float64]:
        """Samples of each point, up to a factor."""
        need = self._needs(answer).reshape(-1, self.width)
        if self.budget.has_tolerance:
            return need.max(axis=1) ** 2
        scale = np.sqrt(np.mean(need**2, axis=0, keepdims=True))
        return np.sqrt(np.mean((need / np.where(scale > 0, scale, 1.0)) ** 2, axis=1))

    def _needs(self, answer: Answer) -> NDArray[np.float64]:
        """s of each output, over what its tolerance leaves to sampling where there is one."""
        spread = answer.combined.standard_error * np.sqrt(answer.combined.replicates)
        target = Purse(self.budget, None).tolerance(answer.combined.value)
        if target is not None:
            # A point whose bias exceeds its tolerance is not to take what others can use.
            spread = spread / np.maximum(np.maximum(target - answer.bias, target / 4), 1e-300)
        known = np.isfinite(spread)
        return np.where(known, spread, spread[known].mean() if known.any() else 1.0)

    def _levels(self, spreads: Mapping[str, float], before: NDArray[Any] | None) -> NDArray[np.float64]:
        """Samples of each component relative to the plan's, at the same nominal cost."""
        names = self.composition.components
        cost = np.array([self.composition.cost(name) for name in names])
        planned = np.array([1.0 if name == PATH else 1 / self.composition.shares[name] for name in names])
        held = np.ones(len(names)) if before is None else before.astype(np.float64)
        spread = np.array([spreads[name] for name in names])
        if len(names) == 1 or not spread[0] > 0 or not np.isfinite(spread).all():
            return held
        # Relative to the paths': bounded as the plan's own, and no jump on the word of a few samples.
        rate = np.clip(spread / spread[0] * np.sqrt(cost[0] / cost), 1 / MOST_SHARE, 1 / LEAST_SHARE)
        now = held * planned / held[0]
        rate = np.clip(rate, now / _STEADY, now * _STEADY)
        rate[0] = 1.0
        return rate / planned * (cost @ planned) / (cost @ rate)


def hardest(answer: Answer, width: int) -> list[dict[str, Any]]:
    """The points whose outputs have the widest spread per sample, with how many samples they have had."""
    spread = answer.combined.standard_error * np.sqrt(answer.combined.replicates)
    each = np.nan_to_num(spread.reshape(-1, width)[:, 0])
    typical = float(np.median(each))
    order = np.argsort(-each, kind="stable")[:HARDEST]
    return [
        {
            "point": int(i),
            "spread": float(each[i]),
            "over_median": float(each[i] / typical) if typical > 0 else None,
            "samples": int(answer.combined.replicates[i * width]),
        }
        for i in order
    ]
