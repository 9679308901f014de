"""Statistics of a job with declared bounds: those of its kind, and beside them the bets of its intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from burnish_workers.core.betting import Betting, Bounds
from burnish_workers.core.decisions import EVENLY, Ahead, Decision
from burnish_workers.core.estimator import Answer, Arrays, Plan, State, Statistics, unflatten

BETS = "bets"
"""The name of the bets in a state."""


@dataclass(frozen=True)
class BoundedStatistics:
    """Wraps the statistics of an estimator with one random component: a replicate of the answer is a replicate of that
    component plus the constant ones."""

    inner: Statistics
    bounds: Bounds

    @property
    def leading(self) -> str:
        return self.inner.leading

    @property
    def independent(self) -> bool:
        return self.inner.independent

    def empty(self) -> State:
        state = self.inner.empty()
        return self._with(state, Betting.empty(state[self.leading].outputs))

    def fold(self, state: State, stats: Arrays) -> State:
        block, bets = unflatten(stats), self._bets(state)
        x = block[self.leading]
        constant = sum((part.mean for name, part in block.items() if name != self.leading), np.zeros(x.outputs))
        least, most = x.low[:, 0] + constant, x.high[:, 0] + constant
        count = x.count.astype(np.float64)
        bets = self.bounds.bet(bets, count, x.mean + constant, x.m2, least, most)
        return self._with(self.inner.fold(self._without(state), stats), bets)

    def answer(self, state: State) -> Answer:
        bets = self._bets(state)
        return replace(self.inner.answer(self._without(state)), bets=(self.bounds, bets))

    def units(self, replicates: int) -> int:
        return self.inner.units(replicates)

    def cost(self, replicates: int) -> float:
        return self.inner.cost(replicates)

    def tuned(self, state: State) -> Plan:
        return self.inner.tuned(self._without(state))

    def decide(self, state: State, ahead: Ahead) -> Decision:
        return EVENLY  # bets are placed on replicates of all outputs together

    def _bets(self, state: State) -> Betting:
        return state[BETS]

    def _without(self, state: State) -> State:
        return {name: part for name, part in state.items() if name != BETS}

    def _with(self, state: State, bets: Betting) -> State:
        return {**state, BETS: bets}
