"""Method `pimh` on workers: a replicate is a pair of chains over islands of its own, run until they meet.

Imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from burnish_workers.core.decisions import EVENLY, Decision
from burnish_workers.core.estimator import Arrays, flatten
from burnish_workers.core.islands import Islands
from burnish_workers.core.keys import Key
from burnish_workers.core.resampling import log_mean
from burnish_workers.kinds.posterior.coupled import LAST, Pair
from burnish_workers.kinds.posterior.plan import CHAINS, ISLANDS
from burnish_workers.kinds.posterior.simulator import PosteriorSimulator


@dataclass(eq=False)
class _Run:
    """A pair on its way: its key, and the notes and log Z^ of its islands."""

    key: Key
    pair: Pair
    notes: list[np.ndarray] = field(default_factory=list[np.ndarray])
    log_evidence: list[float] = field(default_factory=list[float])

    def next(self, count: int) -> list[Key]:
        """The keys of the next islands: no island serves two replicates."""
        return [self.key.child(1, self.pair.drawn + i) for i in range(count)]

    def take(self, islands: Islands) -> None:
        for log_weight, values, notes in zip(islands.log_weight, islands.values, islands.notes, strict=True):
            self.pair.take(float(log_weight), values)
            self.notes.append(notes)
            self.log_evidence.append(float(log_weight))

    @property
    def summary(self) -> np.ndarray:
        """The notes of an island, averaged (dead particles added up), islands drawn, meeting time, var log Z^."""
        found = np.array(self.notes)
        live = np.array(self.log_evidence[: LAST + 1])
        spread = float(live.var(ddof=1)) if np.isfinite(live).all() else np.nan
        with np.errstate(invalid="ignore"):
            tail = float(np.median(found[:, 3]))
        own = [found[:, 0].sum(), found[:, 1].mean(), found[:, 2].min(), tail]
        return np.array([*own, float(self.pair.drawn), float(self.pair.met or 0), spread])


@dataclass(frozen=True, eq=False)
class PimhSimulator:
    """Blocks of coupled chains over the islands of another simulator."""

    inner: PosteriorSimulator

    @property
    def shares(self) -> bool:
        """Whether the prior is a network, whose forward passes jobs share."""
        return self.inner.shares

    def init(self, lane: Key) -> Arrays:
        return {}

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        runs = [_Run(block.child(i), Pair(block.child(i, 0).generator())) for i in range(replicates)]
        self._go_on(runs, LAST + 1)
        while waiting := [run for run in runs if not run.pair.done]:
            self._go_on(waiting, 1)
        notes = np.array([run.summary for run in runs])
        values = np.array([run.pair.estimate for run in runs])
        # The first LAST + 1 islands are drawn whatever comes: the mean of their Z^ is unbiased.
        log_evidence = np.array([log_mean(np.array(run.log_evidence[: LAST + 1])) for run in runs])
        unweighted = Islands.of(log_evidence, np.zeros_like(values), notes=notes)
        chains = Islands.of(np.zeros(replicates), values, notes=notes)
        return carry, flatten({CHAINS: chains, ISLANDS: unweighted})

    def _go_on(self, runs: Sequence[_Run], count: int) -> None:
        """The next islands of each, all simulated together."""
        found, _ = self.inner.islands([key for run in runs for key in run.next(count)], 0)
        for i, run in enumerate(runs):
            run.take(found.rows(np.arange(i * count, (i + 1) * count)))
