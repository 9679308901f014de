"""The mixture of kernels: each leaves mu as it is, and so does a choice among them that does not look at the state.

All of them act on leaves alone, so that a chain always holds a finished answer. (Choosing by where a path stands would
look at the state, and be wrong.) The default is defensive: local moves where the values are good, block rollback where
they mislead on the way but not at the end, restarts where they are worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from burnish_workers.kinds.reasoning.block import block
from burnish_workers.kinds.reasoning.excursion import excursion
from burnish_workers.kinds.reasoning.filter import conditional_filter
from burnish_workers.kinds.reasoning.requests import Move, Setting
from burnish_workers.kinds.reasoning.restart import restart
from burnish_workers.kinds.reasoning.sibling import sibling
from burnish_workers.kinds.reasoning.state import State


@dataclass(frozen=True, slots=True)
class Shares:
    """Chances of the kernels, up to a factor: excursions of K1, K3, K4, K5."""

    excursion: float
    block: float = 0.0
    restart: float = 0.0
    filter: float = 0.0

    def values(self) -> tuple[float, ...]:
        return (self.excursion, self.block, self.restart, self.filter)


KERNELS = {"excursion": excursion, "block": block, "restart": restart, "filter": conditional_filter}


def step(state: State, setting: Setting, shares: Shares) -> Move:
    """One step of the mixture, and of K2."""
    name = list(KERNELS)[setting.source.choose(shares.values())]
    state = yield from KERNELS[name](state, setting)
    return (yield from sibling(state, setting))
